package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/policy"
)

// Judge is a policy with the detector that it needs. It is immutable.
type Judge struct {
	policy   *policy.Policy
	detector *detect.Detector
	counts   bool // a rule asks how many short messages somebody got
	base     *base
}

// NewJudge joins a policy and its detector.
func NewJudge(p *policy.Policy, d *detect.Detector) *Judge {
	return &Judge{policy: p, detector: d, counts: p.Uses("recipient.sent_today"), base: newBase(p)}
}

// Policy returns the policy.
func (j *Judge) Policy() *policy.Policy { return j.policy }

// Policy returns the policy in force.
func (f *Flow) Policy() *policy.Policy { return f.rules().policy }

// scan detects, and turns a panic of the detector into a failure that is
// judged at its worst. What a short message spells in disguise is read besides: of
// a mail, that is among its parts.
func (j *Judge) scan(r *gateway.Reading) (d *gateway.Detections, failed string) {
	defer func() {
		if recover() != nil {
			d, failed = nil, "the detector failed"
		}
	}()
	if r.Channel != gateway.SMS {
		return j.detector.Scan(r.Parts), ""
	}
	undone, whole := mailmsg.Undisguised(r.Parts)
	if !whole {
		failed = "the message spells more words in disguise than are read"
	}
	return j.detector.Scan(append(slices.Clip(r.Parts), undone...)), failed
}

// facts is what a verdict needs to know of a message before its recipients.
func (j *Judge) facts(r *gateway.Reading, sender gateway.Address, size int64, now time.Time, tagsBind bool) policy.Message {
	d, failed := j.scan(r)
	return policy.Message{
		Channel: r.Channel, Sender: policy.Sender{Address: sender}, Reading: r, Detections: d, Size: size, Now: now,
		TagsBind: tagsBind, Failed: failed,
	}
}

// judgement judges the recipients of one message.
type judgement struct {
	arrival  *arrival
	prepared *policy.Judge
	thread   policy.Thread
}

// prepare reads what all recipients of an arrival share.
func (f *Flow) prepare(ctx context.Context, a *arrival) (*judgement, error) {
	if !inside(a.sub.Peer) {
		return nil, nil // nothing of it is judged as outbound mail
	}
	start := f.Now()
	j := a.policy
	facts := j.facts(a.reading, a.sub.From, a.taken.size, a.leavesAt().In(a.set.zone()), a.tagsBind())
	var err error
	if a.sms != nil {
		facts.Declared = a.sms.declared()
		facts.SMPP = smppOf(a.sms.account.SystemID, &a.sms.ends)
	}
	if facts.Sender.Group, err = f.group(ctx, a.sub.Peer.Account); err != nil {
		return nil, err
	}
	f.metrics.judging.Observe(f.Now().Sub(start).Seconds())
	talk := policy.Thread{Exists: !a.conversation.ID.IsZero(), Secured: a.conversation.Secured}
	a.basis = &gateway.Judged{Size: facts.Size, Staff: facts.TagsBind, Group: facts.Sender.Group, Thread: talk.Exists, Secured: talk.Secured}
	if a.sms == nil {
		a.basis.Sum = f.octetsSum(a.taken.octets())
	} else {
		a.basis.Short = a.judgedShort(facts.Declared)
	}
	return &judgement{arrival: a, prepared: j.policy.Prepare(facts), thread: talk}, nil
}

// group is the role of an account, "" for a peer without one.
func (f *Flow) group(ctx context.Context, account string) (string, error) {
	if account == "" {
		return "", nil
	}
	name, err := gateway.ParseAddress(account)
	if err != nil {
		return "", nil
	}
	u, err := f.People.FindUser(ctx, name)
	if errors.Is(err, people.ErrUnknown) {
		return "", nil
	}
	return string(u.Role), err
}

// done ends it; nil: nothing was judged.
func (j *judgement) done() {
	if j != nil {
		j.prepared.Done()
	}
}

func (j *judgement) forRecipient(ctx context.Context, e *gateway.Envelope) (gateway.Verdict, error) {
	f := j.arrival.flow
	var p people.Person
	if sms := j.arrival.sms; sms == nil || !sms.unknown {
		var err error
		if p, err = f.person(ctx, e.Recipient); err != nil {
			return gateway.Verdict{}, err
		}
	}
	r, err := factsOf(e.Recipient, p), error(nil)
	if j.arrival.policy.counts && e.Recipient.IsPhone() {
		r.SentToday, err = f.consents.SentSince(ctx, j.arrival.line(e), e.Recipient, j.arrival.now.Add(-sentFor))
		if err != nil {
			return gateway.Verdict{}, fmt.Errorf("counting messages: %w", err)
		}
	}
	v := j.prepared.For(r, j.thread)
	if v.Action == gateway.Secure {
		j.arrival.knows(e, p)
	}
	return v, nil
}

// knows keeps who was found behind a recipient, for the notice.
func (a *arrival) knows(e *gateway.Envelope, p people.Person) {
	if a.known == nil {
		a.known = make(map[uint32]people.Person)
	}
	a.known[e.ID.N] = p
}

// sentFor is how long a short message counts for rules that limit how many
// there are.
const sentFor = 24 * time.Hour

// person is what is known of whom a message goes to, zero for nothing.
func (f *Flow) person(ctx context.Context, a gateway.Address) (people.Person, error) {
	p, err := f.People.Find(ctx, a)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return people.Person{}, fmt.Errorf("looking up the recipient: %w", err)
	}
	return p, nil
}

// factsOf is what policy is told of a recipient; a zero person is one of whom
// nothing is known.
func factsOf(a gateway.Address, p people.Person) policy.Recipient {
	r := policy.Recipient{Address: a, Known: p.Known(), Patient: p.Patient, Language: p.Language, Consents: p.Consents}
	if a.IsPhone() {
		r.Address, r.Number = gateway.Address{}, a.Phone()
	}
	return r
}

// tagsBind: what stands in subject tags and X-Gatepost fields are commands
// when the sender is staff: an account, or an inside peer speaking for one of
// the organization's domains in MAIL FROM and From.
func (a *arrival) tagsBind() bool {
	if a.sub.Peer.Account != "" {
		return true
	}
	if !inside(a.sub.Peer) || !a.sub.From.In(a.set.Domains) || len(a.reading.From) == 0 {
		return false
	}
	foreign := func(from gateway.Address) bool { return !from.In(a.set.Domains) }
	return !slices.ContainsFunc(a.reading.From, foreign)
}

// Explain judges a mail as if a staff member sent it to one recipient now. It
// writes nothing.
func (j *Judge) Explain(raw []byte, from, to gateway.Address, now time.Time) (gateway.Verdict, *gateway.Reading) {
	r := mailmsg.Read(raw)
	return j.policy.Prepare(j.facts(r, from, int64(len(raw)), now, true)).For(policy.Recipient{Address: to}, policy.Thread{}), r
}

// RunCases runs the policy's own tests and returns a line for each that fails.
func (j *Judge) RunCases() []string {
	var lines []string
	for _, f := range j.policy.RunCases(j.JudgeCase) {
		lines = append(lines, f.Text)
	}
	return lines
}
