package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// maxAnswerSubject bounds the subject of a new conversation; octets.
const maxAnswerSubject = 900

// What one correspondent may send within answersTime: each answer counts one,
// and one more for each MiB of its attachments.
const (
	answersTime = time.Hour
	answersMax  = 1000
)

// Answer takes over what a correspondent writes in the viewer after a proof:
// the next turn of the link's conversation, or with To the first of a new one.
// What it returns is durable. Attachments are sealed as they arrive; none is
// held in memory.
//
// The same Once of the same correspondent is the same answer, whatever else is
// in the form: the first that was committed. gateway.ErrNotProven,
// ErrAnswerTooLarge, ErrAnswerEmpty and ErrNoStaff are the writer's to mend, a
// *gateway.TooSoonError says that it was very much within the hour; what Next answers is returned as it is; anything else is temporary.
func (f *Flow) Answer(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, a gateway.Answer) (gateway.Answered, error) {
	start := f.Now()
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return gateway.Answered{}, err
	}
	if len(a.Text) > gateway.MaxAnswerText || len(a.Subject) > maxAnswerSubject {
		return gateway.Answered{}, gateway.ErrAnswerTooLarge
	}
	w := &written{flow: f, caller: c, once: f.onceKey(c, a.Once), start: start}
	if done, err := w.before(ctx); err != nil || !done.Message.IsZero() {
		return done, err
	}
	if err := w.address(ctx, &a); err != nil {
		return gateway.Answered{}, err
	}
	pace := []charge{{key: f.MAC("answers of", c.link.Person[:]), limit: answersMax}}
	if until := f.answers.take(pace, 0, f.Now()); !until.IsZero() { // before the attachments come
		return gateway.Answered{}, &gateway.TooSoonError{At: until}
	}
	files, err := f.gather(ctx, a.Next)
	if err != nil {
		return gateway.Answered{}, err
	}
	defer files.drop()
	if len(files.files) == 0 && strings.TrimSpace(a.Text.Reveal()) == "" {
		return gateway.Answered{}, gateway.ErrAnswerEmpty
	}
	if until := f.answers.take(pace, 1+int(files.size>>20), f.Now()); !until.IsZero() {
		return gateway.Answered{}, &gateway.TooSoonError{At: until}
	}
	w.mail.under = c.link.Envelope
	w.mail.data.Text, w.mail.data.Files = a.Text, files.attachments()
	w.files = len(files.files)
	if err := w.mail.compose(ctx); err != nil {
		return gateway.Answered{}, err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	done, err := w.commit(ctx)
	if err != nil || done.Message != w.mail.id {
		w.mail.discard(err)
	}
	return done, err
}

// written is an answer on its way from the form to the commit.
type written struct {
	flow   *Flow
	caller *caller
	once   []byte // key of what was answered with the form's token; nil without one
	start  time.Time
	files  int

	begins bool
	mail   *toStaff
}

// onceKey is where the outcome of a form is remembered.
func (f *Flow) onceKey(c *caller, once string) []byte {
	if once == "" {
		return nil
	}
	h := f.MAC("answer once", c.link.Person[:], []byte(once))
	return store.Key(store.Seen, h[:16])
}

// before returns what was made of the same form earlier; zero when nothing was.
func (w *written) before(ctx context.Context) (gateway.Answered, error) {
	var a gateway.Answered
	if w.once == nil {
		return a, nil
	}
	item, err := w.flow.Store.Get(ctx, w.once)
	if errors.Is(err, store.ErrNotFound) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if len(item.Value) != onceSize {
		return a, store.ErrBadRecord
	}
	copy(a.Message[:], item.Value[8:])
	copy(a.Thread[:], item.Value[8+len(a.Message):])
	return a, nil
}

// onceSize is the octets of when a form was answered, and with what.
const onceSize = 8 + 16 + 16

func (w *written) remember(b *store.Batch) {
	if w.once == nil {
		return
	}
	value := binary.BigEndian.AppendUint64(make([]byte, 0, onceSize), uint64(w.mail.at.UnixNano()))
	value = append(append(value, w.mail.id[:]...), w.mail.thread[:]...)
	b.RequireAbsent(w.once)
	b.Put(w.once, value)
}

