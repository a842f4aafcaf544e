package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// postfix is a Debian Postfix of its own: configuration, queue, data and log
// in one directory, one listener on loopback. What it delivers itself goes to
// one Maildir.
type postfix struct {
	t       *testing.T
	addr    string
	dir     string
	maildir string
}

// startPostfix runs an instance with these further lines of main.cf; %DIR% in
// them is its directory. It is stopped at the end of the test.
func startPostfix(t *testing.T, more ...string) *postfix {
	t.Helper()
	needRoot(t)
	needProgram(t, "postfix", "postconf")
	owner, err := user.Lookup("postfix")
	if err != nil {
		missing(t, "the user postfix does not exist")
	}
	p := &postfix{t: t, addr: freeAddr(t), dir: workDir(t)}
	p.maildir = filepath.Join(p.dir, "mail", "all")
	uid, gid := number(t, owner.Uid), number(t, owner.Gid)
	for _, d := range []string{"etc", "queue", "data", "mail"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(p.dir, "data"), uid, gid); err != nil {
		t.Fatal(err)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(p.dir, "mail"), number(t, nobody.Uid), number(t, nobody.Gid)); err != nil {
		t.Fatal(err)
	}
	p.configure(nobody, more)
	if out, err := p.command("start"); err != nil {
		t.Fatalf("postfix start: %v\n%s\n%s", err, out, p.log())
	}
	t.Cleanup(p.stop)
	greeted(t, p.addr)
	return p
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// configure writes main.cf and master.cf. Nothing may change a mail on its
// way: no rewriting, no added fields but trace, no line folding, and queues
// that do not hold a test up.
func (p *postfix) configure(nobody *user.User, more []string) {
	p.t.Helper()
	etc := filepath.Join(p.dir, "etc")
	lines := append([]string{
		"compatibility_level = 3.6",
		"queue_directory = %DIR%/queue", "data_directory = %DIR%/data", "command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin",
		"mail_owner = postfix", "setgid_group = postdrop", "maillog_file = %DIR%/queue/maillog", "maillog_file_prefixes = %DIR%",
		"inet_interfaces = 127.0.0.1", "inet_protocols = ipv4", "myhostname = mta.example", "mydestination =", "local_recipient_maps =", "alias_maps =", "alias_database =",
		"mynetworks = 127.0.0.0/8", "smtpd_relay_restrictions = permit_mynetworks, reject", "smtpd_peername_lookup = no", "smtp_dns_support_level = disabled",
		"smtpd_tls_security_level = none", "smtp_tls_security_level = none", "smtpd_client_connection_rate_limit = 0", "smtpd_client_connection_count_limit = 0",
		"local_header_rewrite_clients =", "message_drop_headers =", "smtp_line_length_limit = 0", "message_size_limit = 0", "mailbox_size_limit = 0", "header_size_limit = 1048576",
		"virtual_mailbox_limit = 0", "virtual_mailbox_domains =", "virtual_mailbox_base = %DIR%/mail", "virtual_mailbox_maps = static:all/", "virtual_minimum_uid = 1",
		"virtual_uid_maps = static:" + nobody.Uid, "virtual_gid_maps = static:" + nobody.Gid,
		"in_flow_delay = 0", "minimal_backoff_time = 2s", "maximal_backoff_time = 4s", "queue_run_delay = 2s", "initial_destination_concurrency = 10", "default_destination_concurrency_limit = 20",
		"virtual_destination_concurrency_limit = 20", "virtual_destination_recipient_limit = 1",
	}, more...)
	text := strings.Join(lines, "\n") + "\n"
	for _, m := range more { // what a story sets replaces what is set here
		for l := range strings.Lines(m) {
			if name, _, ok := strings.Cut(l, " ="); ok && !strings.HasPrefix(l, "#") {
				at := strings.LastIndex(text, "\n"+name+" =")
				text = dropLine(text[:at+1], name) + text[at+1:]
			}
		}
	}
	write(p.t, filepath.Join(etc, "main.cf"), strings.ReplaceAll(text, "%DIR%", p.dir))
	services := p.addr + " inet n - n - - smtpd\n"
	for _, s := range strings.Fields("cleanup:0 qmgr:1 rewrite:- bounce:0 defer:0 trace:0 verify:1 proxymap:- proxywrite:1 smtp:- relay:- showq:- error:- retry:- discard:- virtual:- anvil:1 scache:1 tlsmgr:1 flush:0 postlog:1 pickup:1") {
		name, limit, _ := strings.Cut(s, ":")
		services += service(name, limit)
	}
	write(p.t, filepath.Join(etc, "master.cf"), services)
}

// dropLine takes the line that sets a parameter out of a configuration.
func dropLine(text, name string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, name+" =") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// service is a line of master.cf for one of Postfix's own services.
func service(name, limit string) string {
	daemon, kind, private, unprivileged, wake := name, "unix", "-", "-", "-"
	switch name {
	case "rewrite":
		daemon = "trivial-rewrite"
	case "defer", "trace":
		daemon = "bounce"
	case "proxywrite":
		daemon = "proxymap"
	case "relay":
		daemon = "smtp"
	case "retry":
		daemon = "error"
	case "postlog":
		daemon, kind, private, unprivileged = "postlogd", "unix-dgram", "n", "n"
	case "cleanup", "showq", "flush":
		private = "n"
	case "qmgr":
		private, unprivileged, wake = "n", "n", "5"
	case "pickup":
		private, wake = "n", "60"
	case "virtual":
		unprivileged = "n"
	}
	if name == "proxymap" || name == "proxywrite" {
		unprivileged = "n"
	}
	return fmt.Sprintf("%s %s %s %s n %s %s %s\n", name, kind, private, unprivileged, wake, limit, daemon)
}

// command runs "postfix VERB". It writes to a file: the master process keeps
// its output open, so a pipe would never end.
func (p *postfix) command(verb string) (string, error) {
	said, err := os.CreateTemp(p.dir, verb)
	if err != nil {
		return "", err
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "postfix", "-c", filepath.Join(p.dir, "etc"), verb)
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Run()
	out, readErr := os.ReadFile(said.Name())
	return string(out), errors.Join(err, readErr)
}

// stop ends the instance; what "stop" leaves is aborted. The master's pid file
// names it, nothing else is touched.
func (p *postfix) stop() {
	if out, err := p.command("stop"); err != nil {
		p.t.Logf("postfix stop: %v %s", err, out)
		_, _ = p.command("abort")
	}
	if p.t.Failed() {
		p.t.Logf("the end of Postfix's log:\n%s", p.log())
	}
}

func (p *postfix) log() string {
	raw, err := os.ReadFile(filepath.Join(p.dir, "queue", "maillog"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(raw), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// delivered reads the Maildir: every file's octets.
func (p *postfix) delivered() [][]byte {
	p.t.Helper()
	dir := filepath.Join(p.maildir, "new")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // not there before the first delivery
	}
	var mails [][]byte
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			p.t.Fatal(err)
		}
		mails = append(mails, raw)
	}
	return mails
}

// waitFor waits until n mails lie in the Maildir.
func (p *postfix) waitFor(n int, within time.Duration) [][]byte {
	p.t.Helper()
	eventually(p.t, within, func() string {
		entries, err := os.ReadDir(filepath.Join(p.maildir, "new"))
		if err != nil || len(entries) < n {
			return fmt.Sprintf("%d of %d mails are in the Maildir", len(entries), n)
		}
		return ""
	})
	return p.delivered()
}

// TestPostfixAlone is the control of the harness: through two instances and
// nothing between them every octet is kept, so whatever is missing in the
// other stories is Gatepost's doing.
func TestPostfixAlone(t *testing.T) {
	t.Parallel()
	last := startPostfix(t, "virtual_mailbox_domains = out.example")
	first := startPostfix(t, "relayhost = [127.0.0.1]:"+last.addr[strings.LastIndexByte(last.addr, ':')+1:])
	mails := corpus(t, 120, 0)
	inject(t, first.addr, mails)
	same(t, mails, last.waitFor(len(mails), 2*time.Minute))
}

// TestExamplesForPostfix: the files that operators copy are understood by
// Postfix, every parameter is one that it knows and no value is refused.
func TestExamplesForPostfix(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needProgram(t, "postfix", "postconf")
	files, err := filepath.Glob("../examples/postfix-*.cf")
	if err != nil || len(files) < 3 {
		t.Fatalf("only %d examples: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			p := &postfix{t: t, addr: freeAddr(t), dir: workDir(t)}
			example, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			nobody, err := user.Lookup("nobody")
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range []string{"queue", "data"} {
				if err := os.Mkdir(filepath.Join(p.dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			p.configure(nobody, []string{string(example)})
			services := masterLines(string(example))
			if services != "" {
				file := filepath.Join(p.dir, "etc", "master.cf")
				old, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				write(t, file, string(old)+services)
			}
			etc := filepath.Join(p.dir, "etc")
			for _, args := range [][]string{{"postconf", "-c", etc, "-n"}, {"postconf", "-c", etc, "-M"}, {"postconf", "-c", etc, "-P"}} {
				out, err := output(t, time.Minute, args[0], args[1:]...)
				if err != nil || strings.Contains(out, "warning:") {
					t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
			if out, err := p.command("check"); err != nil || complains(out) {
				t.Errorf("postfix check: %v\n%s", err, out)
			}
		})
	}
}

// TestRelayhostExampleReplaces: the command that the example shows leaves one
// relayhost in a main.cf that had one, as Debian's has.
func TestRelayhostExampleReplaces(t *testing.T) {
	t.Parallel()
	needProgram(t, "postconf", "xargs")
	etc := workDir(t)
	write(t, filepath.Join(etc, "main.cf"), "compatibility_level = 3.6\nrelayhost =\nmyhostname = mta.example\n")
	write(t, filepath.Join(etc, "master.cf"), "")
	example := readFile(t, "../examples/postfix-relayhost.cf")
	command := regexp.MustCompile(`(?m)^#   (sed .*) && postfix reload$`).FindStringSubmatch(example)
	if command == nil {
		t.Fatal("the example shows no command")
	}
	shell := strings.ReplaceAll(command[1], "postconf", "postconf -c "+etc)
	shell = strings.ReplaceAll(shell, "postfix-relayhost.cf", "../examples/postfix-relayhost.cf")
	if out, err := output(t, time.Minute, "sh", "-c", shell); err != nil || out != "" {
		t.Fatalf("%s: %v\n%s", shell, err, out)
	}
	out, err := output(t, time.Minute, "postconf", "-c", etc, "-n")
	if err != nil || strings.Contains(out, "warning") || strings.Count(readFile(t, filepath.Join(etc, "main.cf")), "relayhost") != 1 || !strings.Contains(out, "relayhost = [192.0.2.10]:2525\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTransportExampleMaps: the tables send what the example says and nothing
// else through Gatepost; colleagues' mail to each other is not in them.
func TestTransportExampleMaps(t *testing.T) {
	t.Parallel()
	needProgram(t, "postmap", "postconf")
	etc := workDir(t)
	write(t, filepath.Join(etc, "main.cf"), "compatibility_level = 3.6\nmyhostname = mta.example\n")
	tables := map[string]string{}
	table := ""
	for l := range strings.Lines(readFile(t, "../examples/postfix-transport.cf")) {
		if name := regexp.MustCompile(`^# /etc/postfix/(gatepost_\w+)`).FindStringSubmatch(l); name != nil {
			table = name[1]
		} else if row, ok := strings.CutPrefix(l, "#   "); ok && table != "" {
			tables[table] += row
		}
	}
	for name, v := range map[string]struct{ keys, want string }{
		"gatepost_senders": {
			"ann@clinic.example kitchen@clinic.example @clinic.example @oncology.clinic.example",
			"ann@clinic.example\t[192.0.2.10]:2525\n@oncology.clinic.example\t[192.0.2.10]:2525\n",
		},
		"gatepost_transport": {
			"clinic.example insurer.example reply.clinic.example out.example",
			"clinic.example\tsmtp:[192.0.2.7]\ninsurer.example\tsmtp:[192.0.2.10]:2525\nreply.clinic.example\tsmtp:[192.0.2.10]:2525\n",
		},
	} {
		file := write(t, filepath.Join(etc, name), tables[name])
		keys := write(t, filepath.Join(etc, "keys"), strings.ReplaceAll(v.keys, " ", "\n")+"\n")
		out, err := output(t, time.Minute, "sh", "-c", fmt.Sprintf("postmap -c %s -q - texthash:%s < %s", etc, file, keys))
		if err != nil || out != v.want {
			t.Errorf("%s: %v, got\n%swant\n%s", name, err, out, v.want)
		}
	}
}

// masterLines are the lines of an example that belong into master.cf: they
// stand in comments there, beginning with a service.
func masterLines(example string) string {
	var b strings.Builder
	inside := false
	for l := range strings.Lines(example) {
		text, ok := strings.CutPrefix(l, "# ")
		if fields := strings.Fields(text); ok && len(fields) >= 8 && (fields[1] == "inet" || fields[1] == "unix") {
			inside = true
			b.WriteString(text)
			continue
		}
		inside = inside && ok && strings.HasPrefix(text, "  -o ")
		if inside {
			b.WriteString(text)
		}
	}
	return b.String()
}

// complains looks for what Postfix says about a configuration; that files of
// the system are newer than its copies in a queue directory is not about it.
func complains(out string) bool {
	for l := range strings.Lines(out) {
		if strings.Contains(l, "fatal:") || strings.Contains(l, "error:") || strings.Contains(l, "warning:") && !strings.Contains(l, "differ") && !strings.Contains(l, "not owned by") {
			return true
		}
	}
	return false
}
