package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"gatepost/gateway"
)

// A wrap begins with this octet. What follows:
//
//	spool          nonce (12), data key under the spool key
//	staff          encapsulated key (1120), nonce (12), data key under a key
//	               exported from the group's context
//	correspondent  the same, with inner instead of the data key, and
//	               inner = nonce (12), data key under HKDF(link secret)
//
// The AAD of AES-GCM, and what a key is exported for (RFC 9180 section 5.3),
// is the purpose's label followed by the message id. Wraps to groups of
// version 1 are HPKE of one message each (RFC 9180 section 6.1), with that as
// the info; they are opened and no longer made.
const (
	wrapVersion  = 1 // of the spool; of groups until there were contexts
	groupVersion = 2
)

// Kind is the purpose of a wrap to a key group.
type Kind uint8

// The kinds.
const (
	Staff Kind = iota
	Correspondent
)

const (
	labelSpool         = "gatepost spool wrap 1"
	labelStaff         = "gatepost staff wrap 1"
	labelCorrespondent = "gatepost correspondent wrap 1"
	labelInner         = "gatepost link key 1"
	labelLinkID        = "gatepost link id 1"
)

func (k Kind) label() string {
	if k == Correspondent {
		return labelCorrespondent
	}
	return labelStaff
}

// bound is what a wrap is bound to.
func bound(label string, id gateway.MessageID) []byte { return append([]byte(label), id[:]...) }

// LinkID is what the server may keep of a link. It is one-way: the secret has
// 128 random bits. The key that the link opens with is derived apart from it.
func LinkID(s gateway.LinkSecret) gateway.LinkID {
	var id gateway.LinkID
	raw, err := hkdf.Key(sha256.New, s[:], nil, labelLinkID, len(id))
	if err != nil {
		panic("seal: HKDF of constant lengths failed") // cannot: the lengths are fixed
	}
	copy(id[:], raw)
	return id
}

// linkCipher is the cipher of the inner layer.
func linkCipher(s gateway.LinkSecret) (cipher.AEAD, error) {
	raw, err := hkdf.Key(sha256.New, s[:], nil, labelInner, keySize)
	if err != nil {
		return nil, fmt.Errorf("deriving a link's key: %w", err)
	}
	defer clear(raw)
	return (*secret)(raw).aead()
}

// sealSmall seals a key with a random nonce in front. The keys of such wraps
// seal few times, so that random nonces of 96 bits do not meet.
func sealSmall(random io.Reader, aead cipher.AEAD, text, aad []byte) ([]byte, error) {
	nonce := make([]byte, nonceSize, nonceSize+keySize+tagSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("making a nonce: %w", err)
	}
	return aead.Seal(nonce, nonce, text, aad), nil
}

// openSmall opens what sealSmall wrote.
func openSmall(aead cipher.AEAD, sealed, aad []byte) (*secret, error) {
	if len(sealed) != nonceSize+keySize+tagSize {
		return nil, ErrOpen
	}
	text, err := aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], aad)
	if err != nil {
		return nil, ErrOpen
	}
	return toSecret(text)
}

// toSecret copies a key and wipes where it came from.
func toSecret(text []byte) (*secret, error) {
	defer clear(text)
	if len(text) != keySize {
		return nil, ErrOpen
	}
	return (*secret)(append([]byte(nil), text...)), nil
}

// Sealer makes data keys, seals bodies and wraps data keys. It opens nothing.
type Sealer struct {
	k        *Keyring
	segments segmentPool
}

// NewKey makes the data key of one body.
func (s *Sealer) NewKey() (Key, error) {
	if err := s.k.writable(); err != nil {
		return Key{}, err
	}
	made, err := newSecret(s.k.o.Rand)
	if err != nil {
		return Key{}, err
	}
	defer clear(made[:])
	return newKey(made, false)
}

