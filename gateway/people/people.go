// Package people knows who is who: correspondents outside, with the address
// of their second channel and their language, and staff inside, with their
// password and role. It is not an address book: a correspondent exists from
// the first message to them, a contact import only adds to what is known.
//
// Invariants: an address stands in sealed values only, never in a key; a
// person has one PersonRef for life, and erasing the record unties it.
package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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

// Person is a correspondent (or a member of staff, as a party of a message).
type Person struct {
	Ref      gateway.PersonRef
	Address  gateway.Address
	Created  time.Time
	Updated  time.Time         `json:",omitzero"`
	Second   gateway.Address   `json:",omitzero"`  // another mailbox, for codes
	Phone    gateway.Sensitive `json:",omitempty"` // E.164
	Language string            `json:",omitempty"` // BCP 47
	Name     gateway.Sensitive `json:",omitempty"`
	PIN      *Password         `json:",omitempty"` // attribute of the contact, from an import
	Chosen   *Password         `json:",omitempty"` // standing PIN that the person chose; goes before PIN
	// ChosenBy is the proof after which Chosen was chosen.
	ChosenBy gateway.Assurance `json:",omitempty"`
	ChosenAt time.Time         `json:",omitzero"`
	// Shared says of a telephone that several contacts have it.
	Shared   bool     `json:",omitempty"`
	Patient  bool     `json:",omitempty"`
	Consents []string `json:",omitempty"`
}

// Known reports whether somebody told us about the person, beyond an address.
func (p Person) Known() bool { return !p.Updated.IsZero() }

// HasConsent reports whether the person agreed to messages of the kind name.
func (p Person) HasConsent(name string) bool { return slices.Contains(p.Consents, name) }

// ErrUnknown: nobody has that address or name.
var ErrUnknown = errors.New("people: unknown")

// Directory finds and makes persons and users. It is safe for concurrent use.
type Directory struct {
	Cost Cost // of new hashes; New sets DefaultCost

	store    store.Store
	mac      MAC
	evidence Evidence
	now      func() time.Time
	random   io.Reader
	turns    *turns
	again    *again

	mu       sync.Mutex
	cache    map[string]gateway.PersonRef // by Address.Key; only refs, which change by an erasure alone
	decoded  map[string]decoded           // by Address.Key
	erasures int
}

// decoded is what the record of a person says, as long as it has the version.
type decoded struct {
	person  Person
	version store.Version
}

// cacheSize bounds the memory of the cache: some 100 octets an entry.
const cacheSize = 20000

// decodedSize bounds how many records are kept as they were decoded, some 400
// octets each. Those with secrets are not.
const decodedSize = 2000

// New makes a Directory over a sealed store.
func New(s store.Store, mac MAC, ev Evidence, now func() time.Time, random io.Reader) *Directory {
	return &Directory{
		Cost: DefaultCost, store: s, mac: mac, evidence: ev, now: now, random: random,
		turns: newTurns(), again: newAgain(), cache: make(map[string]gateway.PersonRef), decoded: make(map[string]decoded),
	}
}

func (d *Directory) key(a gateway.Address) []byte {
	h := d.mac("person", []byte(a.Key()))
	return store.Key(store.People, h[:16])
}

// Ensure returns the refs of the addresses, in their order, making the
// persons that do not exist yet in a commit of their own: a ref is durable
// before any evidence speaks of it. The null sender has the zero ref.
func (d *Directory) Ensure(ctx context.Context, addresses ...gateway.Address) ([]gateway.PersonRef, error) {
	refs := make([]gateway.PersonRef, len(addresses))
	for i, a := range addresses {
		ref, err := d.ensure(ctx, a)
		if err != nil {
			return nil, err
		}
		refs[i] = ref
	}
	return refs, nil
}

func (d *Directory) ensure(ctx context.Context, a gateway.Address) (gateway.PersonRef, error) {
	if a.IsNull() {
		return gateway.PersonRef{}, nil
	}
	if ref, ok := d.cached(a); ok {
		return ref, nil
	}
	for {
		before := d.erased()
		p, _, err := d.get(ctx, a)
		if errors.Is(err, ErrUnknown) {
			p, err = d.create(ctx, a)
		}
		if errors.Is(err, store.ErrConflict) {
			continue // made by another session meanwhile: read it
		}
		if err != nil {
			return gateway.PersonRef{}, err
		}
		d.remember(a, p.Ref, before)
		return p.Ref, nil
	}
}

// EnsureIn is Ensure for one address, with a person that does not exist yet
// made in b, which fails with store.ErrConflict when somebody else makes it
// meanwhile: made says so, and that nothing is known of the address. Only
// evidence of the same batch may speak of the ref before b is durable.
func (d *Directory) EnsureIn(ctx context.Context, b *store.Batch, a gateway.Address) (ref gateway.PersonRef, made bool, err error) {
	if ref, ok := d.cached(a); ok || a.IsNull() {
		return ref, false, nil
	}
	before := d.erased()
	p, _, err := d.get(ctx, a)
	if errors.Is(err, ErrUnknown) {
		if p, err = d.stage(b, a); err == nil {
			b.After(func() { d.remember(a, p.Ref, before) })
		}
		return p.Ref, true, err
	}
	if err == nil {
		d.remember(a, p.Ref, before)
	}
	return p.Ref, false, err
}

