package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// commitTries bounds how often an acceptance is rebuilt after a conflict.
const commitTries = 5

// Refusals of the relay.
var (
	faultLoop   = gateway.NewFault(554, "5.4.6", "Too many hops: this message is going round in circles")
	faultSender = gateway.NewFault(553, "5.7.1", "Sender address is not yours: MAIL FROM and From must be the authenticated account")
	faultEnded  = gateway.NewFault(550, "5.7.1", "This account is disabled: ask who runs your mail")
	faultAgain  = gateway.NewFault(421, "4.7.0", "What this session logged in by has changed: log in again")
	faultPolicy = gateway.NewFault(550, "5.7.1", "Message refused by the organization's policy")
)

// Recipient decides about one RCPT before DATA: who may relay what, and which
// addresses of the reply domain exist.
func (f *Flow) Recipient(ctx context.Context, s *gateway.Submission, r gateway.Recipient) error {
	set := f.set()
	if set.isRecall(r.Address) {
		return f.recallRecipient(s)
	}
	if set.isQuestion(r.Address) {
		return f.questionRecipient(ctx, s, r.Address)
	}
	if r.Address.Domain() == set.ReplyDomain {
		return f.replyRecipient(ctx, s, r.Address)
	}
	if set.bridges(r.Address) || r.Address.Domain() == gateway.PhoneDomain {
		return f.phoneRecipient(set, s, r.Address)
	}
	if inside(s.Peer) {
		return nil
	}
	if routed(r.Address.Local()) {
		return gateway.FaultNoRelay
	}
	if s.Peer.Listener == "inbound" && set.InboundRelay && r.Address.In(set.Domains) {
		return nil
	}
	return gateway.FaultNoRelay
}

// routed reports whether a local part names another way or a program, as old
// mail servers read it: user%host, host!user, "user@host", |command, /file.
// The server inside may trust us and follow it; a stranger must not use that.
func routed(local string) bool {
	return strings.ContainsAny(local, "%!@") || strings.HasPrefix(strings.Trim(local, `"`), "|") || strings.HasPrefix(strings.Trim(local, `"`), "/")
}

// inside reports whether a peer may relay outward. The inbound listener never
// relays, whoever connects.
func inside(p gateway.Peer) bool {
	return p.Listener != "inbound" && (p.Trusted || p.Account != "")
}

// Accept takes a mail over. Its answer comes after everything that follows
// from the mail is durable, or nothing is.
func (f *Flow) Accept(ctx context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error) {
	start := f.Now()
	t, err := f.take(ctx, body)
	if err != nil {
		return gateway.MessageID{}, storage(err)
	}
	defer t.release(f)
	id, err := f.accept(ctx, s, t)
	if err != nil {
		f.discard(t, err)
		f.metrics.refused(gateway.FaultOf(err))
		return gateway.MessageID{}, storage(err)
	}
	f.metrics.accepted(s.Peer.Listener, t.size, f.Now().Sub(start))
	return id, nil
}

