package flow

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// between does something before or after the first commit of records of a kind,
// which then may fail.
type between struct {
	store.Store
	of []byte // how the keys of these records begin

	mu            sync.Mutex
	before, after func() error
}

func (s *between) Commit(ctx context.Context, b *store.Batch) error {
	if !slices.ContainsFunc(b.Ops, func(o store.Op) bool { return bytes.HasPrefix(o.Key, s.of) }) {
		return s.Store.Commit(ctx, b)
	}
	s.mu.Lock()
	before, after := s.before, s.after
	s.before, s.after = nil, nil
	s.mu.Unlock()
	for _, act := range []func() error{before, func() error { return s.Store.Commit(ctx, b) }, after} {
		if act == nil {
			continue
		}
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func (s *between) set(before, after func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// giveRole gives Eve another role.
func giveRole(ctx context.Context, t *testing.T, f *Flow, role string) {
	t.Helper()
	if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {role}}, ""); err != nil {
		t.Error(err)
	}
}

// TestAnAnswerOutlivesACrash: what an answer was bound to is decided after a start,
// whether the mail is sent again or not; unless its writer reviews no more.
func TestAnAnswerOutlivesACrash(t *testing.T) {
	for role, decided := range map[string]int{"compliance": 3, "staff": 1} {
		w, kv := newWorld(t), &between{Store: emptyStore(), of: store.Key(store.Envelopes)}
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
			for range 3 {
				sentTo(ctx, t, f, "h@why.example")
			}
			fileAway(ctx, t, f)
			if _, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, []gateway.UID{1, 2, 3}, gateway.FolderRelease); err != nil {
				return err
			}
			address := w.questionTo(ctx, t, f, "eve@clinic.example")
			kv.set(nil, func() error { // the first is released, then the disk is away
				kv.set(func() error { return errors.New("the disk is away") }, nil)
				return nil
			})
			if err := answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a1", theReason)); err == nil {
				t.Error("taken over, and not decided")
			}
			return nil
		})
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			giveRole(ctx, t, f, role)
			f.housekeepOnce(ctx)
			refs, err := f.People.Ensure(ctx, gateway.MustAddress("eve@clinic.example"))
			if err != nil {
				return err
			}
			all := eventsOf(ctx, t, f, gateway.EventReleased)
			for _, r := range all {
				if e := mustEnvelopeOf(ctx, t, f, r.Message); e.Review.Reveal() != theReason || r.Persons[0] != refs[0] || r.Actor != "account" {
					t.Errorf("because %q: %+v", e.Review.Reveal(), r)
				}
			}
			waits := rowsWith(ctx, t, f, askedRow)
			if len(all) != decided || decided == 3 && waits != 0 || decided == 1 && waits != 3 {
				t.Errorf("%s: %d decided, %d wait", role, len(all), waits)
			}
			if kept := reasonsKept(ctx, t, f); kept != (decided == 1) {
				t.Errorf("%s: the reason is kept with the question: %v", role, kept)
			}
			return nil
		})
	}
}

func reasonsKept(ctx context.Context, t *testing.T, f *Flow) (kept bool) {
	t.Helper()
	err := each(ctx, f.Store, store.Prefix(store.Meta, []byte(questionRow)), func(q *question) { kept = kept || q.Reason != "" })
	if err != nil {
		t.Error(err)
	}
	return kept
}

// TestReviewersWhoEndedKeepNobodyWaiting: however many answers of those who review no
// more are left, one that comes after them is decided.
func TestReviewersWhoEndedKeepNobodyWaiting(t *testing.T) {
	w, kv := newWorld(t), &between{Store: emptyStore(), of: store.Key(store.Envelopes)}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
		id := sentTo(ctx, t, f, "h@why.example")
		fileAway(ctx, t, f)
		m, err := f.message(ctx, id)
		if err != nil {
			return err
		}
		e := mustEnvelopeOf(ctx, t, f, id)
		if _, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRelease); err != nil {
			return err
		}
		address := w.questionTo(ctx, t, f, "eve@clinic.example")
		kv.set(func() error { return errors.New("the disk is away") }, nil)
		if err := answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a1", theReason)); err == nil {
			t.Error("taken over, and not decided")
		}
		gone := gateway.MustAddress("gone@clinic.example")
		var b store.Batch
		for i := range 2*filingChunk + 1 { // copies of Ann's mail, each with an answer that stays
			other := gateway.MessageID{1: byte(i >> 8), 2: byte(i)}
			key := store.Key(store.Meta, []byte(questionRow), append([]byte{0, 0}, other[:14]...))
			m, e := *m, e
			m.ID, e.ID.Message = other, other
			for _, err := range []error{
				b.PutRecord(messageKey(other), m), b.PutRecord(envelopeKey(e.ID), e),
				b.PutRecord(askedKey(other), openQuestion{Question: key, By: gone, At: f.Now()}),
				b.PutRecord(key, question{By: gone, At: f.Now(), Messages: []gateway.MessageID{other}, Answer: []byte{1}, Reason: theReason, Actor: "account"}),
			} {
				if err != nil {
					return err
				}
			}
		}
		if err := store.Write(ctx, f.Store, &b); err != nil {
			return err
		}
		n, err := f.finishAnswers(ctx)
		if all := eventsOf(ctx, t, f, gateway.EventReleased); n != 1 || len(all) != 1 || all[0].Message != id {
			t.Errorf("%d decided: %+v", n, all)
		}
		if waits := rowsWith(ctx, t, f, askedRow); waits != 2*filingChunk+1 {
			t.Errorf("%d wait", waits)
		}
		return err
	})
}

