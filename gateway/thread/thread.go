// Package thread keeps conversations: which messages belong together, which
// capability address answers into which thread, and which token in an
// envelope sender belongs to which envelope. It does not judge who may speak
// in a thread and delivers nothing.
//
// Invariants: addresses and Message-IDs stand in keys as keyed hashes only; a
// capability names one thread for one correspondent for ever; a thread that
// was secured once stays secured.
package thread

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// MAC is a keyed hash; purpose keeps its uses apart.
type MAC func(purpose string, parts ...[]byte) [32]byte

// Thread is the record of a conversation.
type Thread struct {
	ID      gateway.ThreadID
	Created time.Time
	Secured bool
	Staff   gateway.Address // who began it, or whom it was begun with
	// Others are more staff who take part: who wrote in it or was visibly
	// addressed inside the organization. At most maxStaff.
	Others []gateway.Address `json:",omitempty"`
}

// Capability is what a reply address is worth.
type Capability struct {
	Thread   gateway.ThreadID
	Envelope gateway.EnvelopeID
	Person   gateway.PersonRef // the correspondent it was given to
	Staff    gateway.Address   // whom an answer reaches
}

// Member ties a Message-ID to a message of a thread.
type Member struct {
	Thread  gateway.ThreadID
	Message gateway.MessageID
}

// ErrUnknown: no such capability, token or thread.
var ErrUnknown = errors.New("thread: unknown")

// Prefixes of the local parts of our reply domain.
const (
	replyPrefix  = "r."
	bouncePrefix = "b."
)

var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Book reads and stages threads. It is safe for concurrent use.
type Book struct {
	store  store.Store
	mac    MAC
	random io.Reader
}

// New makes a Book over a sealed store.
func New(s store.Store, mac MAC, random io.Reader) *Book {
	return &Book{store: s, mac: mac, random: random}
}

func (k *Book) key(t store.Table, purpose, value string) []byte {
	h := k.mac(purpose, []byte(value))
	return store.Key(t, h[:16])
}

// token makes 128 random bits as 26 characters of base32.
func (k *Book) token() (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(k.random, raw[:]); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return tokenEncoding.EncodeToString(raw[:]), nil
}

// Start stages a new secured thread that staff began, or that was begun with
// them, and in which others take part.
func (k *Book) Start(b *store.Batch, staff gateway.Address, now time.Time, others ...gateway.Address) (gateway.ThreadID, error) {
	return k.start(b, Thread{Created: now, Secured: true, Staff: staff}, others)
}

// Open stages a new thread that nothing makes a secured one yet: a telephone
// began it.
func (k *Book) Open(b *store.Batch, staff gateway.Address, now time.Time) (gateway.ThreadID, error) {
	return k.start(b, Thread{Created: now, Staff: staff}, nil)
}

func (k *Book) start(b *store.Batch, t Thread, others []gateway.Address) (gateway.ThreadID, error) {
	t.welcome(others)
	if _, err := io.ReadFull(k.random, t.ID[:]); err != nil {
		return gateway.ThreadID{}, fmt.Errorf("making a thread: %w", err)
	}
	return t.ID, b.PutRecord(store.Key(store.Threads, t.ID[:]), t)
}

// Join stages that the message with the Message-ID headerID belongs to the thread.
func (k *Book) Join(b *store.Batch, headerID string, m Member) error {
	if headerID == "" {
		return nil
	}
	return b.PutRecord(k.key(store.HeaderIDs, "header-id", headerID), m)
}

// maxReferences bounds the look-ups for one message: the newest come last.
const maxReferences = 20

// Find returns the thread that a message continues: the one of the newest of
// its References and In-Reply-To that we know. ErrUnknown when there is none.
func (k *Book) Find(ctx context.Context, r *gateway.Reading) (Thread, error) {
	ids := append(append([]string{}, r.References...), r.InReplyTo...)
	if n := len(ids); n > maxReferences {
		ids = ids[n-maxReferences:]
	}
	for i := len(ids) - 1; i >= 0; i-- {
		m, _, err := store.GetRecord[Member](ctx, k.store, k.key(store.HeaderIDs, "header-id", ids[i]))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Thread{}, err
		}
		return k.Get(ctx, m.Thread)
	}
	return Thread{}, ErrUnknown
}

// Member returns the message with the Message-ID headerID, or whose notice has
// it. ErrUnknown for any other.
func (k *Book) Member(ctx context.Context, headerID string) (Member, error) {
	m, _, err := store.GetRecord[Member](ctx, k.store, k.key(store.HeaderIDs, "header-id", headerID))
	return m, known(err)
}

// Get returns a thread.
func (k *Book) Get(ctx context.Context, id gateway.ThreadID) (Thread, error) {
	t, _, err := store.GetRecord[Thread](ctx, k.store, store.Key(store.Threads, id[:]))
	return t, known(err)
}

// Reply stages a new capability and returns the local part of its address.
func (k *Book) Reply(b *store.Batch, c Capability) (string, error) {
	token, err := k.token()
	if err != nil {
		return "", err
	}
	return replyPrefix + token, b.PutRecord(k.key(store.Capability, "capability", token), c)
}

// Bounce stages a new envelope sender for e and returns its local part.
func (k *Book) Bounce(b *store.Batch, e gateway.EnvelopeID) (string, error) {
	token, err := k.token()
	if err != nil {
		return "", err
	}
	return bouncePrefix + token, b.PutRecord(k.key(store.Bounces, "bounce", token), e)
}

// Capability looks up the local part of a reply address. ErrUnknown for
// anything that never was one.
func (k *Book) Capability(ctx context.Context, local string) (Capability, error) {
	token, ok := strings.CutPrefix(strings.ToLower(local), replyPrefix)
	if !ok || len(token) != 26 {
		return Capability{}, ErrUnknown
	}
	c, _, err := store.GetRecord[Capability](ctx, k.store, k.key(store.Capability, "capability", token))
	return c, known(err)
}

// Bounced looks up the local part of an envelope sender of ours.
func (k *Book) Bounced(ctx context.Context, local string) (gateway.EnvelopeID, error) {
	token, ok := strings.CutPrefix(strings.ToLower(local), bouncePrefix)
	if !ok || len(token) != 26 {
		return gateway.EnvelopeID{}, ErrUnknown
	}
	e, _, err := store.GetRecord[gateway.EnvelopeID](ctx, k.store, k.key(store.Bounces, "bounce", token))
	return e, known(err)
}

func known(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnknown
	}
	return err
}
