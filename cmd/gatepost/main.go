// Command gatepost is the gateway: one binary with subcommands. Everything
// concrete meets here; what is decided is decided in the packages that it
// wires together.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// cli is the command line. Every command takes --config and, where a script
// would read its output, --json.
type cli struct {
	Config string `env:"GATEPOST_CONFIG" help:"Configuration file. Absent: gatepost.yaml here, else /etc/gatepost/gatepost.yaml." placeholder:"FILE" type:"path"`
	JSON   bool   `name:"json" help:"One JSON object a line instead of text."`

	Init     initCmd     `cmd:"" help:"Write a configuration in observe mode, make keyring and certificate, print what to publish."`
	Serve    serveCmd    `cmd:"" help:"Run the gateway until SIGTERM."`
	Demo     demoCmd     `cmd:"" help:"Run the whole system on loopback with sample senders and a mailbox to look into."`
	Check    checkCmd    `cmd:"" help:"Check configuration and policy, run the policy's own cases."`
	Doctor   doctorCmd   `cmd:"" help:"Check the installation from outside: names, ports, certificate, DNS records to publish."`
	Explain  explainCmd  `cmd:"" help:"Say what policy decides about a mail, and why."`
	Policy   policyCmd   `cmd:"" help:"Show, test and compare policies."`
	Queue    queueCmd    `cmd:"" help:"What waits to be delivered."`
	Held     heldCmd     `cmd:"" help:"What waits for a person."`
	Message  messageCmd  `cmd:"" help:"One message."`
	Link     linkCmd     `cmd:"" help:"Links to secured messages."`
	User     userCmd     `cmd:"" help:"Staff who may log in."`
	Contact  contactCmd  `cmd:"" help:"Correspondents: second address, phone, language."`
	Consent  consentCmd  `cmd:"" help:"Who wants no more SMS."`
	Audit    auditCmd    `cmd:"" help:"Evidence."`
	Key      keyCmd      `cmd:"" help:"Keys."`
	Backup   backupCmd   `cmd:"" help:"Copy the data while the server runs. Holds no private key."`
	Restore  restoreCmd  `cmd:"" help:"Put a backup in place. The queue starts paused."`
	Store    storeCmd    `cmd:"" help:"The record store, for support."`
	Sendmail sendmailCmd `cmd:"" help:"Hand a mail from standard input to the relay listener (also under the name sendmail)."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// environment is what a command may touch; tests replace it.
type environment struct {
	places   []string // where config was looked for; nil: somebody named it
	in       io.Reader
	out, err io.Writer
	config   string
	json     bool
	disk     vfs.FS       // of the store; nil: the operating system's
	log      slog.Handler // nil: JSON lines on err, redacted
}

// exit is an error with the exit code of sysexits.h.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string { return e.err.Error() }
func (e exit) Unwrap() error { return e.err }

// Exit codes of sysexits.h that commands use.
const (
	exitUsage       = 64
	exitData        = 65
	exitNoInput     = 66
	exitNoUser      = 67
	exitUnavailable = 69
	exitSoftware    = 70
	exitCantCreate  = 73
	exitTemporary   = 75
	exitNoPerm      = 77
	exitConfig      = 78
)

func main() {
	args := os.Args[1:]
	if strings.HasPrefix(filepath.Base(os.Args[0]), "sendmail") {
		args = append([]string{"sendmail"}, args...)
	}
	os.Exit(run(context.Background(), args, environment{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("gatepost"),
		kong.Description("A mail and SMS gateway that turns sensitive messages into links that only their reader can open.\n\nFirst steps:\n\n  gatepost demo                     see it work on this machine\n  gatepost init --domain x.example  write a configuration that only observes\n  gatepost check                    check configuration and policy\n  gatepost serve                    run"),
		kong.Writers(env.out, env.err),
		kong.Exit(func(n int) { code = n }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(helpWithExamples),
	)
	if err != nil {
		fmt.Fprintln(env.err, "gatepost:", err)
		return exitSoftware
	}
	if args, err = withoutForeignOptions(args); err != nil {
		fmt.Fprintln(env.err, "gatepost:", err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if code >= 0 {
		return code // --help was asked for and shown
	}
	if err != nil {
		fmt.Fprintf(env.err, "gatepost: %v (see %s --help)\n", err, commandOf(err))
		return exitUsage
	}
	env.config, env.json = c.Config, c.JSON
	if env.config == "" {
		env.places = configPlaces(parsed.Selected().Name)
		env.config = firstThere(env.places...)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(env, parsed.Run(env))
}

// commandOf is the command as far as a command line that is wrong was understood.
func commandOf(err error) string {
	name := "gatepost"
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		for _, p := range wrong.Context.Path {
			if p.Command != nil {
				name = p.Command.FullPath()
			}
		}
	}
	return name
}

// Where configurations are looked for when nothing names one.
const (
	localConfig    = "gatepost.yaml" // in the current directory
	systemConfig   = "/etc/gatepost/gatepost.yaml"
	sendmailConfig = "/etc/gatepost-sendmail.yaml" // readable by everybody: /etc/gatepost is not
)

// configPlaces lists where a command looks when neither --config nor
// GATEPOST_CONFIG names a file, best first. Programs start sendmail wherever
// they stand, so there what the system says comes first: a file that somebody
// left in a directory must not take their mail elsewhere.
func configPlaces(command string) []string {
	switch command {
	case "init":
		return []string{localConfig}
	case "sendmail":
		return []string{sendmailConfig, systemConfig, localConfig}
	}
	return []string{localConfig, systemConfig}
}

// firstThere is the first file that exists, as an absolute path; if none does,
// the one in the current directory. One of the system's that may not be looked
// at counts as there, since to go on would hide why; a current directory that
// may not be looked at (root's, under runuser) is passed over.
func firstThere(files ...string) string {
	found := localConfig
	for _, f := range files {
		if _, err := os.Stat(f); err == nil || errors.Is(err, os.ErrPermission) && filepath.IsAbs(f) {
			found = f
			break
		}
	}
	if abs, err := filepath.Abs(found); err == nil {
		return abs
	}
	return found
}

func there(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, os.ErrNotExist)
}

func exitCode(env environment, err error) int {
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(env.err, "gatepost:", text)
		if len(env.places) > 1 && strings.Contains(text, "open "+env.config+":") && !there(env.config) {
			fmt.Fprintf(env.err, "gatepost: looked in %s; --config or GATEPOST_CONFIG names another place\n", strings.Join(env.places, ", then "))
		}
	}
	var e exit
	if errors.As(err, &e) {
		return e.code
	}
	return exitSoftware
}

type versionCmd struct{}

func (versionCmd) Run(env environment) error {
	if env.json {
		return json.NewEncoder(env.out).Encode(map[string]string{"version": version()})
	}
	_, err := fmt.Fprintln(env.out, "gatepost", version())
	return err
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}
