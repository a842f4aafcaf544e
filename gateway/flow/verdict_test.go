package flow

import (
	"context"
	"encoding/json"
	"net/url"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
)

// TestProofIsWhole: the record of a message keeps of its proof what is its own,
// and message show prints every rule all the same, after a restart too.
func TestProofIsWhole(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	var rules int
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := submitAll(ctx, f, short(t, "Reminder: your dental appointment is on Tuesday.", phonePass)); err != nil {
			t.Fatal(err)
		}
		rules = len(f.Policy().Base())
		return nil
	})
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		var kept gateway.Message
		if err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) { kept = *m }); err != nil {
			t.Fatal(err)
		}
		if n := len(kept.Verdicts[0].Results); n == 0 || n >= rules/2 {
			t.Errorf("%d of %d results are kept", n, rules)
		}
		out, err := operation(ctx, f, "message.show", url.Values{"id": {kept.ID.String()}}, "")
		if err != nil {
			t.Fatal(err)
		}
		var shown struct{ Verdicts []gateway.Verdict }
		if err := json.Unmarshal([]byte(out), &shown); err != nil {
			t.Fatal(err)
		}
		v := shown.Verdicts[0]
		if len(v.Results) != rules || v.Like != "" {
			t.Fatalf("%d of %d rules are shown", len(v.Results), rules)
		}
		for i, base := range f.Policy().Base() {
			if v.Results[i].ID != base.ID || v.Results[i].Why == "" {
				t.Errorf("rule %d: %+v", i, v.Results[i])
			}
		}
		return nil
	})
}