// address finds out whom the answer is for and what it follows.
func (w *written) address(ctx context.Context, a *gateway.Answer) error {
	f, c, set := w.flow, w.caller, w.flow.set()
	author := c.person
	author.Ref, author.Address = c.link.Person, c.link.Recipient
	if !a.To.IsNull() {
		return w.begin(ctx, set, author, a)
	}
	th, err := f.threadOf(ctx, c)
	if err != nil {
		return err
	}
	staff := f.answering(th)
	if len(staff) == 0 {
		return gateway.ErrNoStaff
	}
	headerIDs, answered, err := f.parents(ctx, th.ID, c.link.Person)
	if err != nil {
		return err
	}
	if w.mail, err = f.toStaff(set, th, author, staff); err != nil {
		return err
	}
	w.mail.follow(headerIDs, answered)
	return nil
}

// begin addresses the first message of a new conversation. It does not go
// through those that the correspondent has: it is not an answer to them.
func (w *written) begin(ctx context.Context, set *Settings, author people.Person, a *gateway.Answer) error {
	f := w.flow
	known, err := f.acquainted(ctx, w.caller)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(known, func(b gateway.Address) bool { return b.Key() == a.To.Key() })
	if i < 0 {
		return gateway.ErrNoStaff
	}
	var parts store.Batch
	id, err := f.Threads.Start(&parts, known[i], f.Now())
	if err != nil {
		return err
	}
	if w.mail, err = f.toStaff(set, thread.Thread{ID: id}, author, known[i:i+1]); err != nil {
		return err
	}
	w.begins = true
	w.mail.parts.Append(&parts)
	w.mail.data.Subject, w.mail.data.Begins = a.Subject, true
	return nil
}

// commit writes the answer in one batch. When another form with the same token
// was faster, that one's answer is returned.
func (w *written) commit(ctx context.Context) (gateway.Answered, error) {
	answered := gateway.Answered{Message: w.mail.id, Thread: w.mail.thread}
	for range commitTries {
		b := new(store.Batch)
		if err := w.build(ctx, b); err != nil {
			return gateway.Answered{}, err
		}
		err := store.Write(ctx, w.flow.Store, b)
		if errors.Is(err, store.ErrConflict) {
			if done, err := w.before(ctx); err != nil || !done.Message.IsZero() {
				return done, err
			}
			continue
		}
		if errors.Is(err, store.ErrUnknown) {
			err = w.resolve(ctx, b, err)
		}
		if err != nil {
			return gateway.Answered{}, err
		}
		w.note()
		return answered, nil
	}
	return gateway.Answered{}, store.ErrConflict
}

// resolve finds out whether a commit whose answer was lost took place.
func (w *written) resolve(ctx context.Context, b *store.Batch, unknown error) error {
	_, err := w.flow.Store.Get(ctx, messageKey(w.mail.id))
	if err != nil {
		return errors.Join(unknown, err)
	}
	b.Done()
	return nil
}

// build stages everything that follows from the answer.
func (w *written) build(ctx context.Context, b *store.Batch) error {
	m, err := w.mail.record()
	if err != nil {
		return err
	}
	if err := w.mail.stage(ctx, b, m); err != nil {
		return err
	}
	if err := w.stageAnswered(ctx, b); err != nil {
		return err
	}
	w.remember(b)
	if err := w.stageTidings(ctx, b); err != nil {
		return err
	}
	persons, err := w.mail.persons(ctx)
	if err != nil {
		return err
	}
	kind := "reply"
	if w.begins {
		kind = "new"
	}
	c := w.caller
	return w.flow.Audit.Stage(b, gateway.Record{
		At: w.mail.at, Event: gateway.EventAnswered, Actor: "correspondent", Message: m.ID,
		Thread: m.Thread, Link: c.link.ID, Persons: persons,
		Detail: map[string]string{
			"kind": kind, "to": c.link.Envelope.String(), "assurance": string(c.how), "client": w.flow.client(c.visitor),
			"files": strconv.Itoa(w.files), "bytes": strconv.FormatInt(m.Body.Size, 10),
		},
	})
}

// stageAnswered stages when the link's message was first answered. It lets b
// fail when the envelope changes meanwhile, and refuses one that was taken
// back.
func (w *written) stageAnswered(ctx context.Context, b *store.Batch) error {
	id := w.caller.link.Envelope
	e, err := w.flow.stageUnrecalled(ctx, b, id)
	if err != nil || w.begins || !e.Answered.IsZero() {
		return err
	}
	e.Answered = w.mail.at
	w.flow.file(b, id.Message)
	return b.PutRecord(envelopeKey(id), e)
}

func (w *written) note() {
	f, m := w.flow, w.mail
	f.metrics.accepted("viewer", m.size, f.Now().Sub(w.start))
	f.Log.Info("accepted", "id", m.id, "listener", "viewer", "size", m.size, "count", len(m.staff))
}
