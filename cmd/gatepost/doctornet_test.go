package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"
)

// greeting takes connections and sends each the same.
func greeting(t *testing.T, what string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, what)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestDoctorKnowsItsOwnServer: whoever else holds a port is a fault.
func TestDoctorKnowsItsOwnServer(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.must("user", "list")
	foreign := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome") })}
	t.Cleanup(func() { _ = foreign.Close() })
	web := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = foreign.Serve(l) }()
		return l.Addr().String()
	}
	r.relay, r.inbound, r.submission = greeting(t, "220 old.example ESMTP Postfix\r\n"), greeting(t, ""), greeting(t, "554 no\x1b[2J\r\n")
	r.viewer, r.admin = web(), web()
	r.write()
	states, out, code := r.diagnosis()
	for check, says := range map[string]string{
		"listen.relay": "another server (\\\"220 old.example ESMTP Postfix", "listen.inbound": "without a greeting", "listen.submission": "554 no",
		"listen.viewer": "not Gatepost", "listen.admin": "not Gatepost",
	} {
		if states[check] != stateFail || !strings.Contains(out, says) {
			t.Errorf("%s is %q, want %q in:\n%s", check, states[check], says, out)
		}
	}
	if code != exitUnavailable || strings.Contains(out, "u001b") {
		t.Errorf("%d\n%s", code, out)
	}
}

// TestDoctorSaysWhyARouteFails: each cause has its words.
func TestDoctorSaysWhyARouteFails(t *testing.T) {
	r := newRig(t, "127.0.0.1:9")
	r.more = fmt.Sprintf("dns: {server: %q}\n", zone(t, map[string]mockdns.Zone{"broken.example.": {Err: fmt.Errorf("broken")}}))
	for via, says := range map[string]string{
		"absent.example:25":                  "the DNS knows no such name",
		"broken.example:25":                  "the DNS server does not answer",
		"127.0.0.1:1":                        "refuses connections",
		greeting(t, ""):                      "without a greeting",
		greeting(t, "554 go away\r\n"):       "554 go away",
		greeting(t, "220 mx.example hi\r\n"): "answers 220 mx.example hi",
	} {
		r.next = via
		r.write()
		states, out, _ := r.diagnosis()
		if !strings.Contains(out, says) || (states["routes[0]"] == stateOK) != strings.HasPrefix(says, "answers") {
			t.Errorf("%s: want %q in:\n%s", via, says, out)
		}
	}
}
