package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// The agenda holds what is to be done at a time to come: a row of the table
// Agenda for each task, ordered by when it is due. A task is done in one
// commit that also removes its row, or replaces it by the next step, so a
// crash repeats a step and never loses or doubles one.

// taskKind says what is to be done. It is part of the row's key.
type taskKind byte

const (
	taskShred  taskKind = 1 // the grace of a recall is over
	taskFollow taskKind = 2 // a secured message is not read: reminders and what else follows
	taskStatus taskKind = 3 // the sender is told of the first reading
	taskErase  taskKind = 4 // what is left of an erased person goes
	taskParts  taskKind = 5 // the missing part of a long text never came
	taskPurge  taskKind = 6 // a telephone stopped messages: what waits for it ends
	taskMade   taskKind = 8 // a mailbox was made: what was for its user before is filed
	taskFile   taskKind = 7 // a link or a key ends, and with it how a message stands
)

// task is one row of the agenda.
type task struct {
	Kind     taskKind
	Due      time.Time
	Message  gateway.MessageID   `json:",omitzero"`
	Envelope gateway.EnvelopeID  `json:",omitzero"`
	At       time.Time           `json:",omitzero"`  // of what the task follows: the recall, the sending, the reading
	Step     int                 `json:",omitempty"` // how far a task of several commits has come
	Groups   []string            `json:",omitempty"` // key groups that end with the task
	Messages []gateway.MessageID `json:",omitempty"` // whose bodies may go in the end, beside Message
	Persons  []gateway.PersonRef `json:",omitempty"` // who were one, and are erased
	Address  gateway.Address     `json:",omitzero"`  // theirs
	Urgent   bool                `json:",omitempty"` // the message was marked so
	Text     []byte              `json:",omitempty"` // keyed hash of a long text, or of whose mailbox it is
	Line     gateway.Line        `json:",omitzero"`  // of ours, that messages were stopped from; zero: every line

	Assurance gateway.Assurance `json:",omitempty"` // of the reading
	Machine   bool              `json:",omitempty"` // a program seems to have read
}

// key orders tasks by time; two of one kind, subject and time are one.
func (t *task) key() []byte {
	subject := append(append([]byte{}, t.Envelope.Message[:]...), store.Uint32(t.Envelope.N)...)
	if t.Envelope.Message.IsZero() {
		subject = append(append([]byte{}, t.Message[:]...), store.Time(t.At)...)
	}
	if len(t.Text) > 0 {
		subject = t.Text
	}
	if len(t.Persons) > 0 {
		subject = append([]byte{}, t.Persons[0][:]...)
	}
	return store.Key(store.Agenda, store.Time(t.Due), []byte{byte(t.Kind)}, subject)
}

// stageTask stages a task, and wakes the agenda when it is durable if it would
// come too late for it.
func (f *Flow) stageTask(b *store.Batch, t task) error {
	b.After(func() { f.agenda.staged(t.Due) })
	return b.PutRecord(t.key(), t)
}

// agenda is what the loop remembers between two looks at the table.
type agenda struct {
	wake chan struct{} // a task was staged; holds one

	mu     sync.Mutex
	failed map[string]setback // by key of the row; guarded by mu
	next   time.Time          // when the loop looks again; zero while it looks; guarded by mu
}

// setback is a task that could not be done.
type setback struct {
	tries int
	until time.Time
}

func newAgenda() *agenda {
	return &agenda{wake: make(chan struct{}, 1), failed: make(map[string]setback)}
}

// staged wakes the loop for a task that is due before it looks again. A look
// that is under way may have missed it.
func (a *agenda) staged(due time.Time) {
	a.mu.Lock()
	late := due.Before(a.next) || a.next.IsZero()
	a.mu.Unlock()
	if late {
		a.wakeUp()
	}
}

// looksAt tells when the loop looks again, zero for now.
func (a *agenda) looksAt(next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = next
}

func (a *agenda) wakeUp() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Limits of the loop. A task that fails is tried again after firstSetback,
// then after twice that, and so on; others go on meanwhile.
const (
	agendaLook   = time.Minute // longest time between two looks: another process may have staged
	agendaBatch  = 200         // tasks that one look takes up
	firstSetback = 5 * time.Second
	lastSetback  = 10 * time.Minute
)

