package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/config"
)

type initCmd struct {
	Domain   []string `required:"" help:"Mail domain of the organization; repeat for more."`
	Name     string   `help:"Name of the organization as correspondents know it."`
	Via      string   `help:"Where mail goes next: host:port of a mail server or smart host, or mx." default:"mx"`
	Inside   string   `help:"host:port of the organization's own mail server, for answers."`
	Trust    []string `help:"Network or address that may relay through Gatepost; repeat for more."`
	Hostname string   `help:"Name of this gateway in EHLO, Received and DNS, such as gate.x.example. Absent: the system's, if it has a public domain."`
	URL      string   `help:"How the world reaches the viewer. Absent: https://secure.<domain>."`
	DataDir  string   `help:"Directory of store, blobs and evidence." default:"./gatepost-data"`
	KeyDir   string   `help:"Directory of keys; not inside the other." default:"./gatepost-keys"`
	Force    bool     `help:"Overwrite the configuration file."`
}

// Run writes a configuration that observes, makes what serve would make, and
// prints what the DNS must say.
func (i initCmd) Run(ctx context.Context, env environment) error {
	for _, d := range i.Domain {
		if a, err := gateway.ParseAddress("x@" + strings.ToLower(d)); err != nil || strings.HasPrefix(a.Domain(), "[") {
			return exit{exitUsage, fmt.Errorf("%q is no mail domain", d)}
		}
	}
	if _, err := os.Stat(env.config); err == nil && !i.Force {
		return exit{exitCantCreate, fmt.Errorf("%s exists already (--force overwrites it)", env.config)}
	}
	text := i.configuration()
	if err := i.check(env.config, text); err != nil {
		return exit{exitUsage, fmt.Errorf("nothing was written: %w", err)}
	}
	if err := writeNew(env.config, []byte(text)); err != nil {
		return exit{exitCantCreate, err}
	}
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	s, err := openSystem(ctx, c, env, forServer)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Fprintf(env.out, "Wrote %s (mode: observe). Keys are in %s: back them up apart from %s.\n\n", env.config, c.KeyDir, c.DataDir)
	fmt.Fprintln(env.out, "Publish in the DNS:")
	return errors.Join(printRecords(env.out, c), printNext(env.out))
}

// check finds what the flags got wrong, and says it of the flags: nobody has
// seen the file yet.
func (i initCmd) check(file, text string) error {
	parsed, err := config.Parse(file, []byte(text))
	if err == nil {
		err = parsed.Check()
	}
	var found config.Problems
	if !errors.As(err, &found) {
		return err
	}
	var lines []string
	for _, p := range found {
		name := p.Path
		for path, flag := range map[string]string{"hostname": "--hostname", "organization.name": "--name", "organization.domains": "--domain", "relay.trusted": "--trust", "data_dir": "--data-dir", "key_dir": "--key-dir", "viewer.url": "--url"} {
			if strings.HasPrefix(p.Path, path) {
				name = flag
			}
		}
		if strings.HasPrefix(p.Path, "routes[") {
			name = i.routeFlag(p.Path)
		}
		lines = append(lines, name+": "+p.Text)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// routeFlag is the flag of which a route was made.
func (i initCmd) routeFlag(path string) string {
	if i.Inside != "" && !strings.HasPrefix(path, fmt.Sprintf("routes[%d]", len(i.Domain))) {
		return "--inside"
	}
	return "--via"
}

func printNext(w io.Writer) error {
	_, err := fmt.Fprint(w, `
Next: route a little mail through it and look.
  gatepost check
  gatepost serve
  gatepost doctor
When its verdicts are what you want, set "mode: enforce" and reload: systemctl reload
gatepost, or kill -HUP its process.
`)
	return err
}

func (i initCmd) configuration() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := i.Name
	if name == "" {
		name = i.Domain[0]
	}
	line("# Gatepost. Every key is explained by: gatepost check --documented")
	line("mode: observe            # judge and record, change nothing; then: enforce")
	line("organization:")
	line("  name: %q", name)
	line("  domains: [%s]", strings.ToLower(strings.Join(i.Domain, ", ")))
	line("  # help: \"+1 555 010 0100\"    # whom a correspondent may ask: a telephone number or mail address")
	line("  # timezone: Europe/Berlin    # of local_time and weekend in rules, and of dates in mails; absent: the system's")
	if i.Hostname != "" {
		line("hostname: %q", i.Hostname)
	}
	line("data_dir: %q", i.DataDir)
	line("key_dir: %q", i.KeyDir)
	line("relay: {trusted: [%s]}   # who may relay through Gatepost without AUTH", quoted(i.Trust))
	line("routes:")
	if i.Inside != "" {
		for _, d := range i.Domain {
			line("  - {domain: %s, via: %q, tls: opportunistic}", strings.ToLower(d), i.Inside)
		}
	}
	line("  - {domain: \"*\", via: %q, tls: opportunistic}", i.Via)
	if i.URL != "" {
		line("viewer: {url: %q}", i.URL)
	}
	l := config.Defaults().Listen
	line(smsExample, l.Relay, l.Inbound, l.Submission, l.Viewer, l.Admin, strings.ToLower(i.Domain[0]))
	return b.String()
}

// smsExample shows what SMS need, with the other listeners and a domain in its
// gaps. Without its "# " it loads, once the files of the passwords are there.
const smsExample = `# SMS: applications bind to listen.smpp, Gatepost binds to the carrier. Take the "# " away, and put what is yours:
# listen: {relay: %q, inbound: %q, submission: %q, smpp: "127.0.0.1:2775", viewer: %q, admin: %q}   # what is not named here is not listened for
# sms:
#   country: US                                   # of numbers without a country code
#   accounts:
#     - system_id: appointments
#       password: {file: appointments.password}   # one line in a file beside this one, mode 0600
#       senders: ["+15550100200"]                 # its source addresses; the first stands in where it names none
#       inbox: frontdesk@%s                       # who gets reports and answers
#   upstream: {addr: "smpp.carrier.example:3550", system_id: clinic, password: {file: carrier.password}, tls: verify}`

// quoted makes a list of words that YAML takes for nothing but words.
func quoted(words []string) string {
	var list []string
	for _, w := range words {
		list = append(list, strconv.Quote(w))
	}
	return strings.Join(list, ", ")
}
