package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// A long text comes in parts, in any order and over several sessions. Each is
// a row of SMSParts, sealed like any spooled body, and is answered when its row
// is durable. The last one finds the others, and one commit turns the rows into
// a message. Part 0 remembers for a while what became of the text, so that a
// part that is sent again because its answer was lost gets the same answer.
//
// What fails closed: a text of which a part is missing when its time is over,
// and one of which a part comes twice and says something else. Nothing of
// either leaves, since nobody could judge what a telephone would put together.

// maxTextOctets is how much the parts of a text may be together, as they are
// kept: 255 parts of 140 octets take less than half.
const maxTextOctets = smallMessage

func (x *longText) octets() (n int) {
	for _, p := range x.parts {
		n += int(p.Sealed.Body.Size)
	}
	return n
}

// maxTextParts is as many as the references of 3GPP TS 23.040 section
// 9.2.3.24.1 can tell apart.
const maxTextParts = 255

// waitingPart is a row of SMSParts.
type waitingPart struct {
	Inbound bool   `json:",omitempty"` // from a telephone: it has no account and no answer
	From    []byte `json:",omitempty"` // keyed hash of that telephone
	Account string
	Peer    gateway.Peer
	Place   gateway.SegmentPlace
	To      []gateway.Line
	Given   gateway.AcceptedPart // the answer
	Hash    []byte               // keyed, of the segment
	Sealed  *gateway.Notice
	Again   bool `json:",omitempty"` // was answered as a part of the text before: see smsagain.go
}

// endedText is part 0: a text that came whole, or contradicted itself.
type endedText struct {
	At     time.Time
	Failed bool        `json:",omitempty"` // nothing more of it is taken
	Parts  []endedPart `json:",omitempty"`
}

type endedPart struct {
	ID   gateway.MessageID
	Hash []byte
}

// longText is what the store holds of a text.
type longText struct {
	key      []byte // keyed hash, 16 octets
	parts    map[int]waitingPart
	versions map[int]store.Version
	ended    *endedText
	version  store.Version // of ended
}

func partKey(text []byte, seq int) []byte { return store.Key(store.SMSParts, text, []byte{byte(seq)}) }

// textKey names the text that a part belongs to: account, both ends, kind,
// reference and total.
func (in *submitted) textKey() []byte {
	parts := [][]byte{
		[]byte(in.account.SystemID), []byte(in.segment.Source.Key()), []byte(in.place.Kind),
		store.Uint32(uint32(in.place.Ref)), store.Uint32(uint32(in.place.Total)),
	}
	for _, phone := range in.phones {
		parts = append(parts, []byte(phone.Key()))
	}
	h := in.flow.MAC("long text", parts...)
	return h[:16]
}

// longText reads what there is of a text.
func (f *Flow) longText(ctx context.Context, key []byte) (*longText, error) {
	x := &longText{key: key, parts: make(map[int]waitingPart), versions: make(map[int]store.Version)}
	var bad error
	err := f.Store.Scan(ctx, store.Prefix(store.SMSParts, key), func(it store.Item) bool {
		if seq := int(it.Key[len(it.Key)-1]); seq == 0 {
			x.ended, x.version = new(endedText), it.Version
			bad = store.Decode(it.Value, x.ended)
		} else {
			var p waitingPart
			bad = store.Decode(it.Value, &p)
			x.parts[seq], x.versions[seq] = p, it.Version
		}
		return bad == nil
	})
	return x, errors.Join(err, bad)
}

// whole reports whether all parts are there, with one more or none.
func (x *longText) whole(total, more int) bool { return len(x.parts)+more == total }

// partTries bounds how often a part is taken up again because another one of
// its text was faster: all may come at once.
const partTries = 2*maxTextParts + commitTries

// takePart takes over one part of a long text.
func (in *submitted) takePart(ctx context.Context) (id string, err error) {
	key := in.textKey()
	packed, err := packSegment(in.segment)
	if err != nil {
		return "", err
	}
	sum := in.flow.MAC("part", packed)
	err = store.ErrConflict
	for try := 0; try < partTries && errors.Is(err, store.ErrConflict); try++ {
		var given gateway.MessageID
		if given, err = in.takePartOnce(ctx, key, packed, sum[:]); err == nil {
			return given.String(), nil
		}
	}
	return "", err
}

func (in *submitted) takePartOnce(ctx context.Context, key, packed, hash []byte) (id gateway.MessageID, err error) {
	f, again := in.flow, false
	x, err := f.longText(ctx, key)
	if err != nil {
		return id, err
	}
	if e := x.ended; e != nil {
		if e.Failed {
			return id, faultShortParts
		}
		id, again = e.answer(in.place.Seq, hash)
	}
	if p, twice := x.parts[in.place.Seq]; twice {
		switch same := bytes.Equal(p.Hash, hash); {
		case !same && !p.Again:
			return id, in.contradicted(ctx, x)
		case same && x.complete(in.place.Total):
			return p.Given.ID, in.assemble(ctx, x, 0, nil, p.Given)
		case same:
			return p.Given.ID, nil
		}
	}
	if !again {
		if id, err = gateway.NewMessageID(in.now, f.Random); err != nil {
			return id, err
		}
	}
	given := in.segment.Accepted(id, in.now)
	if !again && !x.anyAgain() && x.whole(in.place.Total, 1) {
		return id, in.assemble(ctx, x, in.place.Seq, hash, given)
	}
	if err := in.keepPart(ctx, x, packed, waitingPart{
		Account: in.account.SystemID, Peer: in.peer, Place: in.place, To: in.to, Given: given, Hash: hash, Again: again,
	}); err != nil || again {
		return id, err
	}
	return id, in.lastOf(ctx, key, given)
}

