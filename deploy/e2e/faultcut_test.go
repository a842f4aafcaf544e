package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPowerCutLosesNothing: the power goes while mails and short messages are
// sent as fast as they are answered and the next hop and the carrier make
// trouble; of what was not flushed any part is lost. Every mail that was
// answered 250 arrives as it was, secured ones as notices whose links open;
// every text that was answered with 0 reaches the carrier. GATEPOST_CUTS is
// how often (deploy/test-long.sh).
func TestPowerCutLosesNothing(t *testing.T) {
	cuts := 2
	if s := os.Getenv("GATEPOST_CUTS"); s != "" {
		cuts = atoi(t, s)
	}
	d := newFaultDisk(t, 1024)
	g, carrier, outside := faultSite(t, d)
	hop := troubledHop(outside)
	g.start()
	mails := startFaultLoad(t, g.relay)
	var texts *windowApp
	if carrier != nil {
		texts = startWindowApp(t, g.smpp)
	}
	var restarts []time.Duration
	var powerless []outage
	lost := 0
	for n := range cuts {
		if carrier != nil {
			carrier.set([]object{{"drop": 0, "drops": false, "count": 0, "late": 0}, {"drop": 5, "drops": true}, {"status": 0x58, "count": 20}, {"late": 300}}[n%4])
		}
		before := mails.count()
		eventually(t, time.Minute, func() string {
			if mails.count() < before+30 {
				return "nothing is accepted"
			}
			return ""
		})
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		from := time.Now()
		lost += d.cut([]float64{0, 0.5, 0.9, rand.Float64()}[n%4], hop.sever)
		g.kill()
		powerless = append(powerless, outage{from, time.Now()})
		d.unmount(t)
		d.powered()
		hop.join()
		d.mount(t)
		began := time.Now()
		g.start()
		restarts = append(restarts, time.Since(began))
	}
	mails.end()
	hop.calm()
	if lost == 0 && os.Getenv("GATEPOST_CUTS") != "" { // a few cuts may all come right after a flush
		t.Error("the cuts lost nothing: what was written had been flushed always")
	}
	accepted, secured := mails.settled(t, hop)
	again := hop.again()
	slices.Sort(restarts)
	t.Logf("MEASURED %d power cuts, %d sectors lost: %d mails accepted over %d senders, 0 lost, 0 damaged, %d again because the hop hid its answer, %d again because of a cut; serving after %.2f s (median), %.2f s (most)",
		cuts, lost, accepted, faultSenders, hop.hidden, again, restarts[len(restarts)/2].Seconds(), restarts[len(restarts)-1].Seconds())
	most := 20 // how many are under way depends on the machine: few cuts are no statistics
	if os.Getenv("GATEPOST_CUTS") != "" {
		most = faultSenders
	}
	if again > cuts*most {
		t.Errorf("%d mails again because of %d cuts and %d senders", again, cuts, faultSenders)
	}
	for _, to := range secured[max(0, len(secured)-3):] {
		opened := newBrowser(t).open(outside.to(to)[0].link(t), codeFrom(t, outside, to))
		if !strings.Contains(opened.body, faultWord) {
			t.Errorf("the mail to %s does not open", to)
		}
	}
	if texts != nil {
		textsArrived(t, carrier, texts, powerless)
		g.deliveredOnce()
	}
	g.must("audit", "verify")
}

// faultSite is a gate with everything that it keeps on the disk d, and the
// carrier where its library is here.
func faultSite(t *testing.T, d *faultDisk, more ...string) (*gate, *smsCarrier, *sink) {
	t.Helper()
	outside := startSink(t, nil)
	s := settings{
		data: filepath.Join(d.dir, "data"), keys: filepath.Join(d.dir, "keys"), routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)},
		policy: faultPolicy, more: append([]string{"queue: {first_retry: 1s, max_retry: 2s}"}, more...),
	}
	var carrier *smsCarrier
	if _, err := os.Stat(filepath.Join(os.Getenv("GATEPOST_NODE_SMPP"), "node_modules")); err == nil {
		carrier = startCarrier(t, object{"system_id": "gw", "password": smsPassword})
		s.smsc = carrier.addr()
	} else {
		t.Log("SKIPPED short messages: GATEPOST_NODE_SMPP names no folder with node-smpp")
	}
	return newGate(t, s), carrier, outside
}
