package config

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "1d12h": 36 * time.Hour, "2w": 14 * day,
		"6y": 6 * 365 * day, "1y1w1d1h1m": 373*day + 61*time.Minute, "1.5h": 90 * time.Minute,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
		again, err := ParseDuration(FormatDuration(got))
		if err != nil || again != got {
			t.Errorf("%s does not survive %s", text, FormatDuration(got))
		}
	}
	for _, text := range []string{"", "d", "-1d", "1d-1h", "1d+1h", "12h1d", "1 d", "9999999y", "292y365d", "5", "1e3s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got := FormatDuration(36*time.Hour + 30*time.Second); got != "1d12h0m30s" {
		t.Errorf("got %s", got)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "512": 512, "64KiB": 64 << 10, "50MiB": 50 << 20, "2GiB": 2 << 30} {
		if got, err := ParseSize(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5MiB", "5MB", "9223372036854775807KiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	t.Setenv("GATEPOST_TEST_SECRET", "hunter2\r\n")
	src := design + "" // the two secrets of the design, one of them by variable
	src = strings.Replace(src, "{file: smsc.secret}", "{env: GATEPOST_TEST_SECRET}", 1)
	c, err := load(t, src, map[string]string{"esme1.secret": "hunter2\n\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.SMS.Upstream.Password.Reveal(); got != "hunter2" {
		t.Errorf("variable: got %d octets", len(got))
	}
	if got := c.SMS.Accounts[0].Password.Reveal(); got != "hunter2\n" {
		t.Error("a secret loses one final newline, not two")
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", c.SMS.Upstream.Password, "config", c)
	shown := fmt.Sprintf("%v %+v %#v %v %q", c.SMS.Upstream, *c.SMS.Upstream, c.SMS.Upstream.Password, c.SMS.Accounts, c.SMS.Upstream.Password)
	for _, text := range []string{shown, log.String(), string(c.Effective()), string(c.Documented())} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("shows the secret: %s", text)
		}
	}
}
