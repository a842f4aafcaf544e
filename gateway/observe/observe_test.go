package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

func TestLogShowsNoPersonsData(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, slog.LevelDebug)
	log.Info("refused", "error", errors.New("no such user pat.jones@out.example"), "name", "call +1 555 000 1111 now")
	log.With("subject", "zebraquartz").WithGroup("g").Info("x", "reason", "https://x.example/m/AAAAAAAAAAAAAAAAAAAAAA")
	log.Info("noun", "id", gateway.Sensitive("zebraquartz"), "name", struct{ A string }{"zebraquartz"}, slog.Group("g", "subject", "zebraquartz"))
	for _, leak := range []string{"pat.jones", "555 000", "zebraquartz", "AAAAAAAAAA"} {
		if strings.Contains(b.String(), leak) {
			t.Errorf("the log shows %s:\n%s", leak, b.String())
		}
	}
}

func TestLogKeepsIDs(t *testing.T) {
	var b bytes.Buffer
	id, err := gateway.NewMessageID(time.UnixMilli(0), bytes.NewReader(make([]byte, 10)))
	if err != nil {
		t.Fatal(err)
	}
	NewLogger(&b, slog.LevelInfo).Info("accepted", "id", id, "duration", 3*time.Second, "count", 1234567890123)
	for _, want := range []string{id.String(), "3000000000", "1234567890123"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the log lost %s: %s", want, b.String())
		}
	}
}

func TestReadyTurnsRedAndBack(t *testing.T) {
	reg := NewRegistry("test")
	h := NewHealth(reg)
	var fault error
	h.Add("store", func() error { return fault })
	srv := httptest.NewServer(Handler(reg, h))
	defer srv.Close()
	code := func(path string) (int, string) {
		r, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
	if c, _ := code("/readyz"); c != 200 {
		t.Fatalf("healthy: %d", c)
	}
	fault = errors.New("fsync failed for pat@out.example")
	if c, body := code("/readyz"); c != 503 || strings.Contains(body, "pat@") {
		t.Fatalf("failed: %d %s", c, body)
	}
	if c, _ := code("/livez"); c != 200 {
		t.Fatal("livez must not depend on the parts")
	}
	if _, m := code("/metrics"); !strings.Contains(m, `gatepost_health_ready{part="store"} 0`) {
		t.Fatal("the gauge does not say so")
	}
	if NewLogger(io.Discard, slog.LevelInfo).Enabled(context.Background(), slog.LevelDebug) {
		t.Fatal("debug is on")
	}
}

// TestLogKeepsOurPaths: a date in the path of a file of ours is no telephone
// number; what stands beside the path, or looks like one elsewhere, is.
func TestLogKeepsOurPaths(t *testing.T) {
	const path = "/var/backups/gatepost-2026-11-21/0123456789"
	err := fmt.Errorf("call +1 555 000 1111: %w", &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission})
	if got := scrubError(err); got != "call [number]: open "+path+": permission denied" {
		t.Error(got)
	}
	var b bytes.Buffer
	NewLogger(&b, slog.LevelInfo).Info("x", "path", path, "name", path)
	if !strings.Contains(b.String(), `"path":"`+path+`","name":"/var/backups/gatepost-[number]`) {
		t.Error(b.String())
	}
	for _, foreign := range []error{
		&fs.PathError{Op: "open", Path: "+15550001111", Err: fs.ErrNotExist},
		&fs.PathError{Op: "open", Path: "/x/pat@out.example", Err: fs.ErrNotExist},
		errors.New("no such file /tmp/15550001111"),
	} {
		if got := scrubError(foreign); strings.Contains(got, "15550001111") || strings.Contains(got, "pat@") {
			t.Error(got)
		}
	}
}
