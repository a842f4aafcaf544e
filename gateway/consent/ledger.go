// Package consent knows the words by which people stop and resume short
// messages, and keeps who said them to which line.
//
// It sends nothing and reads no message store: who calls it answers, purges
// what is queued and refuses what is submitted.
//
// Invariants: an opt-out outlives the erasure of the person and the restore of
// an older backup; the number stands nowhere here, keys are keyed hashes; a
// message whose commit carries Guard never slips past a STOP that was committed
// first.
package consent

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// MAC is a keyed hash; purpose keeps its uses apart.
type MAC func(purpose string, parts ...[]byte) [32]byte

// Evidence stages a record in the batch of the act.
type Evidence interface {
	Stage(b *store.Batch, r gateway.Record) error
}

// Journal keeps a change beside the keyring, where no restore rolls it back.
// nil means durable. id is a keyed hash.
type Journal func(id string, data []byte) error

// State is what a telephone says about messages from a line. The zero value
// allows nothing: nobody looked.
type State uint8

// The states.
const (
	Unknown State = iota
	Implied       // never said anything
	Resumed       // stopped, and gave consent again
	Stopped
)

// Allows reports whether messages may be sent.
func (s State) Allows() bool { return s == Implied || s == Resumed }

func (s State) String() string {
	switch s {
	case Implied:
		return "implied"
	case Resumed:
		return "resumed"
	case Stopped:
		return "stopped"
	}
	return "unknown"
}

// ErrNotPhone is returned for an address that is no telephone.
var ErrNotPhone = errors.New("consent: the address is no telephone")

// Ledger keeps what telephones said. It is safe for concurrent use.
type Ledger struct {
	store    store.Store
	mac      MAC
	evidence Evidence
	journal  Journal
	now      func() time.Time
}

// New makes a Ledger over a sealed store.
func New(s store.Store, mac MAC, ev Evidence, j Journal, now func() time.Time) *Ledger {
	return &Ledger{store: s, mac: mac, evidence: ev, journal: j, now: now}
}

// record is all that one telephone said.
type record struct {
	Person gateway.PersonRef `json:",omitzero"` // unset once erased
	Lines  []said
}

// said is the last word to one line.
type said struct {
	ID       []byte       // keyed hash of the line
	Line     gateway.Line `json:",omitzero"` // not known after a restore from the journal
	Out      bool         `json:",omitempty"`
	Word     string
	Language string `json:",omitempty"`
	At       time.Time
	Message  gateway.MessageID `json:",omitzero"` // that the word came in
}

func (l *Ledger) phone(a gateway.Address) []byte {
	h := l.mac("consent phone", []byte(a.Key()))
	return h[:16]
}

// line hashes a line in all its spellings. The zero line has a hash too: an
// opt-out of it is one of every line.
func (l *Ledger) line(n gateway.Line) []byte {
	h := l.mac("consent line", []byte(n.Key()))
	return h[:16]
}

func key(phone []byte) []byte { return store.Key(store.Consents, phone) }

// get reads a telephone's record; one that is not there is empty, of version 0.
func (l *Ledger) get(ctx context.Context, phone []byte) (record, store.Version, error) {
	r, v, err := store.GetRecord[record](ctx, l.store, key(phone))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, 0, nil
	}
	return r, v, err
}

// Check tells whether messages from a line may go to a telephone. A STOP stops
// the line that it was sent to. It also stops the senders that nobody can
// answer, names and the zero line, because whoever wants to be rid of those
// has to write to a number. An error leaves the State Unknown, which allows
// nothing.
func (l *Ledger) Check(ctx context.Context, from gateway.Line, phone gateway.Address) (State, error) {
	s, _, err := l.look(ctx, from, phone)
	return s, err
}

// Guard is Check for a message that the caller commits with b: the commit
// fails with store.ErrConflict when the telephone says something meanwhile.
func (l *Ledger) Guard(ctx context.Context, b *store.Batch, from gateway.Line, phone gateway.Address) (State, error) {
	s, v, err := l.look(ctx, from, phone)
	if err == nil {
		b.RequireVersion(key(l.phone(phone)), v)
	}
	return s, err
}

func (l *Ledger) look(ctx context.Context, from gateway.Line, phone gateway.Address) (State, store.Version, error) {
	if !phone.IsPhone() {
		return Unknown, 0, ErrNotPhone
	}
	r, v, err := l.get(ctx, l.phone(phone))
	if err != nil {
		return Unknown, 0, err
	}
	return l.state(&r, from), v, nil
}

func (l *Ledger) state(r *record, from gateway.Line) State {
	if len(r.Lines) == 0 {
		return Implied
	}
	_, err := from.Number()
	nameless := from.IsZero() || err != nil
	mine, every := l.line(from), l.line(gateway.Line{})
	state := Implied
	for _, s := range r.Lines {
		same := bytes.Equal(s.ID, mine)
		switch {
		case s.Out && (same || nameless || bytes.Equal(s.ID, every)):
			return Stopped
		case same:
			state = Resumed
		}
	}
	return state
}

// Act is a word that a telephone sent, or an operator's in its place.
type Act struct {
	Line    gateway.Line      // that it was sent to; zero: every line
	Phone   gateway.Address   // who sent it
	Person  gateway.PersonRef // the telephone's
	Word    Word
	Actor   string            // of the evidence: "correspondent", or an operator's
	Message gateway.MessageID // that the word came in, if any
}

