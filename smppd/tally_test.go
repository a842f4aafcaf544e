package smppd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/observe"
	"gatepost/smppd/pdu"
)

// book is what a log holds.
type book struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.Write(p)
}

// tear returns the lines since the last call, and keeps to what an operator
// would look for.
func (b *book) tear(t *testing.T) (lines []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.lines.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if msg := m["msg"].(string); strings.HasPrefix(msg, "submission") || strings.HasPrefix(msg, "wrong") {
			lines = append(lines, fmt.Sprint(msg, ": ", m["name"], " ", m["phase"], " ", m["status"], " ", m["reason"], " ", m["count"], " ", m["error"]))
		}
	}
	b.lines.Reset()
	return lines
}

// logged is the change of a configuration by which a book is its log.
func (b *book) logged(c *Config) { c.Logger = observe.NewLogger(b, slog.LevelInfo) }

// asks sends p and asserts the status of its response.
func (a *application) asks(p pdu.PDU, status pdu.Status) {
	a.t.Helper()
	a.write(p)
	if got := a.get(time.Millisecond, p.Command.Response()); got.Status != status {
		a.t.Fatalf("%v: got %v, want %v", p.Command, got.Status, status)
	}
}

// TestRefusalsInTheLog: each way to refuse a submission is told with its account
// and status, the first one at once and a flood as one line a second.
func TestRefusalsInTheLog(t *testing.T) {
	g := newFake()
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		policy := &gateway.Fault{Code: 550, Status: "5.7.1", SMPP: gateway.StatusSubmitFailed, Text: "Message refused by the organization's policy"}
		switch words := string(s.segment.Short); {
		case words == "policy":
			return "", nil, policy
		case words == "disk":
			return "", nil, gateway.FaultStorage.Because(errors.New("disk is full"))
		case len(s.to) == 2:
			return "m1", []gateway.LineFault{{Line: s.to[1], Fault: policy}}, nil
		}
		return g.take(s), nil, nil
	}
	var log book
	undisturbed(t, g, func(c *Config) { log.logged(c); c.Accounts[0].Rate = 1000 }, func(t *testing.T, b *bubble) {
		c := b.dial()
		c.asks(bindPDU(pdu.BindTransmitter, "esme1", "secret1"), pdu.OK)
		says := func(want ...string) {
			t.Helper()
			equal(t, "the log", log.tear(t), want)
		}
		stranger := submitPDU("hello")
		stranger.Body.(*pdu.Message).Segment.Source = gateway.Line{TON: 5, Addr: "STRANGER"}
		c.asks(stranger, pdu.RINVSRCADR)
		says("submission refused: esme1 submit_sm ESME_RINVSRCADR  1 <nil>")
		c.asks(submitPDU("policy"), pdu.RSUBMITFAIL)
		says("submission refused: esme1 submit_sm ESME_RSUBMITFAIL Message refused by the organization's policy 1 <nil>")
		c.asks(submitPDU("disk"), pdu.RMSGQFUL)
		says("submission not taken: esme1 submit_sm ESME_RMSGQFUL <nil> 1 452 4.3.1 " + gateway.FaultStorage.Text + ": disk is full")
		for range 500 {
			c.asks(stranger, pdu.RINVSRCADR)
		}
		c.asks(submitPDU("hello"), pdu.OK)
		c.asks(pdu.PDU{Command: pdu.CancelSM, Body: &pdu.Cancel{MessageID: "m9"}}, pdu.RINVMSGID)
		says()
		time.Sleep(tallyTime)
		synctest.Wait()
		says("submissions refused: esme1 submit_sm ESME_RINVSRCADR  500 <nil>")
		time.Sleep(time.Hour)
		says()
		c.asks(pdu.PDU{Command: pdu.SubmitMulti, Body: &pdu.Multi{Segment: stranger.Body.(*pdu.Message).Segment, Dests: []pdu.Dest{{Line: segment("").Source}}}}, pdu.RINVSRCADR)
		own := submitPDU("hello").Body.(*pdu.Message).Segment
		c.asks(pdu.PDU{Command: pdu.SubmitMulti, Body: &pdu.Multi{Segment: own, Dests: []pdu.Dest{{Line: own.Dest}, {Line: own.Source}}}}, pdu.OK)
		says("submission refused: esme1 submit_multi ESME_RINVSRCADR  1 <nil>", "submission refused: esme1 submit_multi ESME_RSUBMITFAIL  1 <nil>")
		for range 3 {
			c.asks(stranger, pdu.RINVSRCADR)
		}
		says("submission refused: esme1 submit_sm ESME_RINVSRCADR  1 <nil>")
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		says("submissions refused: esme1 submit_sm ESME_RINVSRCADR  2 <nil>")
	})
}

// TestRateInTheLog: so is what the rate refuses.
func TestRateInTheLog(t *testing.T) {
	var log book
	undisturbed(t, newFake(), func(c *Config) { log.logged(c); c.Accounts[0].Rate = 1 }, func(t *testing.T, b *bubble) {
		c := b.dial()
		c.asks(bindPDU(pdu.BindTransmitter, "esme1", "secret1"), pdu.OK)
		c.asks(submitPDU("hello"), pdu.OK)
		for range 40 {
			c.asks(submitPDU("hello"), pdu.RTHROTTLED)
		}
		time.Sleep(tallyTime)
		synctest.Wait()
		equal(t, "the log", log.tear(t), []string{
			"submission refused: esme1 submit_sm ESME_RTHROTTLED  1 <nil>", "submissions refused: esme1 submit_sm ESME_RTHROTTLED  39 <nil>",
		})
	})
}

// TestTallyIsBounded: whatever is refused, a second makes a bounded number of
// lines, and none is forgotten in their counts.
func TestTallyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log book
		var cfg Config
		log.logged(&cfg)
		all := tally{log: cfg.Logger, name: "esme1"}
		for n := range 1000 {
			all.add(cfg.Logger, refusal{command: pdu.SubmitSM, status: statusLabel(pdu.Status(n)), reason: fmt.Sprint("reason ", n%100)}, 1, nil)
		}
		time.Sleep(tallyTime)
		synctest.Wait()
		lines, sum := log.tear(t), 0
		for _, line := range lines {
			var n int
			fields := strings.Fields(line)
			if _, err := fmt.Sscan(fields[len(fields)-2], &n); err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if len(lines) > 2*maxKinds+2 || sum != 1000 {
			t.Errorf("%d lines tell of %d refusals", len(lines), sum)
		}
	})
}

// TestWrongPasswordInTheLog: whose password was wrong is told where it is an
// account; what else was typed may be a password.
func TestWrongPasswordInTheLog(t *testing.T) {
	var log book
	s := start(t, newFake(), log.logged)
	c := dial(t, s.addr)
	c.want(bindPDU(pdu.BindTransmitter, "esme1", "guessed1"), pdu.RINVPASWD)
	c.want(bindPDU(pdu.BindTransmitter, "secret1", "guessed2"), pdu.RINVPASWD)
	if written := func() string { log.mu.Lock(); defer log.mu.Unlock(); return log.lines.String() }(); strings.Contains(written, "secret1") || strings.Contains(written, "guessed") {
		t.Errorf("the log holds what was typed: %s", written)
	}
	equal(t, "the log", log.tear(t), []string{"wrong password: esme1 <nil> <nil> <nil> <nil> <nil>", "wrong system_id: <nil> <nil> <nil> <nil> <nil> <nil>"})
}