// lastOf puts a text together whose parts came at the same time, so that none
// of them found the others. Whoever does it first answers for a refusal.
func (in *submitted) lastOf(ctx context.Context, key []byte, given gateway.AcceptedPart) error {
	x, err := in.flow.longText(ctx, key)
	if err != nil || !x.complete(in.place.Total) || x.parts[in.place.Seq].Given.ID != given.ID {
		return err
	}
	return in.assemble(ctx, x, 0, nil, given)
}

// keepPart makes a part durable that waits for others.
func (in *submitted) keepPart(ctx context.Context, x *longText, packed []byte, p waitingPart) error {
	f := in.flow
	ctx, cancel := recording(ctx)
	defer cancel()
	if x.octets()+len(packed) > maxTextOctets {
		return faultShortSize
	}
	if err := f.waiting.admit(ctx, f, &p, len(packed)); err != nil {
		return err
	}
	var b store.Batch
	var err error
	if p.Sealed, err = f.keep(ctx, &b, p.Given.ID, packed, f.Sealer.WrapSpool); err != nil {
		return err
	}
	f.takePlace(&b, x, p.Place.Seq)
	if err := b.PutRecord(partKey(x.key, p.Place.Seq), p); err != nil {
		return err
	}
	if err := in.stageWaiting(&b, x, p); err != nil {
		return err
	}
	b.After(func() {
		f.Log.Info("a part waits for the others of its text", "id", p.Given.ID, "listener", p.Peer.Listener, "name", p.Account, "count", p.Place.Total)
	})
	f.waiting.add(&p, 1, len(packed)) // before others see it, who may count it out
	err = store.Write(ctx, f.Store, &b)
	if errors.Is(err, store.ErrUnknown) {
		if kept, _, err := store.GetRecord[waitingPart](ctx, f.Store, partKey(x.key, p.Place.Seq)); err == nil && kept.Given.ID == p.Given.ID {
			b.Done()
			return nil
		}
	}
	if err != nil && !errors.Is(err, store.ErrUnknown) {
		f.waiting.add(&p, -1, -len(packed))
		var undo store.Batch
		f.Blobs.Delete(&undo, p.Sealed.Body.Blob)
		undo.Done() // without a commit: no record of it was ever written
	}
	return err
}

// stageWaiting stages what belongs to the row of a part that waits: where its
// id leads, what is remembered of the text before, and when its time is over.
func (in *submitted) stageWaiting(b *store.Batch, x *longText, p waitingPart) error {
	f := in.flow
	switch row := partKey(x.key, 0); {
	case x.ended == nil:
		b.RequireAbsent(row)
	case p.Again: // as long as nothing else comes it is the text before
		b.RequireVersion(row, x.version)
	default: // another text under the same reference
		b.RequireVersion(row, x.version)
		b.Delete(row)
	}
	if !p.Again {
		ends := gateway.Ends{Source: in.segment.Source, Dest: in.to[0], ServiceType: in.segment.ServiceType, Parts: []gateway.AcceptedPart{p.Given}}
		if err := f.stageWaitingID(b, p.Account, ends, partKey(x.key, p.Place.Seq)); err != nil {
			return err
		}
	}
	timeout := in.set.SMS.partTimeout()
	if len(x.parts) == 0 {
		if err := f.stageTask(b, task{Kind: taskParts, Text: x.key, At: p.Given.At, Due: p.Given.At.Add(timeout)}); err != nil {
			return err
		}
	}
	next := x.with(p)
	if p.Again || !next.anyAgain() || !next.whole(p.Place.Total, 0) {
		return nil
	}
	return f.stageTask(b, task{Kind: taskParts, Text: x.key, At: p.Given.At, Due: next.due(timeout)})
}

func packSegment(s gateway.Segment) ([]byte, error) {
	packed, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("packing a segment: %w", err)
	}
	return packed, nil
}

// openPart reads a part.
func (f *Flow) openPart(ctx context.Context, p *waitingPart) (s gateway.Segment, err error) {
	key, err := f.Spool.Open(p.Sealed.Spool, p.Given.ID)
	if err != nil {
		return s, fmt.Errorf("opening part %v: %w", p.Given.ID, err)
	}
	raw, err := f.readBody(ctx, key, p.Given.ID, p.Sealed.Body)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

// standardPartTimeout is for a configuration that names none.
const standardPartTimeout = time.Minute

func (s *SMSSettings) partTimeout() time.Duration {
	if s == nil || s.PartTimeout <= 0 {
		return standardPartTimeout
	}
	return s.PartTimeout
}
