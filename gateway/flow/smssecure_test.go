package flow

import (
	"context"
	"encoding/binary"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"gatepost/gateway"
	"gatepost/gateway/queue"
)

func ucs2(text string) (out []byte) {
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}

// cut splits octets into parts behind the header that head makes.
func cut(octets []byte, size int, like gateway.Segment, head func(s *gateway.Segment, total, seq int)) (list []gateway.Segment) {
	total := (len(octets) + size - 1) / size
	for i := range total {
		s := like
		head(&s, total, i+1)
		s.Short = append(s.Short, octets[i*size:min(len(octets), (i+1)*size)]...)
		list = append(list, s)
	}
	return list
}

// A secured text leaves as one short message with a link, whatever way it came.
func TestSecuredTextTellsTheCarrierNothing(t *testing.T) {
	words := strings.Repeat(secretBody+" ", 9)
	udh8 := func(s *gateway.Segment, total, seq int) {
		s.ESMClass, s.Short = 0x40, []byte{5, 0, 3, 9, byte(total), byte(seq)}
	}
	udh16 := func(s *gateway.Segment, total, seq int) {
		s.ESMClass, s.Short = 0x40, []byte{6, 8, 4, 1, 9, byte(total), byte(seq)}
	}
	sar := func(s *gateway.Segment, total, seq int) {
		s.TLVs = []gateway.TLV{{Tag: gateway.TagSARRef, Value: []byte{1, 9}}, {Tag: gateway.TagSARTotal, Value: []byte{byte(total)}}, {Tag: gateway.TagSARSeq, Value: []byte{byte(seq)}}}
	}
	for _, number := range []string{phoneSecure, phoneTLS, phoneNoCopy} {
		like := short(t, "x", number)[0]
		like.Short, like.Registered, like.Validity = nil, 1, "000002000000000R"
		wide := like
		wide.DataCoding = 8
		payload := like
		payload.TLVs = []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte(words)}}
		data := payload
		data.Data = true
		foreign := like
		foreign.ESMClass, foreign.Short = 0x40, append([]byte{6, 0x70, 4, 'z', 'e', 'b', 'r'}, secretBody...)
		for name, segments := range map[string][]gateway.Segment{
			"alphabet": short(t, secretBody, number), "parts": short(t, words, number),
			"small parts": cut([]byte(words), 5, like, udh8), "udh16": cut([]byte(words), 100, like, udh16), "sar": cut([]byte(words), 100, like, sar),
			"ucs2 cut within a character": cut(ucs2(words), 33, wide, udh8), "payload": {payload}, "data_sm": {data}, "foreign header": {foreign},
		} {
			w, kv := newWorld(t), emptyStore()
			w.submitInto(t, kv, segments)
			w.settle(t, kv)
			got := w.smsc.to(number)
			if len(got) != 1 || got[0].Source != like.Source || got[0].Dest != like.Dest || len(got[0].TLVs) > 0 {
				t.Fatalf("%s: %d segments left", name, len(got))
			}
			text := w.smsc.told(number)
			if strings.Contains(text, "ebra") || !strings.Contains(text, "Example Clinic") || got[0].DataCoding != 0 || len(got[0].Short) > 160 {
				t.Errorf("%s: %q", name, text)
			}
			secret := linkIn(t, text)
			if err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				page, err := f.Visit(ctx, secret, gateway.Visitor{})
				if page.State != gateway.LinkActive {
					t.Errorf("%s: the link is %s", name, page.State)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
			w.tellsNothing(t)
			w.sound(t, kv)
		}
	}
}

