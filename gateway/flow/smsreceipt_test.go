package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// said is what one receipt says: "id STATE", with "intermediate" behind it for
// one that is not final.
type said string

func (s said) receipt() gateway.Receipt {
	words := strings.Fields(string(s))
	return gateway.Receipt{ID: gateway.Sensitive(words[0]), State: gateway.ReceiptState(words[1]), Intermediate: len(words) > 2, Error: "007"}
}

// TestReceipts tells what an application hears: "1:DELIVRD" is the receipt of
// its first part.
func TestReceipts(t *testing.T) {
	for _, c := range []struct {
		name string
		sent sentSMS
		says []said
		want []string
	}{
		{"delivered", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a DELIVRD"}, []string{"1:DELIVRD"}},
		{"not asked for", sentSMS{asked: []byte{0}, ids: []string{"a"}}, []said{"a DELIVRD"}, nil},
		{"not asked for, other bits", sentSMS{asked: []byte{0x0C}, ids: []string{"a"}}, []said{"a UNDELIV"}, nil},
		{"failure only, delivered", sentSMS{asked: []byte{2}, ids: []string{"a"}}, []said{"a DELIVRD"}, nil},
		{"failure only, failed", sentSMS{asked: []byte{2}, ids: []string{"a"}}, []said{"a UNDELIV"}, []string{"1:UNDELIV"}},
		{"failure only, unknown", sentSMS{asked: []byte{2}, ids: []string{"a"}}, []said{"a UNKNOWN"}, []string{"1:UNKNOWN"}},
		{"reserved bits", sentSMS{asked: []byte{3}, ids: []string{"a"}}, []said{"a DELIVRD"}, []string{"1:DELIVRD"}},
		{"twice", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a DELIVRD", "a DELIVRD"}, []string{"1:DELIVRD"}},
		{"twice, and otherwise", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a UNDELIV", "a DELIVRD"}, []string{"1:UNDELIV"}},
		{"intermediate, asked for", sentSMS{asked: []byte{0x11}, ids: []string{"a"}}, []said{"a ENROUTE intermediate", "a DELIVRD"}, []string{"1:ENROUTE intermediate", "1:DELIVRD"}},
		{"intermediate twice", sentSMS{asked: []byte{0x11}, ids: []string{"a"}}, []said{"a ENROUTE intermediate", "a ENROUTE intermediate", "a DELIVRD"}, []string{"1:ENROUTE intermediate", "1:DELIVRD"}},
		{"two intermediate states", sentSMS{asked: []byte{0x10}, ids: []string{"a"}}, []said{"a ENROUTE intermediate", "a ACCEPTD intermediate"}, []string{"1:ENROUTE intermediate", "1:ACCEPTD intermediate"}},
		{"intermediate, not asked for", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a ENROUTE intermediate", "a DELIVRD"}, []string{"1:DELIVRD"}},
		{"intermediate, called a receipt", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a ACCEPTD", "a DELIVRD"}, []string{"1:DELIVRD"}},
		{"intermediate with the word of a final one", sentSMS{asked: []byte{1}, ids: []string{"a"}}, []said{"a DELIVRD intermediate", "a EXPIRED"}, []string{"1:EXPIRED"}},
		{"intermediate after the final one", sentSMS{asked: []byte{0x11}, ids: []string{"a"}}, []said{"a DELIVRD", "a ENROUTE intermediate"}, []string{"1:DELIVRD"}},

		{"parts as they came", sentSMS{asked: []byte{1, 0, 2}, ids: []string{"a", "b", "c"}}, []said{"c UNDELIV", "b DELIVRD", "a DELIVRD"}, []string{"3:UNDELIV", "1:DELIVRD"}},
		{"parts as they came, one is missing", sentSMS{asked: []byte{1, 1}, ids: []string{"a", "b"}}, []said{"b DELIVRD"}, []string{"2:DELIVRD"}},
		{"a notice for two parts", sentSMS{asked: []byte{1, 1}, ids: []string{"n"}, notice: true}, []said{"n DELIVRD"}, []string{"1:DELIVRD", "2:DELIVRD"}},
		{"a notice of two segments for two parts", sentSMS{asked: []byte{1, 2}, ids: []string{"n", "o"}, notice: true}, []said{"n DELIVRD", "o EXPIRED"}, []string{"1:EXPIRED", "2:EXPIRED"}},
		{"a notice, not complete", sentSMS{asked: []byte{1}, ids: []string{"n", "o"}, notice: true}, []said{"n DELIVRD"}, nil},
		{"split by us, worst first", sentSMS{asked: []byte{1}, ids: []string{"n", "o", "p"}}, []said{"o REJECTD", "n DELIVRD", "p UNDELIV"}, []string{"1:REJECTD"}},
		{"split by us, all delivered", sentSMS{asked: []byte{1}, ids: []string{"n", "o", "p"}}, []said{"o DELIVRD", "n DELIVRD", "p DELIVRD"}, []string{"1:DELIVRD"}},
		{"split by us, one unknown", sentSMS{asked: []byte{1}, ids: []string{"n", "o"}}, []said{"o UNKNOWN", "n DELIVRD"}, []string{"1:UNKNOWN"}},
		{"split by us, intermediate of each", sentSMS{asked: []byte{0x11}, ids: []string{"n", "o"}}, []said{"n ENROUTE intermediate", "o ENROUTE intermediate", "n DELIVRD", "o DELIVRD"}, []string{"1:ENROUTE intermediate", "1:DELIVRD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				m, e := c.sent.store(ctx, t, f)
				for _, s := range c.says {
					if err := f.ReceiptSMS(ctx, s.receipt()); err != nil {
						t.Errorf("%s: %v", s, err)
					}
				}
				if got := partsTold(ctx, t, f, m); !slices.Equal(got, c.want) {
					t.Errorf("the application hears %q, want %q", got, c.want)
				}
				checkStates(ctx, t, f, e.ID, c.sent.ids, c.says)
				return nil
			})
		})
	}
}

// partsTold is toTell with the numbers of parts in the place of their ids.
func partsTold(ctx context.Context, t testing.TB, f *Flow, m *gateway.Message) []string {
	t.Helper()
	list := toTell(ctx, t, f)
	for i, text := range list {
		for n, p := range m.Ends.Parts {
			text = strings.Replace(text, p.ID.String(), fmt.Sprint(n+1), 1)
		}
		list[i] = text
	}
	return list
}

// checkStates compares the segments of an envelope with what was said of them
// first for good, or else last.
func checkStates(ctx context.Context, t *testing.T, f *Flow, id gateway.EnvelopeID, ids []string, says []said) {
	t.Helper()
	e, err := f.envelope(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for i, carrier := range ids {
		var want gateway.ReceiptState
		final := false
		for _, s := range says {
			if r := s.receipt(); r.ID.Reveal() == carrier && !final {
				want, final = r.State, r.State.Final() && !r.Intermediate
			}
		}
		if got := e.Last.Segments[i].State; got != want {
			t.Errorf("segment %d is %q, want %q", i+1, got, want)
		}
	}
}

// What an application hears names the message as it knows it.
func TestReceiptAsTheApplicationKnowsIt(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		m, _ := sentSMS{asked: []byte{1}, ids: []string{"0A"}}.store(ctx, t, f)
		over := f.Now().Add(-time.Minute).Truncate(time.Minute)
		r := gateway.Receipt{ID: "10", State: gateway.Undeliverable, Error: "069", Done: over, Network: []byte{3, 0, 9}, Submitted: over.Add(-time.Hour), Source: gateway.Line{Addr: "9"}, Dest: gateway.Line{TON: 1, Addr: "15551234567"}}
		if err := f.ReceiptSMS(ctx, r); err != nil {
			t.Fatal(err)
		}
		all, err := f.Deliveries(ctx, testApp, "", 10)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d deliveries, %v", len(all), err)
		}
		got, p := all[0].Receipt, m.Ends.Parts[0]
		if got.ID.Reveal() != p.ID.String() || got.Source != m.Ends.Source || got.Dest != m.Ends.Dest || !got.Submitted.Equal(p.At) {
			t.Error("the receipt is not about the message that was submitted")
		}
		if got.State != gateway.Undeliverable || got.Error != "069" || !got.Done.Equal(over) || string(got.Network) != "\x03\x00\x09" {
			t.Errorf("the receipt says %s %s %v %x", got.State, got.Error, got.Done, got.Network)
		}
		return nil
	})
}

// TestReceiptHoldsTheReference that the application gave the message or the part:
// of the carrier's receipts, of those of a notice, and of our own.
func TestReceiptHoldsTheReference(t *testing.T) {
	for name, c := range map[string]struct {
		words, to string
		leave     int // parts that are not submitted
		want      string
	}{
		"whole":        {words: "see you", to: phonePass, want: "0001"},
		"in parts":     {words: longWords, to: phonePass, want: "0001 0002 0003"},
		"notice":       {words: secretBody, to: phoneSecure, want: "0001"},
		"part missing": {words: longWords, to: phonePass, leave: 1, want: "0001 0002"},
	} {
		t.Run(name, func(t *testing.T) {
			w, kv := newWorld(t), emptyStore()
			w.must(t, kv, func(ctx context.Context, f *Flow) error {
				segments := asked(t, c.words, c.to)
				segments = segments[:len(segments)-c.leave]
				for i := range segments {
					segments[i].TLVs = append(segments[i].TLVs, gateway.TLV{Tag: gateway.TagUserReference, Value: []byte{0, byte(i + 1)}})
				}
				if _, err := submitAll(ctx, f, segments); err != nil {
					return err
				}
				deliverAll(ctx, f, 5*time.Minute)
				f.agendaOnce(ctx)
				for i := range w.smsc.to(c.to) {
					if err := f.ReceiptSMS(ctx, gateway.Receipt{ID: gateway.Sensitive(fmt.Sprintf("%08X", i+1)), State: gateway.StateSent, Dest: destination(c.to)}); err != nil {
						return err
					}
				}
				all, err := f.Deliveries(ctx, "esme1", "", 10)
				var got []string
				for _, d := range all {
					got = append(got, fmt.Sprintf("%x", d.Receipt.Reference))
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("receipts with %q, want %s", got, c.want)
				}
				return err
			})
		})
	}
}

// A receipt that is faster than the answer to its message waits for it,
// whichever way it is spelled, however often it comes.
func TestReceiptBeforeTheAnswer(t *testing.T) {
	for given, spelled := range map[string]string{"4711": "4711", "1A2B": "6699", "6699": "01a2b", "000abc": "ABC"} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			f.housekeepOnce(ctx)
			for range 2 {
				if err := f.ReceiptSMS(ctx, receiptFor(spelled, gateway.StateSent)); err != nil {
					t.Fatal(err)
				}
			}
			if got := toTell(ctx, t, f); len(got) > 0 {
				t.Errorf("said before anything was sent: %q", got)
			}
			m, _ := sentSMS{asked: []byte{1}, ids: []string{given}}.store(ctx, t, f)
			f.Settled()
			if got := partsTold(ctx, t, f, m); !slices.Equal(got, []string{"1:DELIVRD"}) {
				t.Errorf("%s as %s: the application hears %q", given, spelled, got)
			}
			if n := f.early.waiting.Load(); n != 0 || rowsOf(ctx, t, f, store.Early) != 0 {
				t.Errorf("%d receipts wait, %d in the store", n, rowsOf(ctx, t, f, store.Early))
			}
			return nil
		})
	}
}

