package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"gatepost/gateway/flow"
)

func control(t *testing.T, dir string, ops flow.Operations) (end func()) {
	t.Helper()
	end, err := serveControl(t.Context(), dir, ops)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// TestControl: arguments, input, answer, actor and errors pass the socket as
// they are, also behind a path that no socket address holds.
func TestControl(t *testing.T) {
	for name, dir := range map[string]string{"short": t.TempDir(), "long": filepath.Join(t.TempDir(), strings.Repeat("long/", 30))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		end := control(t, dir, flow.Operations{
			"echo": func(_ context.Context, c flow.Call) error {
				in, err := io.ReadAll(c.In)
				fmt.Fprintf(c.Out, "%s %s %s", c.Actor, c.Args.Get("a"), in)
				return err
			},
			"half": func(_ context.Context, c flow.Call) error {
				fmt.Fprint(c.Out, "half")
				return &flow.OperationError{Text: "and then\nit broke", Data: true}
			},
		})
		info, err := os.Stat(filepath.Join(dir, socketName))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the socket: %v %v", name, info, err)
		}
		var out bytes.Buffer
		err = remote(t.Context(), dir, "echo", url.Values{"a": {"ä &=?"}}, strings.NewReader("in"), &out)
		if want := fmt.Sprintf("uid:%d ä &=? in", os.Getuid()); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
		out.Reset()
		var e exit
		if err := remote(t.Context(), dir, "half", nil, nil, &out); !errors.As(err, &e) || e.code != exitData || e.Error() != "and then\nit broke" || out.String() != "half" {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
		if err := remote(t.Context(), dir, "nonsense", nil, nil, &out); !errors.As(err, &e) || e.code != exitSoftware {
			t.Errorf("%s: an unknown operation: %v", name, err)
		}
		end()
		if err := remote(t.Context(), dir, "echo", nil, nil, &out); !errors.Is(err, errNoServer) {
			t.Errorf("%s: after the end: %v", name, err)
		}
	}
}

// TestStaleSocket: what a killed server leaves is no server.
func TestStaleSocket(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	r.must("user", "list")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(r.data, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r.must("user", "list")
	r.start()
	r.must("queue", "list")
}

// TestForeignFiles: root does not write into the data of another user, and who
// may not use the socket is told so.
func TestForeignFiles(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	r.must("user", "list")
	c, err := loadConfig(environment{config: r.config})
	if err != nil {
		t.Fatal(err)
	}
	if err := notAsRoot(c, os.Geteuid()); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(r.data, 4711, 4711); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := r.run("user", "list"); code != exitNoPerm || !strings.Contains(errs, "sudo -u '#4711'") {
			t.Errorf("root in the data of another: %d %s", code, errs)
		}
	}
	var e exit
	if err := dialed(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}); !errors.As(err, &e) || e.code != exitNoPerm {
		t.Errorf("a socket of somebody else: %v", err)
	}
}

// TestControlWaits: the end comes after the operations that run, because the
// store is closed next.
func TestControlWaits(t *testing.T) {
	dir := t.TempDir()
	began, release := make(chan struct{}), make(chan struct{})
	finished := false
	end := control(t, dir, flow.Operations{"slow": func(context.Context, flow.Call) error {
		close(began)
		<-release
		finished = true
		return nil
	}})
	answered := make(chan error, 1)
	go func() { answered <- remote(context.Background(), dir, "slow", nil, nil, io.Discard) }()
	<-began
	ended := make(chan struct{})
	go func() { end(); close(ended) }()
	select {
	case <-ended:
		t.Fatal("the control socket ended under a running operation")
	default:
	}
	close(release)
	<-ended
	if err := <-answered; err != nil || !finished {
		t.Errorf("the operation: %v, finished %v", err, finished)
	}
}

// TestNothingIsLeft: a server that has stopped has left no goroutine and no
// socket.
func TestNothingIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := newRig(t, "127.0.0.1:9").start()
	r.send("ann@clinic.example", "x@out.example", plainMail)
	r.must("queue", "list")
	fetch(t, newBrowser(t).client, "http://"+r.viewer+"/m/AAAAAAAAAAAAAAAAAAAAAA")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(r.data, socketName)); err == nil {
		t.Error("the socket is left")
	}
}
