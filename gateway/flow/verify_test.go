package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// keptOf is what the record of a mail says of its judgement; raw may be it.
func keptOf(ctx context.Context, t *testing.T, f *Flow, id gateway.MessageID, raw string) *Kept {
	t.Helper()
	sum := sha256.Sum256([]byte(raw))
	out, err := operation(ctx, f, "message.judged", url.Values{"id": {id.String()}, "sum": {hex.EncodeToString(sum[:])}}, "")
	if err != nil {
		t.Fatal(err)
	}
	k := new(Kept)
	if err := json.Unmarshal([]byte(out), k); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestVerdictIsMadeAgain: with what a record holds, of a mail whose PIN was
// taken out and of one that continues a conversation, too.
func TestVerdictIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		pin := strings.Replace(testMail, "Subject: ", "Subject: [secure pin:493027] ", 1)
		later := strings.Replace(testMail, "<original@clinic.example>", "<later@clinic.example>\r\nReferences: <original@clinic.example>", 1)
		first := submissionTo("s@secure.example", "p@pass.example", "h@hold.example")
		for i, m := range []struct{ raw, octets string }{{testMail, "same"}, {later, "same"}, {pin, "unknown"}} {
			id, err := accept(ctx, f, first, m.raw)
			if err != nil {
				t.Fatal(err)
			}
			k := keptOf(ctx, t, f, id, m.raw)
			if k.Judged == nil || k.Judged.Size != int64(len(m.raw)) || !k.Judged.Staff || k.Judged.Thread != (i == 1) || k.Judged.Secured != (i == 1) || len(k.Verdicts) < 3 {
				t.Fatalf("mail %d: %+v", i, k.Judged)
			}
			v, err := f.rules().Verify(k, []byte(m.raw), time.UTC)
			if err != nil || !v.Verified || len(v.Deviations) > 0 || v.Octets != m.octets || v.Rules != len(k.Verdicts)*len(f.Policy().Rules()) {
				t.Errorf("mail %d: %+v, %v", i, v, err)
			}
			if k = keptOf(ctx, t, f, id, m.raw+"x"); k.Octets == "same" {
				t.Errorf("mail %d is another one, too", i)
			}
			k.Judged = nil // as records were before
			if v, err = f.rules().Verify(k, []byte(m.raw), time.UTC); err != nil || !v.Verified {
				t.Errorf("mail %d without its facts: %+v, %v", i, v, err)
			}
		}
		return nil
	})
}

// TestVerdictOfAnother: another policy file, and a number that is no hash
// are refused.
func TestVerdictOfAnother(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id, err := accept(ctx, f, submissionTo("p@pass.example"), testMail)
		if err != nil {
			t.Fatal(err)
		}
		other := NewJudge(policy.Default(), f.rules().detector)
		if _, err := other.Verify(keptOf(ctx, t, f, id, testMail), []byte(testMail), time.UTC); !errors.Is(err, ErrOtherPolicy) {
			t.Errorf("by another policy: %v", err)
		}
		var wrong *OperationError
		if _, err := operation(ctx, f, "message.judged", url.Values{"id": {id.String()}, "sum": {"77"}}, ""); !errors.As(err, &wrong) || !wrong.Usage {
			t.Errorf("no hash: %v", err)
		}
		return nil
	})
}

const shortProofs = `policy: short proofs
default: pass
detectors:
  house: {words_file: words.txt}
rules:
  - {id: ids, reason: a number, when: 'found(["ssn"], MEDIUM)', then: secure}
  - {id: night, reason: late, when: 'channel == "sms" && local_time >= 22', then: hold}
  - {id: news, reason: news, when: 'declared("campaign") && system_id == "esme1" && service_type == "NEWS" && source_address == "15550001111"', then: tls}
  - {id: house, reason: ours, when: 'found(["house"], LOW)', then: secure}
`

func shortJudge(t *testing.T, words string) *Judge {
	t.Helper()
	p, err := policy.LoadWith("p.yaml", []byte(shortProofs), policy.Options{ReadFile: func(string) ([]byte, error) { return []byte(words), nil }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{Own: p.Detectors()})
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(p, d)
}

// TestVerdictOfShortIsMadeAgain: of a text of several parts, of one that is
// declared by its service_type and leaves in the night, and of one whose octets
// may be read in two ways; by the same words only.
func TestVerdictOfShortIsMadeAgain(t *testing.T) {
	long := strings.Repeat("Please read this. ", 20) + "\nHer social security number is 536-22-8145."
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		f.Configure(*f.set(), shortJudge(t, "zebraquartz\n"))
		told := short(t, "Zebraquartz is open", phonePass)[0]
		told.ServiceType = "NEWS"
		told.Schedule = f.Now().UTC().AddDate(0, 0, 2).Format("060102") + "230000000+"
		twice := short(t, "See you on Tuesday", phonePass)[0]
		twice.TLVs = []gateway.TLV{{Tag: 0x1400, Value: []byte("her social security number is 536-22-8145")}}
		for name, c := range map[string]struct {
			segments []gateway.Segment
			text     string
			aside    int
			rules    []string
		}{
			"long":   {short(t, long, phonePass), strings.ReplaceAll(long, "\n", "\r\n") + "\r\n", 0, []string{"ids"}},
			"told":   {[]gateway.Segment{told}, "Zebraquartz is open\n", 0, []string{"night"}},
			"beside": {[]gateway.Segment{twice}, "See you on Tuesday", 1, []string{"ids"}},
		} {
			ids, err := submitAll(ctx, f, c.segments)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := gateway.ParseMessageID(ids[0])
			k := keptOf(ctx, t, f, id, "")
			if !slices.Equal(k.Verdicts[0].Rules, c.rules) || k.Judged.Sum != nil || k.Judged.Short == nil {
				t.Fatalf("%s: %v %+v", name, k.Verdicts[0].Rules, k.Judged)
			}
			v, err := f.rules().Verify(k, []byte(c.text), time.UTC)
			if err != nil || !v.Verified || v.Octets != "unknown" || v.Aside != c.aside || (len(v.Deviations) > 0) != (c.aside > 0) || c.aside == 0 && v.Rules != 4 {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
			if _, err := shortJudge(t, "zebraquartz\nother\n").Verify(k, []byte(c.text), time.UTC); !errors.Is(err, ErrOtherWords) {
				t.Errorf("%s: by other words: %v", name, err)
			}
			if name != "told" {
				continue
			}
			if v, err := f.rules().Verify(k, []byte("Zebrafinch is open"), time.UTC); err != nil || v.Verified || v.Octets != "other" {
				t.Errorf("another text: %+v, %v", v, err)
			}
		}
		return nil
	})
}
