package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(filepath.Join(t.TempDir(), "c.yaml"), []byte("organization: {domains: [clinic.example]}\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRoutes: the first match wins; a pattern with a star is for what is below.
func TestRoutes(t *testing.T) {
	c := parse(t, `routes:
  - {domain: clinic.example, via: "127.0.0.1:1", tls: none}
  - {domain: "*.clinic.example", via: "127.0.0.1:2", tls: opportunistic}
  - {domain: partner.example, via: mx, tls: verify}
  - {domain: "*.example", via: "127.0.0.1:3", tls: none}
`)
	k, err := newCarrier(c, slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]string{
		"clinic.example": "127.0.0.1:1", "ward.clinic.example": "127.0.0.1:2", "a.ward.clinic.example": "127.0.0.1:2", "partner.example": "mx:partner.example",
		"aclinic.example": "127.0.0.1:3", "example": "", "elsewhere.test": "",
	} {
		if got := k.Destination(domain); got != want {
			t.Errorf("%s goes to %q, not %q", domain, got, want)
		}
	}
}

// TestDemands: what each demand finds on a loopback connection in clear.
func TestDemands(t *testing.T) {
	_, next := outside(t)
	for _, c := range []struct {
		demand   flow.Demand
		enforces string
		met      bool
	}{
		{flow.AnyConnection, "", true}, {flow.SafeHop, "", true}, {flow.VerifiedTLS, "", false}, {flow.VerifiedTLS, ", enforces_tls: true", true},
	} {
		k, err := newCarrier(parse(t, fmt.Sprintf("routes: [{domain: clinic.example, via: %q, tls: none%s}]\n", next, c.enforces)), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		asked, met := 0, false
		k.Deliver(t.Context(), "clinic.example", c.demand, func(_ gateway.TLSState, is bool) (*flow.Outgoing, error) {
			asked, met = asked+1, is
			return nil, errors.New("nothing is to be sent")
		})
		if err := k.client.Close(); err != nil || asked != 1 || met != c.met {
			t.Errorf("demand %d%s: asked %d times, met %v, %v", c.demand, c.enforces, asked, met, err)
		}
	}
}

// TestOwnListeners: no route leads back into the gateway, whatever address of
// this machine it names.
func TestOwnListeners(t *testing.T) {
	is := own(parse(t, `listen: {relay: "127.0.0.1:2525", inbound: ":2526", submission: "0.0.0.0:2587"}`+"\n"))
	for addr, want := range map[string]bool{
		"127.0.0.1:2525": true, "127.0.0.2:2525": false, "127.0.0.1:2526": true, "127.0.0.9:2526": true, "[::1]:2526": true, "127.0.0.1:2587": true,
		"192.0.2.77:2526": false, "127.0.0.1:25": false,
	} {
		if got := is("", netip.MustParseAddrPort(addr)); got != want {
			t.Errorf("%s is ours: %v", addr, got)
		}
	}
	if is("", netip.AddrPort{}) {
		t.Error("nothing is ours")
	}
}

// TestExportVerifiesElsewhere: an export, the key and a checkpoint are all that
// an auditor needs; a changed export is found; names only on demand.
func TestExportVerifiesElsewhere(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	r.send("ann@clinic.example", "x@hold.example", plainMail)
	dir := t.TempDir()
	file := func(name, text string) string {
		writeFile(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	after := filepath.Join(dir, "exact.note")
	export := r.must("audit", "export", "--note", after)
	key := strings.TrimSpace(r.must("audit", "export", "--key"))
	if strings.Contains(export, "x@hold.example") || !strings.Contains(r.must("audit", "export", "--names"), "x@hold.example") {
		t.Error("names are in the export that nobody asked them of, or not in the one that they were asked of")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	elsewhere := &rig{t: t, config: filepath.Join(dir, "none.yaml")}
	good := file("good.jsonl", export)
	if out, errs, code := elsewhere.run("audit", "verify", "--export", good, "--key", key, "--checkpoint", after); code != 0 || !strings.HasPrefix(out, "verified: ") {
		t.Errorf("an export as it was made: %d %s%s", code, out, errs)
	}
	lines := strings.SplitAfter(export, "\n")
	for what, text := range map[string]string{
		"a line less":    strings.Join(append(append([]string{}, lines[:1]...), lines[2:]...), ""),
		"a changed line": strings.Replace(export, "server.started", "server.stopped", 1),
		"swapped lines":  lines[1] + lines[0] + strings.Join(lines[2:], ""),
	} {
		if text == export {
			t.Fatalf("%s: nothing was changed", what)
		}
		if out, errs, code := elsewhere.run("audit", "verify", "--export", file("bad.jsonl", text), "--key", key, "--checkpoint", after); code != exitData || !strings.HasPrefix(out, "NOT verified\n") {
			t.Errorf("%s: %d %s%s", what, code, out, errs)
		}
	}
	for _, args := range [][]string{{"--export", good}, {"--export", good, "--key", key}, {"--export", good, "--key", "nonsense", "--checkpoint", after}} {
		if _, errs, code := elsewhere.run(append([]string{"audit", "verify"}, args...)...); code != exitUsage {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	if _, _, code := elsewhere.run("audit", "verify", "--export", filepath.Join(dir, "absent"), "--key", key, "--checkpoint", after); code != exitNoInput {
		t.Errorf("no export: %d", code)
	}
	if _, err := os.Stat(elsewhere.config); err == nil {
		t.Error("a configuration was made")
	}
}