func (f *Flow) accept(ctx context.Context, s gateway.Submission, t *taken) (gateway.MessageID, error) {
	reading := f.mails.Read(t.raw)
	set, judge := f.inForce()
	s.Recipients = set.telephones(s.Recipients)
	if err := f.admissible(s, t, reading); err != nil {
		return gateway.MessageID{}, err
	}
	if err := f.loggedIn(ctx, &s); err != nil {
		return gateway.MessageID{}, err
	}
	a := &arrival{flow: f, set: set, policy: judge, sub: s, taken: t, reading: reading, now: f.Now()}
	if err := a.judge(ctx); err != nil {
		return gateway.MessageID{}, err
	}
	if err := f.recallByMail(ctx, a); err != nil {
		return gateway.MessageID{}, err
	}
	if err := f.reasonByMail(ctx, a); err != nil {
		return gateway.MessageID{}, err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := a.turnedAway(ctx); err != nil {
		return gateway.MessageID{}, err
	}
	if a.allRefused() {
		return gateway.MessageID{}, a.refuse(ctx)
	}
	err := a.hidePIN(ctx)
	if err == nil {
		err = a.compose(ctx)
	}
	if err == nil {
		err = a.commit(ctx)
	}
	a.letGo(err)
	return t.id, err
}

// admissible refuses what must not be taken over whatever policy says.
func (f *Flow) admissible(s gateway.Submission, t *taken, r *gateway.Reading) error {
	if max(mailmsg.CountReceived(t.raw), mailmsg.Hops(r)) > f.set().MaxHops {
		return faultLoop
	}
	if !submission(s.Peer.Listener) {
		return nil
	}
	if len(r.From) != 1 || r.From[0].Key() != s.Peer.Account {
		return faultSender
	}
	return nil
}

// arrival is one mail on its way from the listener to the commit.
type arrival struct {
	flow    *Flow
	set     *Settings
	policy  *Judge
	sub     gateway.Submission
	taken   *taken
	reading *gateway.Reading
	now     time.Time

	conversation thread.Thread // zero when it continues none
	persons      []gateway.PersonRef
	known        map[uint32]people.Person // recipients that are secured for, as they were judged, by number of the envelope
	verdicts     []gateway.Verdict        // the different ones
	basis        *gateway.Judged          // what they rest on
	pin          *gateway.Hashed          // that the sender set for the links
	envelopes    []gateway.Envelope
	reports      []gateway.EnvelopeID // whose notices this mail reports about
	replies      []gateway.EnvelopeID // whose notices it answers by itself
	once         store.Batch          // what may happen once and happens now
	fresh        *freshMessage        // what the commit leaves in memory, nil for nothing
	passed       []passed             // the messages of ours that this one may be
	back         map[string]bool      // recipients whose one return is used up by this mail

	sms *shortMessage // nil for a mail

	in      *incoming               // what it brings to a conversation; nil when it belongs to none
	auth    *gateway.Authentication // nil: it was not asked for
	layout  *gateway.Layout         // of the body that is sealed; nil where staff do not read it
	outward []gateway.Edit          // make the mail that came of the body that is sealed; nil when it is that mail
}

// judge makes an envelope of every recipient. It writes nothing but persons.
func (a *arrival) judge(ctx context.Context) error {
	f := a.flow
	var err error
	a.conversation, err = f.Threads.Find(ctx, a.reading)
	if err != nil && !errors.Is(err, thread.ErrUnknown) {
		return err
	}
	if err := a.receive(ctx); err != nil {
		return err
	}
	if err := a.parties(ctx); err != nil {
		return err
	}
	a.passed = f.passedBefore(a.taken.raw)
	j, err := f.prepare(ctx, a)
	if err != nil {
		return err
	}
	defer j.done()
	a.envelopes = make([]gateway.Envelope, len(a.sub.Recipients))
	for i, r := range a.sub.Recipients {
		e := &a.envelopes[i]
		*e = gateway.Envelope{
			ID:     gateway.EnvelopeID{Message: a.taken.id, N: uint32(i)},
			Sender: a.sub.From, Recipient: r.Address, Person: a.persons[i+1],
			Notify: r.Notify, Original: gateway.Sensitive(r.Original), State: gateway.Queued, Accepted: a.now,
		}
		if err := a.decide(ctx, e, j); err != nil {
			return err
		}
	}
	return nil
}

// decide sets what happens to one envelope.
func (a *arrival) decide(ctx context.Context, e *gateway.Envelope, j *judgement) error {
	switch {
	case a.set.isRecall(e.Recipient):
		e.State, e.Action, e.Decided, e.Rules = gateway.Recorded, gateway.Pass, gateway.Pass, []string{"recall"}
		return nil
	case a.set.isQuestion(e.Recipient):
		e.State, e.Action, e.Decided, e.Rules = gateway.Recorded, gateway.Pass, gateway.Pass, []string{"review"}
		return nil
	case a.in.has(e) && a.in.is(thread.StaffTurn):
		return a.decideTurn(ctx, e, j)
	case a.in.has(e):
		a.decideIncoming(e)
		return nil
	case e.Recipient.Domain() == a.set.ReplyDomain:
		return a.decideReply(ctx, e)
	case !inside(a.sub.Peer):
		e.Action, e.Decided = gateway.Pass, gateway.Pass // inbound relay: it goes inside, not out
		return nil
	case a.sub.From.IsNull() && e.Recipient.In(a.set.Domains):
		// A bounce on its way to who wrote the mail that it quotes.
		e.Action, e.Decided, e.Rules = gateway.Pass, gateway.Pass, []string{"bounce"}
		return nil
	case a.returned(ctx, e):
		e.Action, e.Decided, e.Rules = gateway.Pass, gateway.Pass, []string{"returned"}
		return nil
	}
	if stopped, err := a.stopped(ctx, e); err != nil || stopped {
		return err
	}
	v, err := j.forRecipient(ctx, e)
	if err != nil {
		return err
	}
	e.Decided, e.Rules, e.Judged = v.Action, v.Rules, a.keep(v)
	e.Action = v.Action
	if a.set.Mode == gateway.Observe {
		e.Action = gateway.Pass
	}
	if e.Recipient.IsPhone() {
		a.telephone(e)
	}
	switch e.Action {
	case gateway.Hold:
		e.State, e.Hold = gateway.Held, "policy"
	case gateway.Reject:
		e.State = gateway.Refused
	}
	if a.set.Mode == gateway.Enforce && v.Options.NotBefore.After(e.NotBefore) {
		e.NotBefore = v.Options.NotBefore
	}
	a.flow.metrics.judged(v, a.set.Mode)
	return nil
}

// keep returns the place of v, from 1, among the different verdicts.
func (a *arrival) keep(v gateway.Verdict) int {
	for i := range a.verdicts {
		if sameVerdict(&a.verdicts[i], &v) {
			return i + 1
		}
	}
	a.verdicts = append(a.verdicts, v)
	return len(a.verdicts)
}

func sameVerdict(x, y *gateway.Verdict) bool {
	return x.Action == y.Action && x.Shadow == y.Shadow && x.Options == y.Options &&
		slices.Equal(x.Rules, y.Rules) && slices.Equal(x.Results, y.Results)
}

func (a *arrival) allRefused() bool {
	return !slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool { return e.State != gateway.Refused })
}

