package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// An erasure begins with one commit that unties the person from the evidence:
// record, ref, devices, PIN, threads and reply addresses go at once. The rest,
// in many records, is the work of a task, which may be repeated: links with
// their wraps, and the address wherever it stands.

// Erased is what an erasure came to at once; what envelopes and links hold
// goes right after it.
type Erased struct {
	Threads int  `json:"threads"`
	Devices int  `json:"devices"`
	Done    bool `json:"done"` // nothing is left for the agenda but keys
}

// The rest is looked for once more after eraseAgain: what was on its way when
// the person was erased is in the store by then. While something of theirs
// waits for staff's server, or for a review, it is looked for eraseDaily.
const (
	eraseAgain = 10 * time.Minute
	eraseDaily = 24 * time.Hour
)

// erase forgets a person. ErrUnknown of people when nobody has that address.
func (f *Flow) erase(ctx context.Context, a gateway.Address, actor string) (Erased, error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	var done Erased
	var t task
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		done, t, err = f.eraseOnce(ctx, a, actor)
	}
	if err != nil {
		return done, err
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), taskTime)
	defer cancel()
	open, err := f.scrub(rest, t)
	if done.Done = err == nil && !open; err != nil {
		f.Log.Warn("the rest of an erased person is removed by the agenda", "error", err)
	}
	return done, nil
}

// eraseOnce is the commit after which nobody finds the person.
func (f *Flow) eraseOnce(ctx context.Context, a gateway.Address, actor string) (done Erased, t task, err error) {
	p, version, err := f.People.Get(ctx, a)
	if err != nil {
		return done, t, err
	}
	b := new(store.Batch)
	f.People.StageErase(b, p, version)
	refs := []gateway.PersonRef{p.Ref}
	second, v, err := f.onlyForCodes(ctx, p)
	if err != nil {
		return done, t, err
	}
	if second != nil {
		f.People.StageErase(b, *second, v)
		refs = append(refs, second.Ref)
	}
	if p.Address.IsPhone() {
		if err := f.consents.StageForget(ctx, b, p.Address); err != nil {
			return done, t, err
		}
	}
	for _, ref := range refs {
		n, err := f.eraseParts(ctx, b, ref)
		if err != nil {
			return done, t, err
		}
		done.Threads, done.Devices = done.Threads+n.Threads, done.Devices+n.Devices
	}
	t = task{Kind: taskErase, Due: f.Now(), Persons: refs, Address: p.Address, At: f.Now()}
	if err := f.stageTask(b, t); err != nil {
		return done, t, err
	}
	if err := f.Audit.Stage(b, gateway.Record{At: f.Now(), Event: gateway.EventContactErased, Actor: actor, Persons: refs}); err != nil {
		return done, t, err
	}
	// The journal first: a restored older backup forgets again, whatever happens now.
	for _, ref := range refs {
		if err := f.Journal.Append(seal.Entry{Kind: seal.JournalErased, ID: ref.String()}); err != nil {
			return done, t, err
		}
	}
	return done, t, store.Write(ctx, f.Store, b)
}

func (f *Flow) eraseParts(ctx context.Context, b *store.Batch, ref gateway.PersonRef) (done Erased, err error) {
	if done.Threads, err = f.Threads.StageForget(ctx, b, ref); err != nil {
		return done, err
	}
	devices, err := f.Proof.Devices(ctx, ref)
	if err != nil {
		return done, err
	}
	done.Devices = len(devices)
	f.Proof.ForgetPerson(b, ref)
	return done, f.Proof.StageForgetDevices(ctx, b, ref)
}

// eraseRest is the task: it scrubs, and stages itself once more, and then
// again until nothing of the person is open.
func (f *Flow) eraseRest(ctx context.Context, b *store.Batch, t task) error {
	open, err := f.scrub(ctx, t)
	switch {
	case err != nil:
		return err
	case t.Step == 0:
		t.Due = f.Now().Add(eraseAgain)
	case open:
		t.Due = f.Now().Add(eraseDaily)
	default:
		return nil
	}
	t.Step++
	return f.stageTask(b, t)
}

// scrub removes what records still hold of an erased person. open says that
// something of theirs is on its way or held, and keeps the address until then.
func (f *Flow) scrub(ctx context.Context, t task) (open bool, err error) {
	if err := f.scrubLinks(ctx, t); err != nil {
		return false, err
	}
	sends, err := f.scrubEnvelopes(ctx, t)
	if err != nil {
		return false, err
	}
	wrote, err := f.scrubMessages(ctx, t)
	if err != nil {
		return false, err
	}
	short, err := f.scrubShort(ctx, t)
	return sends || wrote || short, err
}

// scrubBatch bounds the records of one commit.
const scrubBatch = 100

