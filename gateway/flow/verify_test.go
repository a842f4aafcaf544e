package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/policy"
	"gatepost/store"
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

// TestVerdictOfAnother: another policy file, a message that nothing judged and
// a number that is no hash are refused.
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
		if _, err := submitAll(ctx, f, short(t, "See you on Tuesday.", phonePass)); err != nil {
			t.Fatal(err)
		}
		return each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
			if m.Channel != gateway.SMS {
				return
			}
			if _, err := operation(ctx, f, "message.judged", url.Values{"id": {m.ID.String()}}, ""); !errors.As(err, &wrong) || !wrong.Data {
				t.Errorf("a short message: %v", err)
			}
		})
	})
}
