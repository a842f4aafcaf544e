package flow

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/smppd/text"
	"gatepost/store"
)

// smsc is the carrier: it keeps what it is given, by number.
type smsc struct {
	mu     sync.Mutex
	got    []gateway.Segment
	answer func(s gateway.Segment) (status uint32, unanswered bool) // nil: 0
	down   bool
	away   bool // no bind: who sends waits a while for one
	n      int
	fault  *fault
}

// bound waits for a bind, as long as the real client does.
func (c *smsc) bound(ctx context.Context) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		c.mu.Lock()
		away := c.away
		c.mu.Unlock()
		if !away {
			return true
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

func (c *smsc) bind(there bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = !there
}

func newSMSC() *smsc { return &smsc{fault: &fault{}} }

func (c *smsc) Limit() int { return 10 }

func (c *smsc) Send(ctx context.Context, segments []gateway.Segment, done []gateway.SegmentResult, begin func() bool) ([]gateway.SegmentResult, gateway.Outcome) {
	results := make([]gateway.SegmentResult, len(segments))
	copy(results, done)
	if !c.bound(ctx) || !begin() {
		return results, gateway.Outcome{Result: gateway.Deferred, At: time.Now(), Status: "4.4.1", Phase: "connect"}
	}
	reads, keeps, heard, well := c.fault.attempt(1)
	if !well && !keeps && reads == 0 {
		return results, heard[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := gateway.Outcome{Result: gateway.Sent, At: time.Now(), Host: "smsc.example:2775"}
	for i, s := range segments {
		if results[i].Sent {
			continue
		}
		if !well {
			results[i], o.Result = c.unanswered(s, keeps), gateway.Deferred
			continue
		}
		if c.down {
			return results, gateway.Outcome{Result: gateway.Deferred, At: time.Now(), Status: "4.4.1", Phase: "connect"}
		}
		var status uint32
		if c.answer != nil {
			var lost bool
			if status, lost = c.answer(s); lost {
				results[i].Unknown = true
				o.Result = gateway.Deferred
				continue
			}
		}
		results[i].Status, results[i].At = status, time.Now()
		switch status {
		case gateway.StatusOK:
			c.n++
			results[i].Sent, results[i].ID = true, gateway.Sensitive(fmt.Sprintf("%08X", c.n))
			c.got = append(c.got, s)
		case gateway.StatusThrottled, gateway.StatusQueueFull:
			o.Result, o.Status = gateway.Deferred, "4.4.5"
		default:
			o.Result, o.Status, o.Code = gateway.Failed, "5.0.0", 550
		}
	}
	return results, o
}

// unanswered is a segment whose answer is lost, or that is throttled.
func (c *smsc) unanswered(s gateway.Segment, keeps bool) gateway.SegmentResult {
	if keeps {
		c.got = append(c.got, s)
		return gateway.SegmentResult{Unknown: true}
	}
	return gateway.SegmentResult{Status: gateway.StatusThrottled, At: time.Now()}
}

// to are the segments that a telephone got.
func (c *smsc) to(number string) (list []gateway.Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.got {
		if a, err := s.Dest.Number(); err == nil && a.Phone().Reveal() == number {
			list = append(list, s)
		}
	}
	return list
}

// told is what a telephone shows.
func (c *smsc) told(number string) string {
	segments := c.to(number)
	if len(segments) == 0 {
		return ""
	}
	return spoken(text.Texts{}.Read(segments))
}

func (c *smsc) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = nil
}

// Telephones of the tests; shortRules decides by them.
const (
	phonePass   = "+15552000001"
	phoneSecure = "+15552000002"
	phoneHold   = "+15552000003"
	phoneReject = "+15552000004"
	phoneTLS    = "+15552000005"
	phoneNoCopy = "+15552000006"
	phoneBoth   = "+15552000007" // held, and secured below
)

const shortRules = `  - {id: ps, reason: secured, when: 'recipient.address == "` + phoneSecure + `"', then: secure}
  - {id: ph, reason: a person decides, when: 'recipient.address == "` + phoneHold + `" || recipient.address == "` + phoneBoth + `"', then: hold}
  - {id: pb, reason: secured below, when: 'recipient.address == "` + phoneBoth + `"', then: secure}
  - {id: pr, reason: never, when: 'recipient.address == "` + phoneReject + `"', then: reject}
  - {id: pt, reason: forced TLS, when: 'recipient.address == "` + phoneTLS + `"', then: tls}
  - {id: pn, reason: no copy, when: 'recipient.address == "` + phoneNoCopy + `"', then: {action: secure, staff_copy: none}}
  - {id: app, reason: of the rules for applications, when: 'channel == "sms" && system_id == "esme2" && service_type == "LAB" && source_address == "CLINIC"', then: secure}
  - {id: campaign, reason: campaigns need consent, when: 'declared("campaign") && !recipient.consents("marketing")', then: reject}
`

func testSMS() *SMSSettings {
	line := func(text string) gateway.Line {
		l, err := gateway.ParseLine(text)
		if err != nil {
			panic(err)
		}
		return l
	}
	return &SMSSettings{
		Domain: "sms.clinic.example", Sender: line("+15550009999"), PartTimeout: time.Minute,
		Accounts: []SMSAccount{
			{SystemID: "esme1", Answers: true, Inbox: gateway.MustAddress("desk@clinic.example"), Senders: []gateway.Line{line("+15550001111"), line("CLINIC")}, Campaigns: []string{"NEWS"}},
			{SystemID: "esme2", Inbox: gateway.MustAddress("lab@clinic.example"), AnySender: true},
		},
	}
}

// app is an application that binds.
func app(account string) gateway.Peer {
	return gateway.Peer{Listener: "smpp", Addr: netip.MustParseAddrPort("127.0.0.1:4001"), Account: account}
}

// short makes the segments of a text to a number.
func short(t testing.TB, words, to string) []gateway.Segment {
	t.Helper()
	segments, err := text.Texts{}.Compose(words, 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := range segments {
		segments[i].Source = gateway.Line{TON: gateway.TONInternational, NPI: gateway.NPIE164, Addr: "15550001111"}
		segments[i].Dest = destination(to)
	}
	return segments
}

func destination(number string) gateway.Line {
	return gateway.Line{TON: gateway.TONInternational, NPI: gateway.NPIE164, Addr: strings.TrimPrefix(number, "+")}
}

// submit hands one segment over.
func submit(ctx context.Context, f *Flow, s gateway.Segment) (string, error) {
	place, err := f.Texts.Place(&s)
	if err != nil {
		return "", err
	}
	id, _, err := f.SubmitSMS(ctx, app("esme1"), s, place, []gateway.Line{s.Dest})
	return id, err
}

// submitAll hands a text over and returns the ids.
func submitAll(ctx context.Context, f *Flow, segments []gateway.Segment) (ids []string, err error) {
	for _, s := range segments {
		id, err := submit(ctx, f, s)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (w *world) submitInto(t *testing.T, kv store.Store, segments []gateway.Segment) (ids []string) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
		ids, err = submitAll(ctx, f, segments)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func reviewed(id gateway.EnvelopeID) url.Values {
	return url.Values{"id": {id.String()}, "reason": {"looked at"}}
}

// stopAll lets a telephone want no messages of any line.
func (f *Flow) stopAll(ctx context.Context, number string) error {
	phone, err := gateway.PhoneAddress(number)
	if err != nil {
		return err
	}
	refs, err := f.People.Ensure(ctx, phone)
	if err != nil {
		return err
	}
	var b store.Batch
	if _, err := f.consents.Stage(ctx, &b, consent.Act{Phone: phone, Person: refs[0], Word: consent.ByOperator(consent.Stop), Actor: "uid:0"}); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}