// Change is what an act came to.
type Change struct {
	Changed bool // stopped, or resumed, by this act
	// Answer is the text that is due: Stop, Start or Help; None: no text. A STOP
	// that was said before is not confirmed again.
	Answer Meaning
	// Ordinary says that the message means nothing here and goes to people.
	Ordinary bool
}

// Foresee is what Stage would answer now. Nothing is staged.
func (l *Ledger) Foresee(ctx context.Context, a Act) (Change, error) {
	if !a.Phone.IsPhone() {
		return Change{}, ErrNotPhone
	}
	r, _, err := l.get(ctx, l.phone(a.Phone))
	if err != nil {
		return Change{}, err
	}
	change, _ := l.change(&r, a)
	return change, nil
}

// change is what an act comes to, and the lines for which it changes something.
func (l *Ledger) change(r *record, a Act) (Change, [][]byte) {
	switch a.Word.Means {
	case None:
		return Change{Ordinary: true}, nil
	case Help:
		return Change{Answer: Help}, nil
	case Stop:
		return l.stop(r, a)
	}
	return l.start(r, a)
}

// Stage stages an act with its evidence, and has put the journal's entry of a
// STOP on disk before it returns; that of a START follows the commit. On store.ErrConflict of the commit the caller stages
// again into another batch: somebody was faster.
func (l *Ledger) Stage(ctx context.Context, b *store.Batch, a Act) (Change, error) {
	if !a.Phone.IsPhone() {
		return Change{}, ErrNotPhone
	}
	if a.Word.Means == None || a.Word.Means == Help {
		change, _ := l.change(nil, a)
		return change, nil
	}
	phone := l.phone(a.Phone)
	r, v, err := l.get(ctx, phone)
	if err != nil {
		return Change{}, err
	}
	// Also where nothing changes: the answer is true only while that stands.
	b.RequireVersion(key(phone), v)
	change, lines := l.change(&r, a)
	if !change.Changed {
		return change, nil
	}
	return change, l.stage(b, phone, &r, a, lines...)
}

func (l *Ledger) stop(r *record, a Act) (Change, [][]byte) {
	id := l.line(a.Line)
	if i := r.find(id); i >= 0 && r.Lines[i].Out {
		return Change{}, nil
	}
	return Change{Changed: true, Answer: Stop}, [][]byte{id}
}

// start resumes the line and lifts an opt-out of every line.
func (l *Ledger) start(r *record, a Act) (Change, [][]byte) {
	var out [][]byte
	for _, id := range [][]byte{l.line(a.Line), l.line(gateway.Line{})} {
		if i := r.find(id); i >= 0 && r.Lines[i].Out && !slices.ContainsFunc(out, func(o []byte) bool { return bytes.Equal(o, id) }) {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return Change{Ordinary: true}, nil
	}
	return Change{Changed: true, Answer: Start}, out
}

// stage sets what was said to the lines ids.
func (l *Ledger) stage(b *store.Batch, phone []byte, r *record, a Act, ids ...[]byte) error {
	r.Person = a.Person
	state := "resumed"
	if a.Word.Means == Stop {
		state = "stopped"
	}
	for _, id := range ids {
		s := said{ID: id, Out: a.Word.Means == Stop, Word: a.Word.Text, Language: a.Word.Language, At: l.now(), Message: a.Message}
		if bytes.Equal(id, l.line(a.Line)) {
			s.Line = a.Line
		}
		r.set(s)
		if !s.Out { // a START that is lost with the journal leaves a STOP, never the reverse
			b.After(func() { _ = l.note(phone, a.Person, s) })
		} else if err := l.note(phone, a.Person, s); err != nil {
			return err
		}
	}
	if err := b.PutRecord(key(phone), r); err != nil {
		return err
	}
	return l.evidence.Stage(b, gateway.Record{
		At: l.now(), Event: gateway.EventConsentChanged, Actor: a.Actor, Message: a.Message, Persons: []gateway.PersonRef{a.Person},
		Detail: map[string]string{"state": state, "word": a.Word.Text},
	})
}

func (r *record) find(id []byte) int {
	return slices.IndexFunc(r.Lines, func(s said) bool { return bytes.Equal(s.ID, id) })
}

func (r *record) set(s said) {
	if i := r.find(s.ID); i >= 0 {
		r.Lines[i] = s
		return
	}
	r.Lines = append(r.Lines, s)
}

// StageForget unties what a telephone said from the person behind it. Opt-outs
// stay under the keyed hash of the number, so that they are still kept to.
func (l *Ledger) StageForget(ctx context.Context, b *store.Batch, phone gateway.Address) error {
	if !phone.IsPhone() {
		return nil
	}
	id := l.phone(phone)
	if err := l.stageForgetSent(ctx, b, id); err != nil {
		return err
	}
	r, v, err := l.get(ctx, id)
	if err != nil || v == 0 {
		return err
	}
	b.RequireVersion(key(id), v)
	r.Person = gateway.PersonRef{}
	r.Lines = slices.DeleteFunc(r.Lines, func(s said) bool { return !s.Out })
	if len(r.Lines) == 0 {
		b.Delete(key(id))
		return nil
	}
	for i := range r.Lines {
		r.Lines[i].Message, r.Lines[i].Language = gateway.MessageID{}, ""
	}
	return b.PutRecord(key(id), r)
}