// WrapSpool wraps d for couriers under the current spool key.
func (s *Sealer) WrapSpool(d Key, id gateway.MessageID) (gateway.Wrap, error) {
	if err := s.k.writable(); err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", err)
	}
	if !d.alive() {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", ErrUnknownKey)
	}
	s.k.mu.RLock()
	defer s.k.mu.RUnlock()
	if s.k.closed {
		return gateway.Wrap{}, ErrClosed
	}
	e := s.k.spool.current
	if s.k.o.Now().Sub(e.created) >= s.k.o.SpoolAge {
		s.k.ageSpool(e.n)
	}
	sealed, err := sealSmall(s.k.o.Rand, e.aead, d.k.secret[:], bound(labelSpool, id))
	if err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping for the spool: %w", err)
	}
	return gateway.Wrap{Group: epochID(kindSpool, e.n), Sealed: append([]byte{wrapVersion}, sealed...)}, nil
}

// ageSpool replaces epoch n in the background when it still is the newest.
func (k *Keyring) ageSpool(n uint32) {
	k.work.start("spool", func() {
		k.rotating.Lock()
		defer k.rotating.Unlock()
		k.mu.RLock()
		stale := !k.closed && k.spool.current.n == n
		k.mu.RUnlock()
		if !stale {
			return
		}
		if _, err := k.rotateHeld(&k.spool); err != nil {
			k.o.Logger.Error("rotating the spool key failed", "error", err)
		}
	})
}

// WrapStaff wraps d for staff until the day of retain.
func (s *Sealer) WrapStaff(d Key, id gateway.MessageID, retain time.Time) (gateway.Wrap, error) {
	if !d.alive() {
		return gateway.Wrap{}, fmt.Errorf("wrapping for staff: %w", ErrUnknownKey)
	}
	return s.k.toGroup(Staff, d.k.secret[:], id, retain)
}

// WrapCorrespondent wraps d for the holder of link until the day of retain.
func (s *Sealer) WrapCorrespondent(d Key, id gateway.MessageID, link gateway.LinkSecret, retain time.Time) (gateway.Wrap, error) {
	if !d.alive() {
		return gateway.Wrap{}, fmt.Errorf("wrapping for a correspondent: %w", ErrUnknownKey)
	}
	aead, err := linkCipher(link)
	if err != nil {
		return gateway.Wrap{}, err
	}
	inner, err := sealSmall(s.k.o.Rand, aead, d.k.secret[:], bound(labelCorrespondent, id))
	if err != nil {
		return gateway.Wrap{}, err
	}
	return s.k.toGroup(Correspondent, inner, id, retain)
}

// toGroup seals the outer layer to a key group of the retention day.
func (k *Keyring) toGroup(kind Kind, text []byte, id gateway.MessageID, retain time.Time) (gateway.Wrap, error) {
	g, err := k.take(retain)
	if err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping to a key group: %w", err)
	}
	sealed, err := g.wrap(k.o.Rand, bound(kind.label(), id), text, k.o.Now())
	if err != nil {
		return gateway.Wrap{}, fmt.Errorf("wrapping to a key group: %w", err)
	}
	return gateway.Wrap{Group: g.id, Sealed: sealed}, nil
}

// fromGroup opens the outer layer.
func (k *Keyring) fromGroup(kind Kind, w gateway.Wrap, id gateway.MessageID) ([]byte, error) {
	k.mu.RLock()
	closed := k.closed
	k.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if len(w.Sealed) == 0 {
		return nil, ErrOpen
	}
	private, err := k.openPrivate(w.Group)
	if err != nil {
		return nil, err
	}
	key := keyOfWrap(kind, w, id)
	if text := k.groups.opened.get(key, k.o.Now()); text != nil {
		return text, nil
	}
	text, err := k.groups.unwrap(private, w, bound(kind.label(), id))
	if err != nil {
		return nil, ErrOpen
	}
	if kind == Staff {
		k.groups.opened.put(key, text, k.o.Now())
	}
	return text, nil
}

// SpoolOpener opens what couriers may read, and nothing else.
type SpoolOpener struct{ k *Keyring }

// Open returns the data key of a spool wrap.
func (s *SpoolOpener) Open(w gateway.Wrap, id gateway.MessageID) (Key, error) {
	kind, n, ok := parseEpochID(w.Group)
	if !ok || kind != kindSpool || len(w.Sealed) == 0 || w.Sealed[0] != wrapVersion {
		return Key{}, fmt.Errorf("opening a spool wrap: %w", ErrOpen)
	}
	d, err := s.k.fromSpool(n, w.Sealed[1:], id)
	if s.k.lock == nil && errors.Is(err, ErrUnknownKey) { // the writer may have rotated
		if err := s.k.loadEpochs(); err != nil {
			return Key{}, err
		}
		d, err = s.k.fromSpool(n, w.Sealed[1:], id)
	}
	if err != nil {
		return Key{}, fmt.Errorf("opening a spool wrap: %w", err)
	}
	defer clear(d[:])
	return newKey(d, true)
}