// scrubLinks removes the links that were given to the person. Their key groups
// end as those of a recall do.
func (f *Flow) scrubLinks(ctx context.Context, t task) error {
	var links []gateway.Link
	err := each(ctx, f.Store, store.Prefix(store.Links), func(l *gateway.Link) {
		if slices.Contains(t.Persons, l.Person) {
			links = append(links, *l)
		}
	})
	for some := range slices.Chunk(links, scrubBatch) {
		if err != nil {
			return err
		}
		b := new(store.Batch)
		end := task{Kind: taskShred, Step: 1, Due: f.Now(), At: f.Now(), Message: some[0].Envelope.Message}
		for _, l := range some {
			b.Delete(linkKey(l.ID))
			f.Proof.Forget(b, l.ID)
			end.Messages = append(end.Messages, l.Envelope.Message)
			if !l.Wrap.IsZero() {
				end.Groups = append(end.Groups, l.Wrap.Group)
			}
		}
		slices.Sort(end.Groups)
		end.Groups = slices.Compact(end.Groups)
		if err = f.stageTask(b, end); err == nil {
			err = store.Write(ctx, f.Store, b)
		}
	}
	return err
}

// scrubEnvelopes ends what still waits for the person, and removes the address
// from what is finished; open: they sent what is not.
func (f *Flow) scrubEnvelopes(ctx context.Context, t task) (open bool, err error) {
	var theirs []gateway.Envelope
	key := t.Address.Key()
	err = each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
		receives, sent := slices.Contains(t.Persons, e.Person) && !e.Recipient.IsNull(), e.Sender.Key() == key
		if receives || sent && e.State.Final() {
			theirs = append(theirs, *e)
		}
		open = open || sent && !receives && !e.State.Final()
	})
	for i := range theirs {
		if err == nil && !theirs[i].State.Final() {
			err = f.giveUp(ctx, &theirs[i])
		}
		if err == nil {
			err = f.scrubEnvelope(ctx, theirs[i].ID, key)
		}
	}
	return open, err
}

// giveUp takes an envelope for an erased person out of the queue.
func (f *Flow) giveUp(ctx context.Context, e *gateway.Envelope) error {
	err := f.queue.Drop(ctx, e.ID, func(b *store.Batch, after gateway.Envelope) error {
		if after.Notice != nil {
			f.Blobs.Delete(b, after.Notice.Body.Blob)
		}
		b.After(func() { f.finished(ctx, &after, false) })
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: gateway.EventDropped, Actor: "system", Message: e.ID.Message, Envelope: e.ID.String(),
			Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"why": "erased"},
		})
	})
	if errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	return err
}

func (f *Flow) scrubEnvelope(ctx context.Context, id gateway.EnvelopeID, address string) error {
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		var e gateway.Envelope
		var version store.Version
		if e, version, err = store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id)); err != nil || !e.State.Final() {
			return err
		}
		if e.Sender.Key() == address {
			e.Sender = gateway.Address{}
		} else {
			e.Recipient, e.Original, e.Link, e.More = gateway.Address{}, "", gateway.LinkID{}, nil
		}
		e.Last.Text, e.Review = "", "" // replies quote addresses, and people write names
		var b store.Batch
		b.RequireVersion(envelopeKey(id), version)
		f.file(&b, id.Message)
		if err = f.scrubLayout(ctx, &b, id.Message, address); err != nil {
			return err
		}
		if err = b.PutRecord(envelopeKey(id), e); err == nil {
			err = store.Write(ctx, f.Store, &b)
		}
	}
	return err
}

// scrubMessages removes the person from what they wrote, and staff's way to
// read it here: who was to get it has it in their mailbox. open: not yet.
func (f *Flow) scrubMessages(ctx context.Context, t task) (open bool, err error) {
	var theirs []gateway.MessageID
	key := t.Address.Key()
	err = each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		wrote := slices.Contains(t.Persons, m.Author) || m.Direction == gateway.Inbound && (m.From.Key() == key || m.Sender.Key() == key)
		if wrote && !(m.From.IsNull() && m.Sender.IsNull() && m.Staff.IsZero()) {
			theirs = append(theirs, m.ID)
		}
	})
	for _, id := range theirs {
		if err != nil {
			break
		}
		var waits bool
		if waits, _, err = f.needs(ctx, id); err == nil && !waits {
			err = ignore(f.scrubMessage(ctx, id), store.ErrNotFound)
		}
		open = open || waits // on its way to staff, or held: a later look finds it
	}
	return open, err
}

func (f *Flow) scrubMessage(ctx context.Context, id gateway.MessageID) error {
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.RequireVersion(messageKey(id), version)
	end := task{Kind: taskShred, Step: 1, Due: f.Now(), At: f.Now(), Message: id}
	if !m.Staff.IsZero() {
		end.Groups = []string{m.Staff.Group}
	}
	m.From, m.Sender, m.Subject, m.HeaderID, m.EnvID = gateway.Address{}, gateway.Address{}, "", "", ""
	m.Peer, m.Authentication, m.Staff = gateway.Peer{Listener: m.Peer.Listener}, nil, gateway.Wrap{}
	f.fresh.drop(id)
	dropLayout(b, id)
	f.file(b, id)
	if err := b.PutRecord(messageKey(id), m); err != nil {
		return err
	}
	if err := f.stageTask(b, end); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, b)
}

// replayErased forgets again whom a restored backup still knows.
func (f *Flow) replayErased(ctx context.Context, e seal.Entry, done *Replayed) error {
	var ref gateway.PersonRef
	if err := ref.UnmarshalText([]byte(e.ID)); err != nil {
		return errors.New("journal: a person's reference cannot be read")
	}
	p, err := f.People.Resolve(ctx, ref)
	if errors.Is(err, people.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	done.Erased++
	_, err = f.erase(ctx, p.Address, "system")
	return err
}
