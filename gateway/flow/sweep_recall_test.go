package flow

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/store"
)

// agendaSoon does what becomes due within d, as a process would that lives so
// long.
func agendaSoon(ctx context.Context, f *Flow, d time.Duration) {
	for end := f.Now().Add(d); f.Now().Before(end); time.Sleep(30 * time.Second) {
		f.agendaOnce(ctx)
	}
}

// staffReads opens a message through its staff copy.
func (w *world) staffReads(ctx context.Context, f *Flow, id gateway.MessageID) (string, error) {
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return "", err
	}
	blob, err := f.Blobs.Open(ctx, m.Body.Blob)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	c, err := w.keys.Opener().Staff(m.Staff, id, blob, blob.Size())
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	return string(raw), err
}

// recallJourneys take a message back from one of two and let the agenda shred.
// The mail is accepted within each run: a key that one run destroyed must not
// be missed by the next.
func recallJourneys() []journey {
	var id gateway.MessageID
	var told bool
	of := func(args url.Values) url.Values { args.Set("id", id.String()); return args }
	start := func(ctx context.Context, f *Flow) (err error) {
		told = false
		id, err = accept(ctx, f, submissionTo("a@secure.example", "b@secure.example"), testMail)
		return err
	}
	return []journey{
		{
			name: "remind", covers: []string{"Agenda"},
			prepare: func(t *testing.T, w *world, kv store.Store) { _, id = w.secured(t, kv, "s@secure.example") },
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				time.Sleep(2 * time.Hour)
				f.agendaOnce(ctx)
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					time.Sleep(90 * time.Minute)
					live(ctx, f, time.Hour)
					e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
					if len(e.Reminded) != 1 || len(e.More) != 1 {
						t.Errorf("reminded %d times, %d links", len(e.Reminded), len(e.More))
					}
					if w.arrivals("s@secure.example", aReminder) == 0 {
						t.Error("no reminder came")
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "recall by mail", covers: []string{"Accept", "Recipient"},
			prepare: func(t *testing.T, w *world, kv store.Store) { _, id = w.secured(t, kv, "s@secure.example") },
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				return sendRecall(ctx, f, submissionTo("recall@reply.clinic.example"), recallMail)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				e := envelopes(t, w, kv)["s@secure.example"]
				if told := w.arrivals("ann@clinic.example", "Subject: Recall:"); answer == nil && (e.Recalled.IsZero() || told == 0) {
					t.Errorf("taken over, recalled %v, %d receipts", e.Recalled, told)
				}
			},
		},
		{
			name: "recall and shred", covers: []string{"op message.recall", "Agenda", "Readable"},
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				if err := start(ctx, f); err != nil {
					return err
				}
				_, err := operation(ctx, f, "message.recall", of(url.Values{"recipient": {"a@secure.example"}}), "")
				if told = err == nil; told && f.Readable(ctx, gateway.Grant{Message: id, Envelope: gateway.EnvelopeID{Message: id}}) {
					t.Error("recalled and readable")
				}
				agendaSoon(ctx, f, 5*time.Minute)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					agendaFor(ctx, f, 20*time.Minute)
					e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
					if err != nil {
						return ignoreMissing(err) // it was not accepted
					}
					if told && (e.Shredded.IsZero() || e.State != gateway.Withdrawn) || e.Recalled.IsZero() != e.Shredded.IsZero() {
						t.Errorf("told %v: state %s, recalled %v, shredded %v", told, e.State, e.Recalled, e.Shredded)
					}
					if text, err := w.staffReads(ctx, f, id); err != nil || !strings.Contains(text, secretBody) {
						t.Errorf("the staff copy does not open: %v", err)
					}
					return each(ctx, f.Store, store.Prefix(store.Links), func(l *gateway.Link) {
						if gone := l.Wrap.IsZero() || f.Keys.Destroyed(l.Wrap.Group); gone != (l.Envelope == e.ID && !e.Shredded.IsZero()) {
							t.Errorf("envelope %v: its wrap is gone: %v", l.Envelope, gone)
						}
					})
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "undo a recall", covers: []string{"op message.recall_undo"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				if err := start(ctx, f); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "message.recall", of(url.Values{}), ""); err != nil {
					return err
				}
				_, err := operation(ctx, f, "message.recall_undo", of(url.Values{}), "")
				told = err == nil
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					agendaFor(ctx, f, 20*time.Minute)
					m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
					if err != nil {
						return ignoreMissing(err)
					}
					e, err := f.envelope(ctx, gateway.EnvelopeID{Message: id})
					if err != nil {
						return err
					}
					if told && (!e.Recalled.IsZero() || m.Staff.IsZero() || e.State == gateway.Held) {
						t.Errorf("undone, and recalled %v, state %s", e.Recalled, e.State)
					}
					if e.Shredded.IsZero() != !m.Staff.IsZero() {
						t.Errorf("half shredded: envelope %v, staff copy %v", e.Shredded, !m.Staff.IsZero())
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
	}
}

// contactJourneys export and erase a person who has a link.
func contactJourneys() []journey {
	who := url.Values{"name": {"s@secure.example"}}
	var secret gateway.LinkSecret
	prepare := func(t *testing.T, w *world, kv store.Store) { secret, _ = w.secured(t, kv, "s@secure.example") }
	return []journey{
		{
			name: "export a contact", covers: []string{"op contact.export"}, prepare: prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				out, err := operation(ctx, f, "contact.export", who, "")
				if err == nil && !strings.Contains(out, `"kind":"evidence"`) {
					err = errors.New("no evidence")
				}
				return err
			},
		},
		{
			name: "erase a contact", covers: []string{"op contact.erase"}, prepare: prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := operation(ctx, f, "contact.erase", who, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					agendaFor(ctx, f, 30*time.Minute)
					_, err := f.People.Find(ctx, gateway.MustAddress("s@secure.example"))
					gone := errors.Is(err, people.ErrUnknown)
					if answer == nil && !gone {
						t.Errorf("erased and there: %v", err)
					}
					page, err := f.Visit(ctx, secret, gateway.Visitor{})
					if gone != (page.State == gateway.LinkUnknown) {
						t.Errorf("person gone %v, link %s", gone, page.State)
					}
					if where := heldBy(t, ctx, f.Store, "s@secure.example"); gone && len(where) > 0 {
						t.Errorf("the address stands in %v", where)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
	}
}

func ignoreMissing(err error) error {
	var wrong *OperationError
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &wrong) && wrong.NotFound {
		return nil
	}
	return err
}