func (k *Keyring) fromSpool(n uint32, sealed []byte, id gateway.MessageID) (*secret, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return nil, ErrClosed
	}
	e, err := k.spool.find(n)
	if err != nil {
		return nil, err
	}
	return openSmall(e.aead, sealed, bound(labelSpool, id))
}

// Opener opens for readers: staff, and correspondents with their link.
type Opener struct{ k *Keyring }

// Staff opens a body of size sealed octets through a staff wrap.
func (o *Opener) Staff(w gateway.Wrap, id gateway.MessageID, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	d, err := o.staffKey(w, id)
	if err != nil {
		return nil, err
	}
	defer d.Destroy()
	return d.Content(sealed, size, id)
}

// Correspondent opens a body of size sealed octets through a correspondent's
// wrap and the secret of its link.
func (o *Opener) Correspondent(w gateway.Wrap, id gateway.MessageID, link gateway.LinkSecret, sealed io.ReaderAt, size int64) (gateway.Content, error) {
	inner, err := o.k.fromGroup(Correspondent, w, id)
	if err != nil {
		return nil, fmt.Errorf("opening a correspondent's wrap: %w", err)
	}
	aead, err := linkCipher(link)
	if err != nil {
		return nil, err
	}
	raw, err := openSmall(aead, inner, bound(labelCorrespondent, id))
	if err != nil {
		return nil, fmt.Errorf("opening a correspondent's wrap: %w", err)
	}
	defer clear(raw[:])
	d, err := newKey(raw, true)
	if err != nil {
		return nil, err
	}
	defer d.Destroy()
	return d.Content(sealed, size, id)
}

func (o *Opener) staffKey(w gateway.Wrap, id gateway.MessageID) (Key, error) {
	text, err := o.k.fromGroup(Staff, w, id)
	if err != nil {
		return Key{}, fmt.Errorf("opening a staff wrap: %w", err)
	}
	raw, err := toSecret(text)
	if err != nil {
		return Key{}, fmt.Errorf("opening a staff wrap: %w", err)
	}
	defer clear(raw[:])
	return newKey(raw, true)
}

// Relink makes a correspondent's wrap for a new link through the staff wrap: a
// reminder. Without a staff wrap there is no way to make one.
func (o *Opener) Relink(staff gateway.Wrap, id gateway.MessageID, link gateway.LinkSecret, retain time.Time) (gateway.Wrap, error) {
	d, err := o.staffKey(staff, id)
	if err != nil {
		return gateway.Wrap{}, err
	}
	defer d.Destroy()
	return o.k.sealer.WrapCorrespondent(d, id, link, retain)
}

// Rewrap moves a wrap to another key group of the same retention day, so that
// its own group can be destroyed. It retires that group. It needs no link
// secret: the inner layer moves as it is.
func (o *Opener) Rewrap(w gateway.Wrap, id gateway.MessageID, kind Kind) (gateway.Wrap, error) {
	text, err := o.k.fromGroup(kind, w, id)
	if err != nil {
		return gateway.Wrap{}, fmt.Errorf("moving a wrap: %w", err)
	}
	defer clear(text)
	if err := o.k.Retire(w.Group); err != nil {
		return gateway.Wrap{}, fmt.Errorf("moving a wrap: %w", err)
	}
	return o.k.toGroup(kind, text, id, dayOf(w.Group))
}

// Format implements fmt.Formatter.
func (s *Sealer) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (s *Sealer) LogValue() slog.Value { return redacted() }

// Format implements fmt.Formatter.
func (s *SpoolOpener) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (s *SpoolOpener) LogValue() slog.Value { return redacted() }

// Format implements fmt.Formatter.
func (o *Opener) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (o *Opener) LogValue() slog.Value { return redacted() }
