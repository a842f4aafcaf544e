package flow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Limits of what an application hands over at once.
const (
	maxSegment      = 72 << 10 // octets of all fields: a message_payload of 64 KiB and others
	maxDestinations = 254      // of submit_multi, SMPP v3.4 section 4.5.1
)

// Refusals of short messages.
var (
	faultNoSMS        = shortFault(550, "5.7.1", gateway.StatusSubmitFailed, "Short messages are not served for this account")
	faultShortSource  = shortFault(553, "5.7.1", gateway.StatusInvalidSource, "Source address is not yours")
	faultShortDest    = shortFault(553, "5.1.3", gateway.StatusInvalidDest, "Destination is no telephone number")
	faultShortSize    = shortFault(552, "5.3.4", gateway.StatusInvalidLength, "Message exceeds the size limit")
	faultShortSegment = shortFault(554, "5.6.0", gateway.StatusInvalidESMClass, "Malformed place in a long message")
	faultShortPolicy  = shortFault(550, "5.7.1", gateway.StatusSubmitFailed, "Message refused by the organization's policy")
	faultShortFull    = shortFault(452, "4.3.1", gateway.StatusQueueFull, "No room, try again later")
	faultShortFailed  = shortFault(451, "4.3.0", gateway.StatusSystemError, "Temporary internal fault, try again later")
)

func shortFault(code int, status string, smpp uint32, text string) *gateway.Fault {
	return &gateway.Fault{Code: code, Status: status, Text: text, SMPP: smpp}
}

// shortError is what an application hears of an error: without a class it is
// temporary, as everywhere.
func shortError(err error) error {
	if err == nil {
		return nil
	}
	f := gateway.FaultOf(storage(err))
	switch {
	case f.SMPP != 0:
		return f
	case f.Code == gateway.FaultStorage.Code:
		return faultShortFull.Because(err)
	case f.Temporary():
		return faultShortFailed.Because(err)
	}
	return faultShortPolicy.Because(err)
}

// submitted is a segment as it was handed over, found to be admissible.
type submitted struct {
	flow    *Flow
	set     *Settings
	policy  *Judge
	account *SMSAccount
	peer    gateway.Peer
	segment gateway.Segment // with a source
	place   gateway.SegmentPlace
	to      []gateway.Line
	phones  []gateway.Address // of to
	now     time.Time
}

// SubmitSMS takes over a segment that the account p.Account sends to one
// destination, or to several. A nil error means that all that follows from it
// is durable; id is the message_id to answer. refused are the destinations that
// were not taken; when none was, err says why, as a gateway.Fault with SMPP.
//
// A part of a long text is answered without waiting for the others. The last
// one to come, in any order, is judged with them, and hears of a refusal; the
// others get a receipt then.
func (f *Flow) SubmitSMS(ctx context.Context, p gateway.Peer, s gateway.Segment, place gateway.SegmentPlace, to []gateway.Line) (id string, refused []gateway.LineFault, err error) {
	in, refused, err := f.admitShort(p, s, place, to)
	switch {
	case err != nil:
	case len(in.to) == 0:
		err = refused[0].Fault
	case place.Whole():
		var more []gateway.LineFault
		id, more, err = in.takeWhole(ctx)
		refused = append(refused, more...)
	default:
		id, err = in.takePart(ctx)
	}
	if err != nil {
		err = shortError(err)
		f.metrics.refused(gateway.FaultOf(err))
		return "", refused, err
	}
	return id, refused, nil
}