func (d *Directory) create(ctx context.Context, a gateway.Address) (Person, error) {
	var b store.Batch
	p, err := d.stage(&b, a)
	if err != nil {
		return p, err
	}
	return p, d.store.Commit(ctx, &b)
}

// stage makes a person in b.
func (d *Directory) stage(b *store.Batch, a gateway.Address) (Person, error) {
	p := Person{Address: a, Created: d.now()}
	if _, err := io.ReadFull(d.random, p.Ref[:]); err != nil {
		return Person{}, fmt.Errorf("making a person: %w", err)
	}
	key := d.key(a)
	b.RequireAbsent(key)
	b.Put(store.Key(store.PersonRefs, p.Ref[:]), key)
	return p, b.PutRecord(key, p)
}

func (d *Directory) cached(a gateway.Address) (gateway.PersonRef, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ref, ok := d.cache[a.Key()]
	return ref, ok
}

// remember keeps a ref that was read when so many erasures had been.
func (d *Directory) remember(a gateway.Address, ref gateway.PersonRef, erasures int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if erasures != d.erasures {
		return // it may be the one that went
	}
	if len(d.cache) >= cacheSize {
		clear(d.cache)
	}
	d.cache[a.Key()] = ref
}

// get reads a record, which another process may have changed. That it is the one
// that was decoded before, its version tells.
func (d *Directory) get(ctx context.Context, a gateway.Address) (Person, store.Version, error) {
	before := d.erased()
	item, err := d.store.Get(ctx, d.key(a))
	if errors.Is(err, store.ErrNotFound) {
		return Person{}, 0, ErrUnknown
	}
	if err != nil {
		return Person{}, 0, err
	}
	if p, ok := d.decodedAs(a, item.Version); ok {
		return p, item.Version, nil
	}
	var p Person
	if err = store.Decode(item.Value, &p); err == nil {
		d.keepDecoded(a, decoded{p, item.Version}, before)
	}
	return p, item.Version, err
}

func (d *Directory) decodedAs(a gateway.Address, v store.Version) (Person, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, ok := d.decoded[a.Key()]
	return k.person, ok && k.version == v
}

// keepDecoded keeps a record that was read when so many erasures had been.
func (d *Directory) keepDecoded(a gateway.Address, k decoded, erasures int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.decoded, a.Key())
	p := &k.person
	if erasures != d.erasures || p.PIN != nil || p.Chosen != nil || len(p.Consents) > 0 {
		return // it may be the one that went; or it has secrets, or what a caller could change
	}
	if len(d.decoded) >= decodedSize {
		clear(d.decoded)
	}
	d.decoded[a.Key()] = k
}

// Find returns what is known of an address, or ErrUnknown.
func (d *Directory) Find(ctx context.Context, a gateway.Address) (Person, error) {
	p, _, err := d.get(ctx, a)
	return p, err
}

// Get is Find with the version of the record.
func (d *Directory) Get(ctx context.Context, a gateway.Address) (Person, store.Version, error) {
	return d.get(ctx, a)
}

// Resolve returns the person behind a ref, or ErrUnknown once erased.
func (d *Directory) Resolve(ctx context.Context, ref gateway.PersonRef) (Person, error) {
	item, err := d.store.Get(ctx, store.Key(store.PersonRefs, ref[:]))
	if errors.Is(err, store.ErrNotFound) {
		return Person{}, ErrUnknown
	}
	if err != nil {
		return Person{}, err
	}
	p, _, err := store.GetRecord[Person](ctx, d.store, item.Value)
	if errors.Is(err, store.ErrNotFound) {
		return Person{}, ErrUnknown
	}
	return p, err
}

// Update changes what is known of an address, with evidence naming actor.
func (d *Directory) Update(ctx context.Context, a gateway.Address, actor string, change func(*Person)) error {
	return d.Amend(ctx, a, func(b *store.Batch, p *Person) error {
		change(p)
		p.Updated = d.now()
		return d.evidence.Stage(b, gateway.Record{
			At: d.now(), Event: gateway.EventContactChanged, Actor: actor, Persons: []gateway.PersonRef{p.Ref},
		})
	})
}

// Amend changes the record of an address together with what change adds to the
// batch: the evidence of the change at least. change may run more than once,
// each time with another batch and the newest record; its error ends it all
// and is returned as it is.
func (d *Directory) Amend(ctx context.Context, a gateway.Address, change func(*store.Batch, *Person) error) error {
	for {
		if _, err := d.ensure(ctx, a); err != nil {
			return err
		}
		p, v, err := d.get(ctx, a)
		if errors.Is(err, ErrUnknown) {
			d.forget(a) // erased since it was remembered, perhaps by another process
			continue
		}
		if err != nil {
			return err
		}
		var b store.Batch
		if err := change(&b, &p); err != nil {
			return err
		}
		b.RequireVersion(d.key(a), v)
		if err := b.PutRecord(d.key(a), p); err != nil {
			return err
		}
		if err := store.Write(ctx, d.store, &b); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
