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
	Once bool   `help:"End as soon as the sample mails have been dealt with (for scripts)."`
}

// Run starts the real gateway on loopback, with the configuration that an
// organization would write, a mailbox for the world outside, and two members
// of staff who send mail.
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
	return w.run(ctx, env, d.Once)
}

// run serves until ctx ends, or once until the samples have been dealt with.
func (w *demo) run(ctx context.Context, env environment, once bool) error {
	go w.box.serve(ctx, w.smtp, w.web)
	done := make(chan error, 1)
	ctx, end := context.WithCancel(ctx)
	defer end()
	err := serve(ctx, w.config, w.env, func() {
		go func() {
			played := w.play(ctx)
			switch {
			case once:
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
	config    *config.Config
	env       environment
	out       io.Writer
	dir       string
	patience  time.Duration // until what can leave has left
}

func newDemo(dir string, env environment) (*demo, error) {
	d := &demo{box: new(mailbox), out: env.out, dir: dir, patience: 15 * time.Second}
	var err error
	if d.smtp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if d.web, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(demoConfig, dir, dir, dir, ports[0], ports[1], ports[2], ports[3], d.smtp.Addr(), d.smtp.Addr(), d.smtp.Addr(), ports[2])
	d.env = env
	d.env.config = filepath.Join(dir, "gatepost.yaml")
	log, err := os.OpenFile(filepath.Join(dir, "gatepost.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	d.env.err = log
	for name, content := range map[string]string{
		"gatepost.yaml": text, "policy.yaml": demoPolicy(), "contacts.csv": demoContacts, "ann.password": demoPassword + "\n", "mail.eml": samples()[1].body,
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
	say := "gatepost"
	if program, err := os.Executable(); err == nil {
		say = program
		if strings.Contains(program, "go-build") {
			say = "go run ./cmd/gatepost"
		}
	}
	say += " --config " + d.env.config
	fmt.Fprintf(d.out, demoNext, d.web.Addr(), d.config.Viewer.URL, say, say, say, filepath.Join(d.dir, "mail.eml"), say, ids[1], say, d.config.Listen.Admin, d.config.Listen.Relay)
	if len(wrong) > 0 {
		return exit{exitSoftware, fmt.Errorf("the demo did not go as told: %s (log: %s)", strings.Join(wrong, "; "), filepath.Join(d.dir, "gatepost.log"))}
	}
	return nil
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