// admitShort refuses what must not be taken over whatever policy says.
func (f *Flow) admitShort(p gateway.Peer, s gateway.Segment, place gateway.SegmentPlace, to []gateway.Line) (*submitted, []gateway.LineFault, error) {
	set, judge := f.inForce()
	account, ok := set.SMS.account(p.Account)
	switch {
	case !ok || f.Texts == nil:
		return nil, nil, faultNoSMS
	case s.Size() > maxSegment || len(to) > maxDestinations:
		return nil, nil, faultShortSize
	case len(to) == 0:
		return nil, nil, faultShortDest
	case !place.Whole() && (place.Seq < 1 || place.Seq > place.Total || place.Total > maxTextParts):
		return nil, nil, faultShortSegment
	}
	if s.Source.IsZero() && len(account.Senders) > 0 {
		s.Source = account.Senders[0]
	}
	if !account.sends(s.Source) {
		return nil, nil, faultShortSource
	}
	in := &submitted{flow: f, set: set, policy: judge, account: account, peer: p, segment: s, place: place, now: f.Now()}
	var refused []gateway.LineFault
	for _, line := range to {
		phone, err := set.SMS.number(line)
		if err != nil {
			refused = append(refused, gateway.LineFault{Line: line, Fault: faultShortDest})
			continue
		}
		if !slices.Contains(in.phones, phone) {
			in.to, in.phones = append(in.to, line), append(in.phones, phone)
		}
	}
	return in, refused, nil
}

// sends reports whether an account may use a source address.
func (a *SMSAccount) sends(source gateway.Line) bool {
	return a.AnySender && !source.IsZero() || slices.ContainsFunc(a.Senders, source.Same)
}