func rowsOf(ctx context.Context, t testing.TB, f *Flow, table store.Table) (n int) {
	t.Helper()
	if err := f.Store.Scan(ctx, store.Prefix(table), func(store.Item) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// What a crash leaves between a settlement and the look for early receipts,
// housekeeping finds; what is about nothing of ours goes after an hour.
func TestHousekeepingFindsEarlyReceipts(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	var m *gateway.Message
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for _, id := range []string{"4711", "foreign"} {
			if err := f.ReceiptSMS(ctx, receiptFor(id, gateway.StateSent)); err != nil {
				t.Fatal(err)
			}
		}
		var b *store.Batch
		m, _, b = sentSMS{asked: []byte{1}, ids: []string{"4711"}}.staged(t, f)
		return f.Store.Commit(ctx, b) // and the process ends before anything follows
	})
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		f.housekeepOnce(ctx)
		if got := partsTold(ctx, t, f, m); !slices.Equal(got, []string{"1:DELIVRD"}) {
			t.Errorf("the application hears %q", got)
		}
		if n := f.early.waiting.Load(); n != 1 || rowsOf(ctx, t, f, store.Early) != 1 {
			t.Errorf("%d receipts wait", n)
		}
		time.Sleep(earlyFor + time.Minute)
		f.housekeepOnce(ctx)
		if n := f.early.waiting.Load(); n != 0 || rowsOf(ctx, t, f, store.Early) != 0 || !f.early.none() {
			t.Errorf("%d receipts wait after their time", n)
		}
		return nil
	})
}

