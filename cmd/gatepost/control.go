package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/gateway/flow"
)

// The control socket carries operator commands to the running server, which
// holds the store's lock. Each command is one POST /op/<name>; arguments are
// the query, standard input is the body, the answer is what the command
// prints. Who may connect is decided by the file's mode (0600); the peer's
// uid is the actor in evidence.

const socketName = "control.sock"

// trailer carries the error of an operation that had begun to answer.
const trailer = "Gatepost-Error"

type uidKey struct{}

// longestSocket is what fits into a sockaddr_un, less its final NUL.
const longestSocket = 107

// socketPath is where the socket of dataDir is, for bind and connect. A path
// that is too long for them is reached through the open directory; done
// releases it.
func socketPath(dataDir string) (path string, done func(), err error) {
	path = filepath.Join(dataDir, socketName)
	if len(path) <= longestSocket {
		return path, func() {}, nil
	}
	dir, err := os.Open(dataDir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName), func() { _ = dir.Close() }, nil
}

// serveControl listens on the socket until the returned function is called,
// which returns when no operation runs any more: what they use is closed next.
func serveControl(ctx context.Context, dataDir string, ops flow.Operations) (func(), error) {
	path, done, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := unix.Umask(0o177)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	handler := controlHandler(ops)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, uidKey{}, peerUID(c))
		},
	}
	go func() { _ = srv.Serve(l) }()
	return func() {
		patience, stop := context.WithTimeout(context.Background(), controlPatience)
		defer stop()
		if srv.Shutdown(patience) != nil {
			cancel()
			_ = srv.Close()
		}
		running.Wait()
		cancel()
		done()
	}, nil
}

// controlPatience is how long an operation may go on when the server ends;
// then its context ends.
const controlPatience = 5 * time.Second

// peerUID is the uid of the process at the other end, -1 when unknown.
func peerUID(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return -1
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return -1
	}
	uid := -1
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	return uid
}

func controlHandler(ops flow.Operations) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap, goroutine and the like
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("POST /op/{name}", func(w http.ResponseWriter, r *http.Request) {
		uid, _ := r.Context().Value(uidKey{}).(int)
		op, ok := ops[r.PathValue("name")]
		if !ok || uid < 0 {
			http.Error(w, "no such operation", http.StatusNotFound)
			return
		}
		w.Header().Set("Trailer", trailer)
		out := bufio.NewWriter(w)
		err := op(r.Context(), flow.Call{Actor: "uid:" + strconv.Itoa(uid), Args: r.URL.Query(), In: sent{r.Body}, Out: out})
		if err = errors.Join(err, out.Flush()); err != nil {
			raw, _ := json.Marshal(operationError{Text: err.Error(), Code: operationCode(err)})
			w.Header().Set(trailer, string(raw))
		}
	})
	return mux
}

// sent is the input of an operation as the other end sends it.
type sent struct{ io.Reader }

// Read tells an input that breaks off from a fault of the server's own.
func (s sent) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = exit{exitData, fmt.Errorf("the input broke off: %w", err)}
	}
	return n, err
}

// operationError is what the other end turns into an exit code.
type operationError struct {
	Text string `json:"text"`
	Code int    `json:"code"`
}

func operationCode(err error) int {
	var e *flow.OperationError
	var x exit
	switch {
	case errors.As(err, &x):
		return x.code
	case errors.As(err, &e) && e.Usage:
		return exitUsage
	case errors.As(err, &e) && e.NotFound:
		return exitNoInput
	case errors.As(err, &e) && e.Data:
		return exitData
	case errors.As(err, &e) && e.Busy:
		return exitTemporary
	}
	return exitSoftware
}

// errNoServer: nothing listens on the socket.
var errNoServer = errors.New("no server is running for this data_dir")

// serverRuns reports whether a server listens on the socket of dataDir, also
// one that this user may not talk to.
func serverRuns(dataDir string) bool {
	path, done, err := socketPath(dataDir)
	if err != nil {
		return false
	}
	defer done()
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	if errors.Is(err, os.ErrPermission) {
		_, err = os.Lstat(path) // a directory that is closed to this user says nothing
	}
	return err == nil
}

// dialed says what it means that a call got no answer.
func dialed(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrPermission):
		return exit{exitNoPerm, errors.New("the control socket belongs to somebody else: run this as the user of the server")}
	case errors.As(err, &op) && op.Op == "dial":
		return errNoServer
	}
	return exit{exitTemporary, fmt.Errorf("control socket: %w", err)}
}

// remote calls an operation of the running server.
func remote(ctx context.Context, dataDir, name string, args url.Values, in io.Reader, out io.Writer) error {
	path, done, err := socketPath(dataDir)
	if err != nil {
		return errNoServer
	}
	defer done()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	defer client.CloseIdleConnections()
	if in == nil {
		in = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control/op/"+name+"?"+args.Encode(), in)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return dialed(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return exit{exitSoftware, fmt.Errorf("the running server does not know %q: is it another version?", name)}
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return err
	}
	if raw := resp.Trailer.Get(trailer); raw != "" {
		var e operationError
		if json.Unmarshal([]byte(raw), &e) != nil {
			return exit{exitSoftware, errors.New("the server's answer broke off")}
		}
		return exit{e.Code, errors.New(e.Text)}
	}
	return nil
}