// takeWhole takes over a message that is no part of another.
func (in *submitted) takeWhole(ctx context.Context) (id string, refused []gateway.LineFault, err error) {
	x, err := in.text(ctx, []gateway.Segment{in.segment}, nil)
	if err != nil {
		return "", nil, err
	}
	for range commitTries {
		if err = x.judge(ctx); err == nil {
			err = x.commit(ctx, nil)
		}
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	x.done(err)
	if err != nil {
		return "", nil, err
	}
	refused = x.refused()
	if len(refused) == len(x.arrivals) {
		return "", refused, refused[0].Fault
	}
	return x.id().String(), refused, nil
}

// shortText is a whole text of an application on its way to the commit: a
// message for each telephone, which has a conversation of its own.
type shortText struct {
	in       *submitted
	parts    []gateway.AcceptedPart // that were answered before; none: it came whole
	arrivals []*arrival
}

// shortMessage is what an arrival by SMPP has besides a mail.
type shortMessage struct {
	account *SMSAccount
	ends    gateway.Ends
	// segments are packed in its body; a notice is like the first.
	segments []gateway.Segment
	until    time.Time // its validity_period ends; zero: none
	from     time.Time // schedule_delivery_time: it waits here until then; zero: no longer than it must
	dialog   dialog    // that it goes on with
	unknown  bool      // its telephone is no person yet
}

// text seals a text for each of its telephones. done must be called.
func (in *submitted) text(ctx context.Context, segments []gateway.Segment, parts []gateway.AcceptedPart) (*shortText, error) {
	x := &shortText{in: in, parts: parts}
	reading := in.flow.Texts.Read(segments)
	from, err := scheduled(segments[0].Schedule, in.now)
	if err != nil {
		return nil, err
	}
	until, ok := gateway.ParseSMPPTime(segments[0].Validity, in.now)
	if !ok || !until.After(in.now) {
		until = time.Time{} // what is no time, or over before it began, the carrier judges
	}
	for i, line := range in.to {
		mine := slices.Clone(segments)
		for n := range mine {
			mine[n].Dest = line
		}
		body, err := smsBody(spoken(reading), mine, in.now)
		var t *taken
		if err == nil {
			t, err = in.flow.takeOctets(ctx, body)
		}
		if err != nil {
			x.done(err)
			return nil, err
		}
		x.arrivals = append(x.arrivals, &arrival{
			flow: in.flow, set: in.set, policy: in.policy, taken: t, reading: reading, now: in.now,
			sub: gateway.Submission{Peer: in.peer, From: in.account.Inbox, Recipients: []gateway.Recipient{{Address: in.phones[i]}}},
			sms: &shortMessage{account: in.account, segments: mine, until: until, from: from, ends: gateway.Ends{
				Source: segments[0].Source, Dest: line, ServiceType: segments[0].ServiceType, Parts: parts,
				ESMClass: segments[0].ESMClass, ProtocolID: segments[0].ProtocolID, Priority: segments[0].Priority, DataCoding: segments[0].DataCoding,
			}},
		})
	}
	if len(parts) == 0 {
		given := []gateway.AcceptedPart{segments[0].Accepted(x.id(), in.now)}
		for _, a := range x.arrivals {
			a.sms.ends.Parts = given
		}
	}
	return x, nil
}

// spoken is the text of a message as its sender most likely meant it.
func spoken(r *gateway.Reading) string {
	for _, p := range r.Parts {
		if p.Kind == gateway.PartText {
			return p.Text.Reveal()
		}
	}
	return ""
}

// id is the one that a text that came whole is answered with.
func (x *shortText) id() gateway.MessageID { return x.arrivals[0].taken.id }

func (x *shortText) refused() (list []gateway.LineFault) {
	for i, a := range x.arrivals {
		if a.allRefused() {
			list = append(list, gateway.LineFault{Line: x.in.to[i], Fault: faultShortPolicy})
		}
	}
	return list
}

// commit writes all that follows from the text, and what rows adds, in one
// batch.
func (x *shortText) commit(ctx context.Context, rows func(*store.Batch) error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	b := new(store.Batch)
	for _, a := range x.arrivals {
		m, err := a.stageShort(ctx, b)
		if err == nil && m != nil {
			err = x.in.flow.stageShortIDs(b, m)
		}
		if err != nil {
			return err
		}
	}
	if rows != nil {
		if err := rows(b); err != nil {
			return err
		}
	}
	err := store.Write(ctx, x.in.flow.Store, b)
	if errors.Is(err, store.ErrUnknown) && len(x.refused()) < len(x.arrivals) {
		err = x.resolve(ctx, b, err)
	}
	return err
}

// resolve finds out whether a commit whose answer was lost happened: all of it
// did, or nothing.
func (x *shortText) resolve(ctx context.Context, b *store.Batch, unknown error) error {
	i := slices.IndexFunc(x.arrivals, func(a *arrival) bool { return !a.allRefused() })
	return x.arrivals[i].resolve(ctx, b, unknown)
}

// done lets go of what a text that ended with err does not need.
func (x *shortText) done(err error) {
	f := x.in.flow
	for _, a := range x.arrivals {
		switch {
		case err != nil:
			f.discard(a.taken, err)
		case a.allRefused():
			f.discard(a.taken, nil)
			f.Log.Info("refused", append(a.logged(), "rules", strings.Join(a.envelopes[0].Rules, " "))...)
		default:
			a.letGo(nil)
			f.courtesy.accepted(time.Now())
			f.metrics.accepted(a.sub.Peer.Listener, a.taken.size, f.Now().Sub(a.now))
			f.Log.Info("accepted", a.logged()...)
		}
		a.taken.release(f)
	}
}

// logged are keys and values of the log's line of a short message. Those of a
// long text name the parts: their ids are all that its application knows.
func (a *arrival) logged() []any {
	peer := a.sub.Peer
	line := []any{"id", a.taken.id, "listener", peer.Listener, "name", peer.Account, "size", a.taken.size, "count", 1, "tls", peer.TLS}
	if peer.Addr.IsValid() {
		line = append(line, "peer", peer.Addr.String())
	}
	if parts := a.sms.ends.Parts; len(parts) > 1 {
		ids := make([]string, len(parts))
		for i, p := range parts {
			ids[i] = p.ID.String()
		}
		line = append(line, "parts", strings.Join(ids, " "))
	}
	return line
}

// maxSchedule is how far ahead a message may be scheduled: shorter than what is
// kept of it.
const maxSchedule = 90 * 24 * time.Hour

var faultShortSchedule = shortFault(550, "5.6.0", gateway.StatusInvalidSchedule, "Scheduled too far ahead")

// scheduled is when a message is to leave; zero: now. It waits here and not at
// the carrier, where no STOP, no recall and no cancel_sm could reach it.
func scheduled(text string, now time.Time) (time.Time, error) {
	from, ok := gateway.ParseSMPPTime(text, now)
	if !ok || !from.After(now) {
		return time.Time{}, nil
	}
	if from.Sub(now) > maxSchedule {
		return time.Time{}, faultShortSchedule
	}
	return from, nil
}

// leavesAt is when a message leaves at the earliest, and what its hour is
// judged by.
func (a *arrival) leavesAt() time.Time {
	if a.sms != nil && !a.sms.from.IsZero() {
		return a.sms.from
	}
	return a.now
}