// A carrier that sends the receipts of others does not fill the store.
func TestTooManyEarlyReceipts(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		m, _ := sentSMS{asked: []byte{1}, ids: []string{"4711"}}.store(ctx, t, f)
		f.early.add(maxEarly)
		if err := f.ReceiptSMS(ctx, receiptFor("foreign", gateway.StateSent)); gateway.FaultOf(err).SMPP != gateway.StatusQueueFull || !gateway.FaultOf(err).Temporary() {
			t.Errorf("one too many: %v", err)
		}
		if err := f.ReceiptSMS(ctx, receiptFor("4711", gateway.StateSent)); err != nil {
			t.Error(err)
		}
		if got := partsTold(ctx, t, f, m); !slices.Equal(got, []string{"1:DELIVRD"}) || rowsOf(ctx, t, f, store.Early) != 0 {
			t.Errorf("the application hears %q", got)
		}
		return nil
	})
}

// An ambiguous receipt goes to nobody, and to its message when the other one
// has its own.
func TestAmbiguousReceiptWaits(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		one, _ := sentSMS{asked: []byte{1}, ids: []string{"07"}}.store(ctx, t, f)
		other, _ := sentSMS{asked: []byte{1}, ids: []string{"007"}}.store(ctx, t, f)
		if err := f.ReceiptSMS(ctx, receiptFor("7", gateway.StateSent)); err != nil {
			t.Fatal(err)
		}
		if got := toTell(ctx, t, f); len(got) > 0 {
			t.Fatalf("somebody's receipt went to %q", got)
		}
		if err := f.ReceiptSMS(ctx, receiptFor("07", gateway.Undeliverable)); err != nil {
			t.Fatal(err)
		}
		f.housekeepOnce(ctx)
		want := []string{one.Ends.Parts[0].ID.String() + ":UNDELIV", other.Ends.Parts[0].ID.String() + ":DELIVRD"}
		if got := toTell(ctx, t, f); !slices.Equal(got, want) {
			t.Errorf("the application hears %q, want %q", got, want)
		}
		return nil
	})
}