// refuse records that the whole mail is refused and returns what the peer
// hears.
func (a *arrival) refuse(ctx context.Context) error {
	var b store.Batch
	if err := a.stageEvidence(&b, gateway.EventRefused); err != nil {
		return err
	}
	if err := store.Write(ctx, a.flow.Store, &b); err != nil {
		return err
	}
	a.flow.Log.Info("refused", "id", a.taken.id, "listener", a.sub.Peer.Listener, "rules", strings.Join(a.envelopes[0].Rules, " "), "count", len(a.envelopes))
	// The id leads to the evidence: audit show.
	why := faultPolicy.Text
	if !slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool { return !onlyStopped(e) }) {
		why = textStopped
	}
	return gateway.NewFault(faultPolicy.Code, faultPolicy.Status, why+" ("+a.taken.id.String()+")")
}

// commit writes everything that follows from the mail in one batch. After a
// conflict the batch is built again; when the store lost its answer the
// message's record tells whether it was committed.
func (a *arrival) commit(ctx context.Context) error {
	for range commitTries {
		b, m, err := a.build(ctx)
		if err != nil {
			return err
		}
		err = store.Write(ctx, a.flow.Store, b)
		if errors.Is(err, store.ErrConflict) {
			a.known = nil // who they are may be what has changed
			continue
		}
		if errors.Is(err, store.ErrUnknown) {
			err = a.resolve(ctx, b, err)
		}
		if err == nil {
			a.flow.logAccepted(a, m)
		}
		return err
	}
	return gateway.FaultInternal.Because(store.ErrConflict)
}

func (a *arrival) resolve(ctx context.Context, b *store.Batch, unknown error) error {
	_, err := a.flow.Store.Get(ctx, messageKey(a.taken.id))
	if err == nil {
		a.fresh = nil // it is late: the delivery may have ended
		b.Done()
		return nil
	}
	return errors.Join(unknown, err)
}

