package flow

import (
	"context"
	"errors"
	"strconv"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/gateway/people"
	"gatepost/gateway/policy"
	"gatepost/gateway/smsmsg"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// viaSMS stands behind the author's number in mails to staff: nothing proves
// who sent a short message.
const viaSMS = "unverified SMS"

// missingPart ends a text of which not all parts came.
const missingPart = " […]"

// smsSubject is the subject of a conversation that a telephone begins.
const smsSubject = "SMS"

// faultNoInbox is what the carrier hears when no account could get a message.
var faultNoInbox = &gateway.Fault{Code: 550, Status: "5.1.1", Text: "Nobody gets messages to this number", SMPP: gateway.StatusPermanentApp}

// received is a message from a telephone on its way from the carrier to the
// commit.
type received struct {
	flow     *Flow
	set      *Settings
	policy   *Judge
	segments []gateway.Segment
	sum      []byte // of one that came whole
	before   spell  // when it may have been taken over already
	missing  int    // parts that never came
	reading  *gateway.Reading

	line    gateway.Line // ours
	phone   gateway.Address
	author  people.Person
	account *SMSAccount // whose application hears of it; nil: none
	inbox   gateway.Address
	dialog  dialog
	thread  thread.Thread
	word    consent.Word
	verdict gateway.Verdict

	mail    *toStaff
	charged []charge // for the confirmation of word
}

// receive takes over one whole message from a telephone: it goes to the staff
// of the conversation that it belongs to, and to the application of the line. A
// word about consent is acted upon. also stages what else the commit holds.
func (f *Flow) receive(ctx context.Context, r *received, also func(*store.Batch) error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	r.flow = f
	r.set, r.policy = f.inForce()
	r.reading = f.Texts.Read(r.segments)
	if place, err := f.Texts.Place(&r.segments[0]); err == nil && place.Total > len(r.segments) {
		r.missing = place.Total - len(r.segments)
	}
	if err := r.place(ctx); err != nil {
		return storage(err)
	}
	if n := r.dialog.find(r.sum, r.before); n >= 0 {
		return storage(r.again(ctx, n))
	}
	if err := r.judge(ctx); err != nil {
		return err
	}
	err := errSaidMeanwhile
	for try := 0; try < commitTries && errors.Is(err, errSaidMeanwhile); try++ {
		if err = r.compose(ctx); err == nil {
			err = r.commit(ctx, also)
		}
		if err != nil {
			r.uncharge()
			if r.mail != nil {
				r.mail.discard(err)
				r.mail = nil
			}
		}
	}
	if err != nil {
		return storage(err)
	}
	f.Log.Info("received", "id", r.mail.id, "listener", listenerUpstream, "count", len(r.segments), "size", r.mail.size)
	return nil
}

// listenerUpstream is where messages from telephones come in.
const listenerUpstream = "upstream"

// place finds out who wrote, to whom, and what it belongs to.
func (r *received) place(ctx context.Context) (err error) {
	f := r.flow
	r.line = r.set.SMS.addressed(r.segments[0].Dest)
	if r.phone, err = r.set.SMS.writer(r.segments[0].Source); err != nil {
		return faultNoInbox.Because(err)
	}
	if err := f.welcome(ctx, r.phone, r.line); err != nil {
		return err
	}
	refs, err := f.People.Ensure(ctx, r.phone)
	if err != nil {
		return err
	}
	if r.author, err = f.People.Find(ctx, r.phone); err != nil && !errors.Is(err, people.ErrUnknown) {
		return err
	}
	r.author.Ref, r.author.Address = refs[0], r.phone
	if r.dialog, err = f.dialog(ctx, r.author.Ref, r.line); err != nil {
		return err
	}
	r.account = r.set.SMS.whose(r.line, r.dialog.Account)
	if r.inbox = r.set.SMS.inbox(r.account); r.dialog.mailedBy(f.Now(), r.set.Domains) {
		r.inbox, r.account = r.dialog.Staff, nil // no application knows of it
	}
	if r.inbox.IsNull() && !r.dialog.open(f.Now()) {
		return faultNoInbox
	}
	if r.missing == 0 && !isName(r.phone) { // half a text says something else than the whole
		r.word = consent.Keyword(r.text())
	}
	return nil
}

// writer is who is at the other end: a telephone, or a name that cannot be
// answered.
func (s *SMSSettings) writer(l gateway.Line) (gateway.Address, error) {
	if a, err := s.number(l); err == nil {
		return a, nil
	}
	return gateway.ParseAddress(strconv.Quote(l.Addr) + "@" + gateway.PhoneDomain)
}

// isName reports whether who wrote is a name. It can be given no confirmation,
// and its words stop nothing: no message is sent to a name.
func isName(a gateway.Address) bool {
	_, err := gateway.PhoneAddress(a.Local())
	return err != nil
}

// whose is the account that gets what is sent to a line: the one that last
// wrote from it to this telephone, else the first that has it.
func (s *SMSSettings) whose(line gateway.Line, last string) *SMSAccount {
	if s == nil {
		return nil
	}
	if a, ok := s.account(last); ok {
		return a
	}
	for i := range s.Accounts {
		for _, own := range s.Accounts[i].Senders {
			if own.Same(line) {
				return &s.Accounts[i]
			}
		}
	}
	return nil
}

// inbox is the mailbox for what belongs to no conversation: the account's, else
// that of the first that may use any line.
func (s *SMSSettings) inbox(a *SMSAccount) gateway.Address {
	if a != nil {
		return a.Inbox
	}
	if s == nil {
		return gateway.Address{}
	}
	for i := range s.Accounts {
		if s.Accounts[i].AnySender {
			return s.Accounts[i].Inbox
		}
	}
	if len(s.Accounts) > 0 {
		return s.Accounts[0].Inbox
	}
	return gateway.Address{}
}

// text is what the message most likely says.
func (r *received) text() string {
	for _, p := range r.reading.Parts {
		if p.Kind == gateway.PartText {
			return p.Text.Reveal()
		}
	}
	return ""
}

// judge asks policy how careful the application must be with it.
func (r *received) judge(ctx context.Context) (err error) {
	f := r.flow
	if r.thread, err = f.conversationOf(ctx, &r.dialog); err != nil {
		return err
	}
	size := 0
	for i := range r.segments {
		size += r.segments[i].Size()
	}
	facts := r.policy.facts(r.reading, r.phone, int64(size), f.Now().In(r.set.zone()), false)
	facts.SMPP.SourceAddress = r.phone.Phone()
	r.verdict = r.policy.policy.Prepare(facts).For(policy.Recipient{Address: r.inbox}, policy.Thread{Exists: !r.thread.ID.IsZero(), Secured: r.thread.Secured})
	return nil
}

// compose makes the mail to staff.
func (r *received) compose(ctx context.Context) error {
	f := r.flow
	staff := r.set.staff(r.thread.Everybody())
	var begun store.Batch
	begins := len(staff) == 0
	if begins {
		if r.inbox.IsNull() {
			return faultNoInbox
		}
		staff = []gateway.Address{r.inbox}
		id, err := f.Threads.Open(&begun, r.inbox, f.Now())
		if err != nil {
			return err
		}
		r.thread = thread.Thread{ID: id}
	}
	var err error
	if r.mail, err = f.toStaff(r.set, r.thread, r.author, staff); err != nil {
		return err
	}
	r.mail.parts.Append(&begun)
	r.mail.unproven = r.thread.Secured // the number can be forged: not shown as theirs beside what was proven
	headerIDs, answered, err := f.parents(ctx, r.thread.ID, r.author.Ref)
	if err != nil {
		return err
	}
	if answered == nil && !r.dialog.Mail.IsZero() {
		if answered, err = f.message(ctx, r.dialog.Mail); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	r.mail.follow(headerIDs, answered)
	d := &r.mail.data
	d.Begins, d.Via, d.Text = len(headerIDs) == 0 && answered == nil, viaSMS, gateway.Sensitive(r.text())
	if r.missing > 0 {
		d.Text += missingPart
	}
	if d.Subject == "" {
		d.Subject = smsSubject
	}
	d.Language, d.Line = r.set.Language, r.line.Key()
	if d.Note, err = r.foresee(ctx); err != nil {
		return err
	}
	return r.mail.compose(ctx)
}

// commit writes everything that follows from the message in one batch. A
// conflict with what also adds is for who adds it.
func (r *received) commit(ctx context.Context, also func(*store.Batch) error) error {
	for range commitTries {
		b := new(store.Batch)
		if err := r.build(ctx, b); err != nil {
			return err
		}
		if also != nil {
			if err := also(b); err != nil {
				return err
			}
		}
		err := store.Write(ctx, r.flow.Store, b)
		if errors.Is(err, store.ErrUnknown) {
			if _, found := r.flow.Store.Get(ctx, messageKey(r.mail.id)); found == nil {
				b.Done()
				return nil
			}
		}
		if !errors.Is(err, store.ErrConflict) || also != nil {
			return err
		}
	}
	return gateway.FaultInternal.Because(store.ErrConflict)
}

func (r *received) build(ctx context.Context, b *store.Batch) error {
	f := r.flow
	m, err := r.mail.record()
	if err != nil {
		return err
	}
	m.Channel, m.Peer = gateway.SMS, gateway.Peer{Listener: listenerUpstream}
	m.Ends = &gateway.Ends{Source: r.segments[0].Source, Dest: r.line, ServiceType: r.segments[0].ServiceType}
	if err := r.mail.stage(ctx, b, m); err != nil {
		return err
	}
	d := r.dialog
	d.Line, d.Thread, d.At = r.line, r.thread.ID, r.mail.at
	if r.sum != nil {
		d.remember(heard{Sum: r.sum, Message: r.mail.id, At: f.Now()})
	}
	if err := f.stageDialog(b, r.author.Ref, d); err != nil {
		return err
	}
	if err := r.stageApp(b); err != nil {
		return err
	}
	change, err := r.stageConsent(ctx, b)
	if err != nil {
		return err
	}
	return r.stageEvidence(ctx, b, m, change)
}

// stageApp stages the message for the application of the line, octet by octet.
// What is sensitive goes only where nobody listens; else it is told that there
// is something.
func (r *received) stageApp(b *store.Batch) error {
	if r.account == nil {
		return nil
	}
	d := gateway.Delivery{
		Segments: r.segments, Plain: r.verdict.Action != gateway.Pass || r.thread.Secured, Message: r.mail.id, Person: r.author.Ref,
	}
	if d.Plain {
		instead, err := r.flow.tidings(r.set, r.segments[0].Source, r.line)
		if err != nil {
			return err
		}
		d.Instead = instead
	}
	return r.flow.stageDelivery(b, r.account.SystemID, d)
}

func (r *received) stageEvidence(ctx context.Context, b *store.Batch, m *gateway.Message, change consent.Change) error {
	persons, err := r.mail.persons(ctx)
	if err != nil {
		return err
	}
	d := map[string]string{"parts": strconv.Itoa(len(r.segments)), "bytes": strconv.FormatInt(m.Body.Size, 10), "verdict": r.verdict.Action.String(), "place": "thread"}
	if r.missing > 0 {
		d["missing"] = strconv.Itoa(r.missing)
	}
	if r.mail.data.Begins {
		d["place"] = "inbox"
	}
	if r.account != nil {
		d["account"] = r.account.SystemID
	}
	if change.Changed || change.Answer != consent.None {
		d["word"] = r.word.Text
	}
	return r.flow.Audit.Stage(b, gateway.Record{
		At: r.mail.at, Event: gateway.EventSMSReceived, Actor: "correspondent", Message: m.ID, Thread: m.Thread, Persons: persons, Detail: d,
	})
}

// tidings is what an application gets in place of what a telephone wrote: that
// there is something, as a message from the same telephone.
func (f *Flow) tidings(set *Settings, from, to gateway.Line) ([]gateway.Segment, error) {
	segments, err := f.Texts.Compose(smsmsg.Tidings(set.Language), 0)
	for i := range segments {
		segments[i].Source, segments[i].Dest = from, to
	}
	return segments, err
}

// stageTidings tells the application whose message was answered in the viewer
// that there is an answer, when it wants to know.
func (w *written) stageTidings(ctx context.Context, b *store.Batch) error {
	f := w.flow
	m, err := f.message(ctx, w.caller.link.Envelope.Message)
	if err != nil || m.Channel != gateway.SMS || m.Ends == nil {
		return err
	}
	account, ok := w.mail.set.SMS.account(m.Peer.Account)
	if !ok || !account.Answers {
		return nil
	}
	segments, err := f.tidings(w.mail.set, m.Ends.Dest, m.Ends.Source)
	if err != nil {
		return err
	}
	return f.stageDelivery(b, account.SystemID, gateway.Delivery{Segments: segments, Message: w.mail.id, Person: w.caller.link.Person})
}