// The mailbox of the account takes part in the conversation, so that the
// reader can answer.
func TestSecuredTextCanBeAnswered(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.submitInto(t, kv, short(t, secretBody, phoneSecure))
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		phone, err := gateway.PhoneAddress(phoneSecure)
		if err != nil {
			return err
		}
		p, err := f.People.Find(ctx, phone)
		if err != nil {
			return err
		}
		threads, err := f.Threads.Of(ctx, p.Ref)
		if len(threads) != 1 || !slices.Equal(f.answering(threads[0]), []gateway.Address{gateway.MustAddress("desk@clinic.example")}) {
			t.Errorf("an answer reaches nobody, or others: %d conversations", len(threads))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A message that failed is told once: by a receipt where one was asked for,
// else by a report to the account's mailbox.
func TestFailureIsToldOnce(t *testing.T) {
	for _, c := range []struct {
		registered byte
		receipt    bool
	}{{0, false}, {1, true}, {2, true}} {
		for _, number := range []string{phonePass, phoneSecure} {
			w, kv := newWorld(t), emptyStore()
			w.smsc.answer = func(gateway.Segment) (uint32, bool) { return gateway.StatusInvalidDest, false }
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				s := short(t, secretBody, number)[0]
				s.Registered = c.registered
				id, err := submit(ctx, f, s)
				deliverAll(ctx, f, time.Minute)
				heard := toTell(ctx, t, f)
				if c.receipt && !slices.Equal(heard, []string{id + ":UNDELIV"}) || !c.receipt && heard != nil {
					t.Errorf("registered %d: the application hears %v", c.registered, heard)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(w.hop.mail("desk@clinic.example")); c.receipt && n > 0 && number == phonePass || !c.receipt && n == 0 {
				t.Errorf("registered %d: %d mails", c.registered, n)
			}
			for _, mail := range w.hop.mail("desk@clinic.example") {
				if strings.Contains(mail, "Action: failed") && (!strings.Contains(mail, "application esme1") || !strings.Contains(mail, "x-smpp; 0x0000000B")) {
					t.Errorf("the report does not say what failed:\n%s", mail)
				}
			}
			w.nothingReadable(t, "desk@clinic.example")
		}
	}
}

// A message ends with its validity, and its application hears that.
func TestValidityEnds(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	w.smsc.down = true
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, "Your taxi is here", phonePass)[0]
		s.Registered, s.Validity = 1, "000000001000000R"
		id, err := submit(ctx, f, s)
		deliverAll(ctx, f, 12*time.Minute)
		if heard := toTell(ctx, t, f); !slices.Equal(heard, []string{id + ":EXPIRED"}) {
			t.Errorf("the application hears %v", heard)
		}
		w.smsc.down = false
		deliverAll(ctx, f, 10*time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.smsc.got) > 0 {
		t.Error("it was sent when nobody wanted it any more")
	}
}

// What a person holds back leaves when they release it, as it came or as a
// link, and never when they refuse it.
func TestHeldShortMessages(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for ref, number := range []string{phoneHold, phoneBoth, phoneHold} {
			segments := short(t, longWords, number)
			for i := range segments {
				segments[i].Registered, segments[i].Short[3] = 1, byte(ref)
			}
			if _, err := submitAll(ctx, f, segments); err != nil {
				return err
			}
		}
		deliverAll(ctx, f, time.Minute)
		if len(w.smsc.got) > 0 {
			t.Error("what is held left")
		}
		list, err := operation(ctx, f, "held.list", nil, "")
		if err != nil || strings.Count(list, phoneHold) != 2 || strings.Contains(list, gateway.PhoneDomain) {
			t.Errorf("held list: %s, %v", list, err)
		}
		n := 0
		held, err := heldIDs(ctx, f)
		for _, id := range held {
			e, err := f.envelope(ctx, id)
			if err != nil {
				return err
			}
			what := "held.release"
			if e.Recipient.Phone().Reveal() == phoneHold {
				if n++; n == 2 {
					what = "held.refuse"
				}
			}
			if _, err := operation(ctx, f, what, reviewed(id), ""); err != nil {
				return err
			}
		}
		if heard := toTell(ctx, t, f); len(heard) != 3 || strings.Count(strings.Join(heard, " "), ":REJECTD") != 3 {
			t.Errorf("the application hears %v", heard)
		}
		deliverAll(ctx, f, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.smsc.told(phoneHold) != longWords || len(w.smsc.to(phoneBoth)) != 1 || !strings.Contains(w.smsc.told(phoneBoth), "/m/") {
		t.Errorf("released: %q, %q", w.smsc.told(phoneHold), w.smsc.told(phoneBoth))
	}
	w.tellsNothing(t)
	w.sound(t, kv)
}

func heldIDs(ctx context.Context, f *Flow) (ids []gateway.EnvelopeID, err error) {
	list, err := f.queue.List(ctx, queue.Filter{State: gateway.Held, Limit: 100})
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids, err
}

// What is said in a conversation that was secured is secured, on this channel
// too; a conversation that rested for long is another.
func TestSecuredConversationsStaySecured(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	lab := func(ctx context.Context, f *Flow, service string) error {
		s := short(t, "Hello", phonePass)[0]
		s.Source, s.ServiceType = gateway.Line{TON: gateway.TONAlphanumeric, Addr: "CLINIC"}, service
		_, _, err := f.SubmitSMS(ctx, app("esme2"), s, gateway.SegmentPlace{Total: 1, Seq: 1}, []gateway.Line{s.Dest})
		deliverAll(ctx, f, time.Minute)
		return err
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for i, c := range []struct {
			after   time.Duration
			service string
			linked  bool
		}{{0, "", false}, {0, "LAB", true}, {time.Hour, "", true}, {6 * 24 * time.Hour, "", true}, {8 * 24 * time.Hour, "", false}} {
			time.Sleep(c.after)
			w.smsc.forget()
			if err := lab(ctx, f, c.service); err != nil {
				return err
			}
			if got := w.smsc.told(phonePass); strings.Contains(got, "/m/") != c.linked {
				t.Errorf("step %d: %q", i, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who does not read is reminded by short message; a recall by number ends it.
func TestRemindersAndRecallOfTelephones(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		s := short(t, secretBody, phoneSecure)[0]
		s.Registered = 1
		id, err := submit(ctx, f, s)
		if err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		first := w.smsc.told(phoneSecure)
		time.Sleep(testReminders().After[0])
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		got := w.smsc.to(phoneSecure)
		if len(got) != 2 || got[1].Source != s.Source || got[1].Registered != 0 || string(got[1].Short) == first || !strings.Contains(string(got[1].Short), "/m/") {
			t.Errorf("%d segments: %q", len(got), got[len(got)-1].Short)
		}
		out, err := operation(ctx, f, "message.recall", url.Values{"id": {id}, "recipient": {phoneSecure}}, "")
		if err != nil || !strings.Contains(out, phoneSecure) || strings.Contains(out, gateway.PhoneDomain) {
			t.Errorf("recall: %s, %v", out, err)
		}
		page, err := f.Visit(ctx, linkIn(t, first), gateway.Visitor{})
		if page.State != gateway.LinkRecalled {
			t.Errorf("the link is %s", page.State)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.tellsNothing(t)
	w.sound(t, kv)
}

// A validity that says nothing to us is the carrier's to judge.
func TestOddValidityIsLeftToTheCarrier(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	odd := []string{"000000000000000R", "990101", "000101000000000+", "nonsense in here"}
	for _, v := range odd {
		s := short(t, "Hello", phonePass)
		s[0].Validity = v
		w.submitInto(t, kv, s)
	}
	w.settle(t, kv)
	var got []string
	for _, s := range w.smsc.to(phonePass) {
		got = append(got, s.Validity)
	}
	slices.Sort(got)
	if slices.Sort(odd); !slices.Equal(got, odd) {
		t.Errorf("left: %q", got)
	}
}
