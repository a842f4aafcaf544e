package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
)

// TestAReferenceLeadsToTheMessage: what a reader's page shows is enough to find the
// mail, its story, its envelope and its link, however it is read out; a recall takes
// the message back from this reader, not from everybody.
func TestAReferenceLeadsToTheMessage(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, "other@secure.example")
		id := sentTo(ctx, t, f, three...)
		secret := linkIn(t, w.notice(t, three[1]))
		page, err := f.Visit(ctx, secret, gateway.Visitor{})
		if err != nil {
			return err
		}
		for _, said := range []string{page.Reference, strings.ToLower(page.Reference), strings.Replace(page.Reference, "-", " ", 1), strings.ReplaceAll(page.Reference, "-", "")} {
			if l := shownLines(ctx, t, f, "audit.show", url.Values{"id": {said}})[0]; l.Message != id {
				t.Errorf("audit show %s: %v, not %v", said, l.Message, id)
			}
			if out, err := operation(ctx, f, "message.show", url.Values{"id": {said}}, ""); err != nil || !strings.Contains(out, id.String()) {
				t.Errorf("message show %s: %v %s", said, err, out)
			}
		}
		if err := f.Proof.Freeze(ctx, seal.LinkID(secret)); err != nil {
			return err
		}
		for _, want := range []string{`{"changed":true}`, `{"changed":false}`} { // the second thaws nothing
			if out, err := operation(ctx, f, "link.thaw", url.Values{"id": {page.Reference}}, ""); err != nil || out != want+"\n" {
				t.Errorf("thaw: %q, want %s; %v", out, want, err)
			}
		}
		if all := recordsLike(ctx, t, f, gateway.EventLinkThawed); len(all) != 1 {
			t.Errorf("evidence of %d thaws", len(all))
		}
		if page, err := f.Visit(ctx, secret, gateway.Visitor{}); err != nil || page.State != gateway.LinkActive {
			t.Errorf("thawed by its reference: %v %v", page.State, err)
		}
		one := gateway.EnvelopeID{Message: id, N: 1}
		if out, err := operation(ctx, f, "queue.show", url.Values{"id": {page.Reference}}, ""); err != nil || !strings.Contains(out, `"id":"`+one.String()+`"`) {
			t.Errorf("queue show: %v %s", err, out)
		}
		var wrong *OperationError
		if _, err := operation(ctx, f, "message.recall", url.Values{"id": {page.Reference}, "recipient": {three[0]}}, ""); !errors.As(err, &wrong) || !wrong.Usage {
			t.Errorf("a recall by the reference of one and the address of another: %v", err)
		}
		for _, op := range []string{"message.recall", "message.recall_undo"} {
			if out, err := operation(ctx, f, op, url.Values{"id": {page.Reference}}, ""); err != nil || !strings.Contains(out, three[1]) {
				t.Errorf("%s: %v %s", op, err, out)
			}
			copies, _, err := f.copies(ctx, id)
			if err != nil {
				return err
			}
			for i := range copies {
				if recalled := !copies[i].Recalled.IsZero(); recalled != (op == "message.recall" && copies[i].ID == one) {
					t.Errorf("after %s copy %d is taken back: %v", op, i, recalled)
				}
			}
		}
		for _, op := range []string{"audit.show", "message.show", "queue.show", "message.recall", "link.thaw"} {
			if _, err := operation(ctx, f, op, url.Values{"id": {"AAAA-AAAA"}}, ""); !errors.As(err, &wrong) || !wrong.NotFound {
				t.Errorf("%s of a reference of nobody: %v", op, err)
			}
			if _, err := operation(ctx, f, op, url.Values{"id": {"AAAA-0000"}}, ""); !errors.As(err, &wrong) || !wrong.Usage {
				t.Errorf("%s of what is no reference: %v", op, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoThawOfWhatStaysShut: a link that was taken back or has ended is not thawed,
// and no evidence says that it was.
func TestNoThawOfWhatStaysShut(t *testing.T) {
	for words, shut := range map[string]func(ctx context.Context, f *Flow, id gateway.MessageID) error{
		"taken back": func(ctx context.Context, f *Flow, id gateway.MessageID) error {
			return recallOp(ctx, f, "message.recall", id, "")
		},
		"has ended": func(context.Context, *Flow, gateway.MessageID) error {
			time.Sleep(400 * 24 * time.Hour)
			return nil
		},
	} {
		w := newWorld(t)
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			id := sentTo(ctx, t, f, three...)
			link := seal.LinkID(linkIn(t, w.notice(t, three[0])))
			if err := errors.Join(f.Proof.Freeze(ctx, link), shut(ctx, f, id)); err != nil {
				return err
			}
			var wrong *OperationError
			if _, err := operation(ctx, f, "link.thaw", url.Values{"id": {link.String()}}, ""); !errors.As(err, &wrong) || !wrong.Data || !strings.Contains(wrong.Text, words) {
				t.Errorf("%s: %v", words, err)
			}
			if all := recordsLike(ctx, t, f, gateway.EventLinkThawed); len(all) > 0 || journalledThaws(t, w) > 0 {
				t.Errorf("%s: evidence of a thaw that was none: %v", words, all)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// journalledThaws counts the thaws that the journal beside the keyring tells of.
func journalledThaws(t *testing.T, w *world) (n int) {
	t.Helper()
	if _, err := w.keys.Journal().Replay(func(e seal.Entry) error {
		if e.Kind == seal.JournalFrozen && string(e.Data) == thawed {
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}
