package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatepost/gateway/config"
)

type demoCmd struct {
	Dir  string `help:"Keep the demo's data here; absent: a temporary directory that is removed at the end."`
	Once bool   `help:"End as soon as the samples have been dealt with (for scripts)."`
}

// Run starts the real gateway on loopback, with the configuration that an
// organization would write, a mailbox and telephones for the world outside, two
// members of staff who send mail and an application that sends short messages.
func (d demoCmd) Run(ctx context.Context, env environment) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)
	dir := d.Dir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "gatepost-demo-")
		if err != nil {
			return exit{exitCantCreate, err}
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return exit{exitCantCreate, err}
	}
	w, err := newDemo(dir, env)
	if err != nil {
		return err
	}
	w.once, w.kept = d.Once, d.Dir != ""
	return w.run(ctx, env)
}

// run serves until ctx ends, or once until the samples have been dealt with.
func (w *demo) run(ctx context.Context, env environment) error {
	go w.box.serve(ctx, w.smtp, w.web)
	go w.box.network.serve(ctx, w.sms)
	done := make(chan error, 1)
	ctx, end := context.WithCancel(ctx)
	defer end()
	err := serve(ctx, w.config, w.env, func() {
		go func() {
			played := w.play(ctx)
			switch {
			case w.once:
				done <- played
				end()
			case played != nil && ctx.Err() == nil:
				fmt.Fprintln(env.err, "gatepost:", played)
			}
		}()
	})
	select {
	case played := <-done:
		return errors.Join(err, played)
	default:
		return err
	}
}

// demo is the stage: addresses, configuration and mailbox.
type demo struct {
	box       *mailbox
	smtp, web net.Listener
	sms       net.Listener // of the carrier
	pat, kim  string       // telephone numbers
	config    *config.Config
	env       environment
	out       io.Writer
	dir       string
	patience  time.Duration // until what can leave has left
	once      bool          // it ends with what it plays
	kept      bool          // its data stays
}

func newDemo(dir string, env environment) (*demo, error) {
	d := &demo{box: &mailbox{network: new(centre)}, out: env.out, dir: dir, patience: 15 * time.Second}
	for _, l := range []*net.Listener{&d.smtp, &d.web, &d.sms} {
		var err error
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	_, err := os.Stat(filepath.Join(dir, "data"))
	d.pat, d.kim = telephones(err == nil)
	ports, err := freePorts(6)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(demoConfig, dir, dir, dir, ports[0], ports[1], ports[2], ports[3], ports[4], ports[5], d.smtp.Addr(), d.smtp.Addr(), d.smtp.Addr(), ports[2],
		demoEsme, dir, demoLine, demoDesk, d.sms.Addr(), dir)
	d.env = env
	d.env.config = filepath.Join(dir, "gatepost.yaml")
	log, err := os.OpenFile(filepath.Join(dir, "gatepost.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	d.env.err = log
	for name, content := range map[string]string{
		"gatepost.yaml": text, "policy.yaml": demoPolicy(), "contacts.csv": fmt.Sprintf(demoContacts, d.pat), "ann.password": demoPassword + "\n", "esme.password": demoEsmePass + "\n", "mail.eml": samples()[1].body,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	d.config, err = loadConfig(d.env)
	return d, err
}

// freePorts finds loopback ports that nobody uses now. They lie below the
// range that outgoing connections take theirs from, so none of them can have
// one before the server does.
func freePorts(n int) ([]int, error) {
	const first, ports = 10000, 10000
	var found []int
	start := rand.IntN(ports)
	for i := 0; i < ports && len(found) < n; i++ {
		port := first + (start+i)%ports
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		_ = l.Close()
		found = append(found, port)
	}
	if len(found) < n {
		return nil, fmt.Errorf("no %d free ports from %d to %d", n, first, first+ports-1)
	}
	return found, nil
}

// play sets the stage by the operator's commands, sends the sample mails
// through SMTP and says what to look at.
func (d *demo) play(ctx context.Context) error {
	for _, args := range [][]string{
		{"user", "add", "ann@clinic.example", "--password-file", filepath.Join(d.dir, "ann.password")},
		{"contact", "import", filepath.Join(d.dir, "contacts.csv")},
	} {
		env := d.env
		env.out = io.Discard
		if code := run(ctx, append(args, "--config", d.env.config), env); code != 0 && code != exitData { // 65: from an earlier run
			return exit{code, fmt.Errorf("demo: %s failed", strings.Join(args[:2], " "))}
		}
	}
	fmt.Fprintf(d.out, "\nGatepost demo: an example clinic sends mail. Everything runs on this machine only.\n\n")
	wrong, ids := d.send()
	if n := d.waitForMail(ctx); n != expectedOutside {
		wrong = append(wrong, fmt.Sprintf("%d mails arrived outside, not %d", n, expectedOutside))
	}
	story, err := d.playSMS(ctx)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	d.sayNext(ids[1], story.secured, story.refused)
	if len(wrong) > 0 {
		return exit{exitSoftware, fmt.Errorf("the demo did not go as told: %s (log: %s)", strings.Join(wrong, "; "), filepath.Join(d.dir, "gatepost.log"))}
	}
	return nil
}

// sayNext says what to look at: the second mail, and of the short messages the
// one that became a link and the one that was refused.
func (d *demo) sayNext(mail, secured, refused string) {
	explain := "explain " + filepath.Join(d.dir, "mail.eml")
	if d.once {
		fmt.Fprint(d.out, demoOver)
		if d.kept {
			fmt.Fprintf(d.out, demoKept, d.commands(explain, "audit show "+mail, "audit show "+secured, "audit verify"))
		}
		return
	}
	fmt.Fprintf(d.out, demoNext, d.web.Addr(), d.config.Viewer.URL, d.pat,
		d.commands("held list", "queue list --state delivered", explain, "message show "+mail, "audit verify"),
		d.commands("audit show "+secured, "consent list", "audit show "+refused),
		d.config.Listen.IMAP, demoPassword, d.config.Listen.Relay, d.config.Listen.Admin, d.config.Listen.SMPP, demoEsme, demoEsmePass)
}

// commands spells commands as they are typed, a line each.
func (d *demo) commands(list ...string) string {
	say := "gatepost"
	if program, err := os.Executable(); err == nil {
		say = program
		if strings.Contains(program, "go-build") {
			say = "go run ./cmd/gatepost"
		}
	}
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "  %s --config %s %s\n", say, d.env.config, c)
	}
	return b.String()
}

// send sends the samples and shows what the gateway answered. It returns what
// was not as told, and the queue ids.
func (d *demo) send() (wrong, ids []string) {
	for i, m := range samples() {
		answer := m.send(d.config)
		fmt.Fprintf(d.out, "  %d. %s\n     %s to %s\n     answer: %s\n", i+1, m.what, m.from, strings.Join(m.to, " and "), answer)
		if !strings.HasPrefix(answer, m.want) {
			wrong = append(wrong, fmt.Sprintf("%q was answered %q, not %s", m.what, answer, m.want))
		}
		ids = append(ids, answer[strings.LastIndexByte(answer, ' ')+1:])
	}
	return wrong, ids
}

// waitForMail waits until what can leave has left, and returns how much did.
func (d *demo) waitForMail(ctx context.Context) int {
	deadline := time.Now().Add(d.patience)
	for len(d.box.list()) < expectedOutside && time.Now().Before(deadline) && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	return len(d.box.list())
}