// What ended here is told once for each part, and what the carrier has of a
// text that failed in the middle is left to the carrier.
func TestEndedHere(t *testing.T) {
	for _, c := range []struct {
		name  string
		sent  sentSMS
		state gateway.ReceiptState
		says  []said
		want  []string
	}{
		{"never sent", sentSMS{asked: []byte{1, 2, 0}}, gateway.StateRejected, nil, []string{"1:REJECTD", "2:REJECTD"}},
		{"refused", sentSMS{asked: []byte{1}, ids: []string{""}}, gateway.Undeliverable, nil, []string{"1:UNDELIV"}},
		{"failed in the middle", sentSMS{asked: []byte{1, 1}, ids: []string{"a", ""}}, gateway.Undeliverable, []said{"a DELIVRD"}, []string{"2:UNDELIV", "1:DELIVRD"}},
		{"a notice failed in the middle", sentSMS{asked: []byte{1, 1}, ids: []string{"a", ""}, notice: true}, gateway.Undeliverable, []said{"a DELIVRD"}, []string{"1:UNDELIV", "2:UNDELIV"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
				c.sent.state = gateway.Bounced
				m, e := c.sent.store(ctx, t, f)
				for range 2 {
					b := new(store.Batch)
					if err := f.stageSMSReceipt(ctx, b, m, &e, c.state, "000"); err != nil {
						t.Fatal(err)
					}
					if err := store.Write(ctx, f.Store, b); err != nil {
						t.Fatal(err)
					}
				}
				for _, s := range c.says {
					if err := f.ReceiptSMS(ctx, s.receipt()); err != nil {
						t.Fatal(err)
					}
				}
				if got := partsTold(ctx, t, f, m); !slices.Equal(got, c.want) {
					t.Errorf("the application hears %q, want %q", got, c.want)
				}
				return nil
			})
		})
	}
}

