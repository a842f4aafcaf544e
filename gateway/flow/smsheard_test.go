package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/store/storetest"
)

// TestBroughtAgain: a message that the carrier brings once more after its link
// ended is no second one. Whoever writes the same words twice is heard twice:
// over one link, after the time in which an answer gets lost, and to another line.
func TestBroughtAgain(t *testing.T) {
	const ok = "ok"
	type step struct {
		words string
		link  time.Duration // how long ago its link began; 0: long before
		wait  time.Duration // before it
		more  int           // mails to staff after it
	}
	for name, steps := range map[string][]step{
		"over the next link":           {{ok, 0, 0, 1}, {ok, time.Second, 5 * time.Second, 0}},
		"over two more links":          {{ok, 0, 0, 1}, {ok, time.Second, 5 * time.Second, 0}, {ok, time.Second, 5 * time.Second, 0}},
		"twice over one link":          {{ok, 0, 0, 1}, {ok, 0, time.Second, 1}},
		"twice, and both again":        {{ok, 0, 0, 1}, {ok, 0, time.Second, 1}, {ok, time.Second, 4 * time.Second, 0}, {ok, 2 * time.Second, time.Second, 0}},
		"again, and then once more":    {{ok, 0, 0, 1}, {ok, time.Second, 5 * time.Second, 0}, {ok, 3 * time.Second, 2 * time.Second, 1}},
		"other words":                  {{ok, 0, 0, 1}, {"OK", time.Second, 5 * time.Second, 1}},
		"with others between":          {{ok, 0, 0, 1}, {"and", 0, time.Second, 1}, {ok, time.Second, 4 * time.Second, 0}, {"and", time.Second, 0, 0}},
		"the link ended a while after": {{ok, 0, 0, 1}, {ok, time.Second, time.Minute, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w, kv := newWorld(t), storetest.NewMemory()
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				for i, s := range steps {
					time.Sleep(s.wait)
					segment := wrote(t, s.words, phonePass, "+15550001111")[0]
					var err error
					before := len(w.hop.mail("desk@clinic.example"))
					if bound := f.Now().Add(-s.link); s.link == 0 {
						err = f.ReceiveSMS(ctx, segment)
					} else {
						err = f.ReceiveAgainSMS(ctx, segment, bound.Add(-30*time.Second), bound)
					}
					if err != nil {
						return err
					}
					deliverAll(ctx, f, 100*time.Millisecond)
					if got := len(w.hop.mail("desk@clinic.example")) - before; got != s.more {
						t.Errorf("%d: staff got %d mails, want %d", i, got, s.more)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			w.sound(t, kv)
		})
	}
}

// TestBroughtAgainIsBounded: what a telephone writes is not remembered for ever,
// nor without a limit.
func TestBroughtAgainIsBounded(t *testing.T) {
	var d dialog
	began := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range 3 * heardMax {
		d.remember(heard{Sum: []byte{byte(i)}, At: began.Add(time.Duration(i) * time.Second)})
	}
	if len(d.Heard) != heardMax || d.Heard[heardMax-1].Sum[0] != 3*heardMax-1 {
		t.Errorf("%d messages, the last is %v", len(d.Heard), d.Heard[heardMax-1].Sum)
	}
	d.remember(heard{Sum: []byte("x"), At: began.Add(time.Hour)})
	if len(d.Heard) != 1 {
		t.Errorf("an hour later %d messages", len(d.Heard))
	}
}

// TestBroughtAgainOutlivesASubmission: a message of ours between does not make
// it forgotten, and a STOP that comes twice is one.
func TestBroughtAgainOutlivesASubmission(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	var story strings.Builder
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		segment := wrote(t, "HELP", phonePass, "+15550001111")[0]
		if err := f.ReceiveSMS(ctx, segment); err != nil {
			return err
		}
		if _, err := submitAll(ctx, f, short(t, "ours", phonePass)); err != nil {
			return err
		}
		time.Sleep(time.Second)
		if err := f.ReceiveAgainSMS(ctx, segment, f.Now().Add(-time.Minute), f.Now()); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Second)
		if _, err := f.Audit.Fold(ctx); err != nil {
			return err
		}
		_, err := f.Audit.Export(ctx, &story, audit.ExportOptions{Format: audit.JSON})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(readSegments(w.smsc.to(phonePass)), "STOP"); n != 1 {
		t.Errorf("HELP was answered %d times", n)
	}
	if s := story.String(); strings.Count(s, string(gateway.EventSMSReceived)) != 2 || strings.Count(s, `"again":"true"`) != 1 {
		t.Errorf("evidence: %s", s)
	}
}