// build makes the batch: body, message, envelopes with their notices and
// schedule, thread, and evidence.
func (a *arrival) build(ctx context.Context) (*store.Batch, *gateway.Message, error) {
	f := a.flow
	b := new(store.Batch)
	b.After(a.putFresh) // first of all
	if a.keepsBody() {
		b.Append(&a.taken.body)
	}
	b.Append(&a.once)
	if err := a.stageEvidence(b, gateway.EventAccepted); err != nil {
		return nil, nil, err
	}
	m, err := a.message()
	if err != nil {
		return nil, nil, err
	}
	if err := a.stageThread(ctx, b, m); err != nil {
		return nil, nil, err
	}
	envelopes := slices.Clone(a.envelopes)
	for i := range envelopes {
		e := &envelopes[i]
		if e.Action == gateway.Secure && e.State == gateway.Queued {
			s := securing{message: m, automatic: a.reading.AutoSubmitted, hops: mailmsg.Hops(a.reading), key: a.taken.key, options: verdictOf(m, e).Options, urgent: a.tagsBind() && a.reading.Tags.Urgent}
			s.person, s.found = a.known[e.ID.N]
			if a.sms != nil {
				s.like = &a.sms.segments[0]
			}
			if err := f.secure(ctx, b, s, e); err != nil {
				return nil, nil, fmt.Errorf("securing envelope %v: %w", e.ID, err)
			}
		}
		if err := f.queue.Stage(b, e); err != nil {
			return nil, nil, err
		}
		if a.policy.counts && e.Recipient.IsPhone() && e.State != gateway.Refused {
			f.consents.StageSent(b, a.line(e), e.Recipient, m.ID, a.now)
		}
		if err := a.stageBridged(ctx, b, m, e); err != nil {
			return nil, nil, err
		}
	}
	// Without a precondition: 80 random bits and the moment say that the id is
	// new, and to find out that a record is absent the store asks all its tables.
	value, err := store.Encode(m)
	if err != nil {
		return nil, nil, err
	}
	b.Put(messageKey(m.ID), value)
	if len(m.Verdicts) > 0 {
		if err := f.stageBase(b, a.policy.base); err != nil {
			return nil, nil, err
		}
	}
	if err := a.stageFiling(ctx, b, m); err != nil {
		return nil, nil, err
	}
	if err := a.stageRefusals(ctx, b, m); err != nil {
		return nil, nil, err
	}
	if err := a.stageWaiting(ctx, b, m); err != nil {
		return nil, nil, err
	}
	if err := a.stageReports(ctx, b); err != nil {
		return nil, nil, err
	}
	if err := a.stageIncoming(ctx, b, m); err != nil {
		return nil, nil, err
	}
	a.fresh = a.remember(m, value, envelopes)
	return b, m, nil
}

// segments are those of a short message, nil for a mail.
func (a *arrival) segments() []gateway.Segment {
	if a.sms == nil {
		return nil
	}
	return a.sms.segments
}

func messageKey(id gateway.MessageID) []byte { return store.Key(store.Messages, id[:]) }

func envelopeKey(id gateway.EnvelopeID) []byte {
	return store.Key(store.Envelopes, id.Message[:], store.Uint32(id.N))
}

// message makes the record, with the wraps that the envelopes need.
func (a *arrival) message() (*gateway.Message, error) {
	f, t, r := a.flow, a.taken, a.reading
	m := &gateway.Message{
		ID: t.id, Channel: gateway.Email, Direction: a.direction(), Accepted: a.now, Peer: a.sub.Peer,
		Sender: a.sub.From, Subject: r.Subject, HeaderID: r.MessageID, EnvID: a.sub.EnvID, Return: a.sub.Return,
		UTF8: a.sub.UTF8, EightBit: a.sub.EightBit, Body: t.record(), Envelopes: len(a.envelopes),
		PIN: a.pin, Verdicts: a.policy.base.pack(a.verdicts), Retain: retainDay(a.now, a.set.Retain),
	}
	if len(m.Verdicts) > 0 {
		m.Judged = a.basis
	}
	if len(r.From) > 0 {
		m.From = r.From[0]
	}
	if m.Authentication = a.auth; a.sms != nil {
		m.Channel, m.From, m.Ends = gateway.SMS, a.sub.From, &a.sms.ends
	}
	if !a.keepsBody() {
		m.Body.Blob = ""
	}
	edits := a.edits(m)
	if m.Edits = edits; a.outward != nil {
		m.Edits = a.outward
	}
	var err error
	if a.needsSpool() {
		if m.Direction == gateway.Outbound && a.sms == nil {
			if m.Hash, err = hashLeaving(t, edits); err != nil {
				return nil, err
			}
		}
		if m.Spool, err = f.Sealer.WrapSpool(t.key, m.ID); err != nil {
			return nil, err
		}
	}
	if a.needsStaff() {
		m.Staff, err = f.Sealer.WrapStaff(t.key, m.ID, m.Retain)
	}
	return m, err
}

