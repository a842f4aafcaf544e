package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary is the path of the gatepost that TestMain built.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv("GATEPOST_ABUSE_TARGET") != "" { // a process of TestAbuseAllAtOnce, which needs no binary
		os.Exit(m.Run())
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatepost-e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gatepost")
	args := []string{"build", "-o", binary}
	if underRace {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "gatepost/cmd/gatepost")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building gatepost: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// missing ends a test that lacks a peer: loudly skipped, or failed where the
// peers were said to be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("GATEPOST_PEERS") == "required" {
		t.Fatalf("%s, and GATEPOST_PEERS=required", what)
	}
	t.Skipf("SKIPPED: %s (deploy/test.sh --install installs the peers)", what)
}

func needProgram(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			missing(t, n+" is not installed")
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "this needs root")
	}
}

// workDir is a directory that daemons running as other users can reach.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatepost-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// portsAsked counts what freePort has handed out, so that no port is handed
// out twice: the kernel gives a port that was closed again to the next who
// asks.
var portsAsked atomic.Uint32

// freePort finds a loopback port that nobody uses now and that nobody else is
// told about. It lies below the range that outgoing connections take theirs
// from, so none of them can have it before the server does.
func freePort(t *testing.T) int {
	t.Helper()
	const first, ports = 20000, 12000
	for range ports {
		port := first + int(uint32(os.Getpid())*97+portsAsked.Add(1))%ports
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no free port")
	return 0
}

func freeAddr(t *testing.T) string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually polls until f returns "" and fails with its last words.
func eventually(t *testing.T, within time.Duration, f func() string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		why := f()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v still: %s", within, why)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// greeted waits until an SMTP server at addr says 220.
func greeted(t *testing.T, addr string) {
	t.Helper()
	eventually(t, 30*time.Second, func() string {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		head := make([]byte, 4)
		if _, err := c.Read(head); err != nil || !strings.HasPrefix(string(head), "220") {
			return fmt.Sprintf("%s does not greet: %q %v", addr, head, err)
		}
		return ""
	})
}

// process is a child that is ended by its id.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func startProcess(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p
}

// exited reports the exit code once the process has ended within the time.
func (p *process) exited(within time.Duration) (code int, ok bool) {
	select {
	case <-p.done:
	case <-time.After(within):
		return 0, false
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode(), true
	}
	return 0, p.err == nil
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process at once, whatever state it is in.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// output runs a command to its end.
func output(t *testing.T, within time.Duration, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