// Two destinations of one submission share an id, and each has its receipt.
func TestPartsWithoutAMessage(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		p := gateway.AcceptedPart{ID: newID(t, f), Registered: 1, At: f.Now()}
		silent := gateway.AcceptedPart{ID: newID(t, f), At: f.Now()}
		for range 2 {
			for _, addr := range []string{"15551234567", "15557654321"} {
				b := new(store.Batch)
				ends := gateway.Ends{Dest: gateway.Line{TON: 1, NPI: 1, Addr: addr}}
				if err := f.stagePartsEnd(ctx, b, testApp, ends, []gateway.AcceptedPart{p, silent}, gateway.StateRejected); err != nil {
					t.Fatal(err)
				}
				if err := store.Write(ctx, f.Store, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		all, err := f.Deliveries(ctx, testApp, "", 10)
		if err != nil || len(all) != 2 || all[0].Receipt.Dest.Addr != "15551234567" || all[1].Receipt.Dest.Addr != "15557654321" {
			t.Errorf("%d receipts, %v", len(all), err)
		}
		return nil
	})
}

// Staff who wrote a mail to a telephone hear that it never got there.
func TestUndeliveredMailOfStaff(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, e := sentSMS{ids: []string{"a", "b"}, mail: true}.store(ctx, t, f)
		for _, s := range []said{"a DELIVRD", "b UNDELIV", "b UNDELIV"} {
			if err := f.ReceiptSMS(ctx, s.receipt()); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := f.envelope(ctx, e.ID); err != nil || got.State != gateway.Bounced || len(got.Last.Segments) != 2 {
			t.Errorf("the envelope is %s, %v", got.State, err)
		}
		deliverAll(ctx, f, 10*time.Second)
		return nil
	})
	if mails := w.hop.mail("ann@clinic.example"); len(mails) != 1 || !strings.Contains(mails[0], "Action: failed") {
		t.Errorf("%d mails to the sender", len(mails))
	}
}

// The ids of messages are forgotten in time, and not before.
func TestIDsAreForgotten(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		_, _ = sentSMS{asked: []byte{1, 1}, ids: []string{"a", "b"}}.store(ctx, t, f)
		if err := f.ReceiptSMS(ctx, receiptFor("a", gateway.StateSent)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after   time.Duration
			carrier int
			ids     int
		}{{time.Hour, 2, 3}, {repeatedFor, 1, 3}, {carrierIDFor, 0, 3}, {shortIDFor, 0, 0}} {
			time.Sleep(c.after)
			f.housekeepOnce(ctx)
			if carrier, ids := rowsOf(ctx, t, f, store.CarrierIDs), rowsOf(ctx, t, f, store.ShortIDs); carrier != c.carrier || ids != c.ids {
				t.Errorf("after %v more %d ids of the carrier and %d of the application, want %d and %d", c.after, carrier, ids, c.carrier, c.ids)
			}
		}
		return nil
	})
}