// retainDay is the UTC midnight after which the keys of a body end.
func retainDay(now time.Time, retain time.Duration) time.Time {
	return now.Add(retain).UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// stageThread puts a secured mail into its conversation, or starts one. Staff
// who wrote it or are visibly addressed take part from now on; into one that
// exists only staff bring others.
func (a *arrival) stageThread(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	m.Thread = a.conversation.ID
	if !a.anySecured() {
		return nil
	}
	var err error
	if staff := a.set.staff(append([]gateway.Address{m.From}, a.reading.To...)); m.Thread.IsZero() {
		m.Thread, err = a.flow.Threads.Start(b, m.From, a.now, staff...)
	} else if a.speaksForStaff() {
		err = a.flow.Threads.Secure(ctx, b, m.Thread, staff...)
	} else {
		err = a.flow.Threads.Secure(ctx, b, m.Thread)
	}
	if err != nil {
		return err
	}
	return a.flow.Threads.Join(b, m.HeaderID, thread.Member{Thread: m.Thread, Message: m.ID})
}

func (a *arrival) anySecured() bool {
	return slices.ContainsFunc(a.envelopes, func(e gateway.Envelope) bool {
		return e.State == gateway.Queued && (e.Action == gateway.Secure || e.Action == gateway.TLS)
	})
}

// stageEvidence records the arrival and the decision about every envelope.
func (a *arrival) stageEvidence(b *store.Batch, event gateway.Event) error {
	detail := map[string]string{
		"listener": a.sub.Peer.Listener, "bytes": strconv.FormatInt(a.taken.size, 10), "mode": a.set.Mode.String(),
	}
	if a.sub.Peer.TLS != "" {
		detail["tls"] = a.sub.Peer.TLS
	}
	if a.sms != nil {
		detail["system_id"], detail["parts"] = a.sms.account.SystemID, strconv.Itoa(len(a.sms.ends.Parts))
	}
	refused := event == gateway.EventRefused
	if len(a.verdicts) > 0 { // what was found is the same for all
		put(detail, "found", foundIn(&a.verdicts[0], a.policy.policy.Counts()))
		if refused {
			put(detail, "findings", placesIn(&a.verdicts[0]))
		}
	}
	r := gateway.Record{At: a.now, Event: event, Actor: actor(a.sub.Peer), Message: a.taken.id, Persons: a.persons, Detail: detail}
	if err := a.flow.Audit.Stage(b, r); err != nil {
		return err
	}
	if a.in != nil {
		if err := a.flow.Audit.Stage(b, a.placed()); err != nil {
			return err
		}
	}
	for i := range a.envelopes {
		if err := a.flow.Audit.Stage(b, a.judged(&a.envelopes[i], refused)); err != nil {
			return err
		}
	}
	return nil
}

func actor(p gateway.Peer) string {
	if p.Account != "" {
		return "account"
	}
	return "peer"
}

// judged is the decision about an envelope. Of a message that is refused nothing
// else is kept: it says why, too.
func (a *arrival) judged(e *gateway.Envelope, refused bool) gateway.Record {
	d := map[string]string{"decided": e.Decided.String(), "action": e.Action.String(), "state": string(e.State)}
	if len(e.Rules) > 0 {
		d["rules"] = strings.Join(e.Rules, " ")
	}
	if e.Hold != "" {
		d["hold"] = e.Hold
	}
	if e.Judged > 0 {
		v := a.verdicts[e.Judged-1]
		d["policy"] = v.Digest
		if v.Words != "" {
			d["words"] = v.Words
		}
		if v.Shadow != v.Action {
			d["shadow"] = v.Shadow.String()
		}
		put(d, "shadow_rules", shadowMet(&v))
		if refused {
			put(d, "why", whyOf(&v, e.Rules))
		}
		if v.Failed {
			d["failed"] = v.Error
		}
		if !v.Options.NotBefore.IsZero() {
			d["not_before"] = v.Options.NotBefore.UTC().Format(time.RFC3339)
		}
	}
	return gateway.Record{
		At: a.now, Event: gateway.EventJudged, Actor: "system", Message: a.taken.id, Envelope: e.ID.String(),
		Thread: a.conversation.ID, Persons: []gateway.PersonRef{e.Person}, Detail: d,
	}
}