// TestARoleThatEndsStopsAMove: what comes behind is not decided, nor what is being
// decided at that moment, nor asked about, nor taken back.
func TestARoleThatEndsStopsAMove(t *testing.T) {
	envelope, asked := store.Key(store.Envelopes), store.Key(store.Meta, []byte(askedRow))
	for name, c := range map[string]struct {
		of     []byte // the record in whose commit the role ends
		to     string
		behind bool // it ends behind the commit, else before it
		from   gateway.Folder
		acts   int
	}{
		"behind a release":    {envelope, "h@hold.example", true, gateway.FolderQuarantine, 1},
		"before a release":    {envelope, "h@hold.example", false, gateway.FolderQuarantine, 0},
		"before a question":   {asked, "h@why.example", false, gateway.FolderQuarantine, 0},
		"before a withdrawal": {asked, "h@why.example", false, gateway.FolderRelease, 3},
	} {
		w, kv := newWorld(t), &between{Store: emptyStore(), of: c.of}
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
			for range 3 {
				sentTo(ctx, t, f, c.to)
			}
			fileAway(ctx, t, f)
			uids, to := []gateway.UID{1, 2, 3}, gateway.FolderRelease
			if c.from == gateway.FolderRelease {
				to = gateway.FolderQuarantine
				if _, err := f.MailMove(ctx, eve.account, to, uids, c.from); err != nil {
					return err
				}
			}
			time.Sleep(time.Second)
			ends := func() error { giveRole(ctx, t, f, "staff"); return nil }
			if kv.set(ends, nil); c.behind {
				kv.set(nil, ends)
			}
			done, err := f.MailMove(ctx, eve.account, c.from, uids, to)
			if !errors.Is(err, gateway.ErrNotProven) || len(done.Gone) > 1 {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
			kv.set(nil, nil)
			acts := len(eventsOf(ctx, t, f, gateway.EventReleased)) + len(eventsOf(ctx, t, f, gateway.EventReasonAsked)) + len(eventsOf(ctx, t, f, gateway.EventReasonWithdrawn))
			if acts != c.acts {
				t.Errorf("%s: %d acts, not %d", name, acts, c.acts)
			}
			return nil
		})
	}
}

// TestWhatIsAskedLastsAsLongAsItWaits: a shorter retention ends no question about
// mail that waits, and one that ends leaves no mail in the folder of its answer.
func TestWhatIsAskedLastsAsLongAsItWaits(t *testing.T) {
	reviewer(t, 2, func(ctx context.Context, w *world, eve *client) {
		f := eve.f
		if _, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, []gateway.UID{1, 2}, gateway.FolderRelease); err != nil {
			t.Fatal(err)
		}
		entries := eve.entries(ctx, gateway.FolderRelease)
		short := w.settings()
		short.Retain = time.Hour
		f.Configure(short, testJudge())
		end := func(when string, rows, listed int) {
			t.Helper()
			if _, err := f.endQuestions(ctx); err != nil {
				t.Error(err)
			}
			fileAway(ctx, t, f)
			if n := rowsWith(ctx, t, f, questionRow) + rowsWith(ctx, t, f, askedRow); n != rows || len(eve.entries(ctx, gateway.FolderRelease)) != listed {
				t.Errorf("%s: %d rows, and %s", when, n, eve.shows(ctx))
			}
		}
		time.Sleep(2 * time.Hour)
		end("both wait", 3, 2)
		if _, err := operation(ctx, f, "held.refuse", url.Values{"id": {entries[0].Message.String() + ".0"}, "reason": {"no"}}, ""); err != nil {
			t.Fatal(err)
		}
		end("one waits", 2, 1)
		time.Sleep(200 * 24 * time.Hour)
		end("its body is gone", 0, 0)
	})
}

// TestNobodyAsksAboutWhatIsDecided: a question that is staged while an answer to
// another one decides is not asked.
func TestNobodyAsksAboutWhatIsDecided(t *testing.T) {
	w, kv := newWorld(t), &between{Store: emptyStore(), of: store.Key(store.Meta, []byte(askedRow))}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
		sentTo(ctx, t, f, "h@why.example")
		fileAway(ctx, t, f)
		id := eve.entries(ctx, gateway.FolderQuarantine)[0].Message.String() + ".0"
		kv.set(func() error {
			_, err := operation(ctx, f, "held.release", url.Values{"id": {id}, "reason": {"looked at it"}}, "")
			return err
		}, nil)
		done, err := f.MailMove(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRefuse)
		if err != nil || len(done.To) != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		if n := len(eventsOf(ctx, t, f, gateway.EventReasonAsked)); n != 0 || rowsWith(ctx, t, f, questionRow) != 0 {
			t.Errorf("%d asked", n)
		}
		return nil
	})
}
