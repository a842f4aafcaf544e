package observe

import (
	"bytes"
	"context"
	"errors"
	"io"
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
