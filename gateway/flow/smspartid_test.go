package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestPartsLeadToTheirMessage: an application knows the ids of the parts of a
// long text and no other; operators find and take back the message by them.
func TestPartsLeadToTheirMessage(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		ids, err := submitAll(ctx, f, short(t, strings.Repeat("A long text of segments. ", 12), phoneSecure))
		if err != nil || len(ids) < 2 {
			t.Fatal(ids, err)
		}
		var messages []string
		for _, id := range ids {
			name := url.Values{"id": {id}}
			out, err := operation(ctx, f, "message.show", name, "")
			if err != nil || !strings.Contains(out, id) {
				t.Errorf("message show: %s, %v", out, err)
			}
			messages = append(messages, out[:len(`{"id":"`)+26])
			if out, err := operation(ctx, f, "audit.show", name, ""); err != nil || !strings.Contains(out, `"message.accepted"`) {
				t.Errorf("audit show: %s, %v", out, err)
			}
		}
		if messages[0] != messages[1] || strings.Contains(messages[0], ids[0]) {
			t.Errorf("parts of %v", messages)
		}
		if out, err := operation(ctx, f, "message.recall", url.Values{"id": {ids[0]}}, ""); err != nil || !strings.Contains(out, `"withdrawn"`) {
			t.Errorf("message recall: %s, %v", out, err)
		}
		// The log has one line of it, which names them.
		if log := w.log.String(); strings.Count(log, `"msg":"accepted"`) != 1 || !strings.Contains(log, `"parts":"`+strings.Join(ids, " ")+`"`) {
			t.Errorf("log:\n%s", log)
		}
		if _, err := operation(ctx, f, "message.show", url.Values{"id": {strings.Repeat("0", 26)}}, ""); err == nil {
			t.Error("an id of nothing is shown")
		}
		return nil
	})
}

// TestRecallOfAPassedText: what left in the clear cannot be taken back, and
// nothing of that can be undone.
func TestRecallOfAPassedText(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id, err := submit(ctx, f, short(t, "See you", phonePass)[0])
		if err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		out, err := operation(ctx, f, "message.recall", url.Values{"id": {id}}, "")
		if err == nil || !strings.Contains(out, `"reach":"left"`) || strings.Contains(out, `"until"`) {
			t.Errorf("%s, %v", out, err)
		}
		return nil
	})
}