// Agenda does what is due until ctx ends.
func (f *Flow) Agenda(ctx context.Context) {
	for ctx.Err() == nil {
		f.agenda.looksAt(time.Time{})
		wait := f.agendaOnce(ctx)
		f.agenda.looksAt(f.Now().Add(wait))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.agenda.wake:
		}
		timer.Stop()
	}
}

// agendaOnce does what is due now and says how long nothing will be.
func (f *Flow) agendaOnce(ctx context.Context) time.Duration {
	now := f.Now()
	if err := f.recordBinds(ctx, now.Add(-bindTime)); err != nil {
		f.Log.Warn("wrong binds were not recorded", "error", err)
	}
	due, next, err := f.tasksDue(ctx, now)
	if err != nil {
		if ctx.Err() == nil {
			f.Log.Warn("agenda not read", "error", err)
		}
		return firstSetback
	}
	for i := range due {
		if ctx.Err() != nil {
			break
		}
		err := f.act(ctx, due[i])
		if until := f.agenda.note(due[i].key, err, now); !until.IsZero() {
			f.Log.Warn("task of the agenda not done yet", "count", due[i].task.Kind, "error", err)
			next = earlier(next, until)
		}
	}
	if len(due) >= agendaBatch {
		return 0
	}
	if next.IsZero() {
		return agendaLook
	}
	return min(max(0, next.Sub(f.Now())), agendaLook)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// note remembers whether a task failed; it returns when to try again.
func (a *agenda) note(key []byte, err error, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.failed, string(key))
		return time.Time{}
	}
	s := a.failed[string(key)]
	wait := firstSetback
	for i := 0; i < s.tries && wait < lastSetback; i++ {
		wait *= 2
	}
	s.tries++
	s.until = now.Add(min(wait, lastSetback))
	a.failed[string(key)] = s
	return s.until
}

// resting returns until when a task waits after it failed.
func (a *agenda) resting(key []byte) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed[string(key)].until
}

// dueTask is a task with its row.
type dueTask struct {
	key     []byte
	version store.Version
	task    task
}

// tasksDue returns tasks whose time has come, oldest first, and when the next
// one comes.
func (f *Flow) tasksDue(ctx context.Context, now time.Time) (due []dueTask, next time.Time, err error) {
	err = f.Store.Scan(ctx, store.Prefix(store.Agenda), func(it store.Item) bool {
		d := dueTask{key: append([]byte(nil), it.Key...), version: it.Version}
		if err := store.Decode(it.Value, &d.task); err != nil {
			f.Log.Error("row of the agenda cannot be read", "error", err)
			return true // the others are done all the same
		}
		if now.Before(d.task.Due) {
			next = earlier(next, d.task.Due)
			return false
		}
		if until := f.agenda.resting(d.key); now.Before(until) {
			next = earlier(next, until)
			return true
		}
		due = append(due, d)
		return len(due) < agendaBatch
	})
	return due, next, err
}

// act does one task. What it stages and the end of its row are one commit; a
// lost race is run again with what is there now.
func (f *Flow) act(ctx context.Context, d dueTask) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), taskTime)
	defer cancel()
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		b := new(store.Batch)
		b.RequireVersion(d.key, d.version)
		b.Delete(d.key)
		if err = f.perform(ctx, b, d.task); err == nil {
			err = store.Write(ctx, f.Store, b)
		}
	}
	if errors.Is(err, store.ErrConflict) {
		if it, gone := f.Store.Get(ctx, d.key); errors.Is(gone, store.ErrNotFound) || gone == nil && it.Version != d.version {
			return nil // somebody else did it
		}
	}
	return err
}

// taskTime bounds one step of one task.
const taskTime = 5 * time.Minute

func (f *Flow) perform(ctx context.Context, b *store.Batch, t task) error {
	switch t.Kind {
	case taskShred:
		return f.shred(ctx, b, t)
	case taskFollow:
		return f.follow(ctx, b, t)
	case taskStatus:
		return f.status(ctx, b, t)
	case taskErase:
		return f.eraseRest(ctx, b, t)
	case taskParts:
		return f.partsDue(ctx, b, t)
	case taskMade:
		return f.backfill(ctx, t.Address)
	case taskFile:
		f.file(b, t.Message)
		return nil
	case taskPurge:
		return f.purge(ctx, t)
	}
	return fmt.Errorf("agenda: unknown task %d", t.Kind)
}
