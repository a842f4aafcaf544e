package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
	"gatepost/store/blob"
)

// smallMessage (octets) is kept in memory while it arrives; a larger one is read back
// from its sealed file under the memory budget.
const smallMessage = 256 << 10

// taken is a message that arrived whole: sealed, durable or in body, and not
// yet referenced by anything.
type taken struct {
	id   gateway.MessageID
	key  seal.Key
	size int64
	ref  string
	body store.Batch        // what the accepting commit must hold for the body to exist
	raw  []byte             // the canonical octets
	sum  *[sha256.Size]byte // of raw; nil: nobody asked
	held int64              // of the memory budget
}

// octets is the SHA-256 of the mail.
func (t *taken) octets() [sha256.Size]byte {
	if t.sum == nil {
		sum := sha256.Sum256(t.raw)
		t.sum = &sum
	}
	return *t.sum
}

// take reads a body to its end, seals it on the way and returns it with its
// octets in memory, within the budget. The body's own error (a Fault of the
// listener) is returned as it is. release must be called.
func (f *Flow) take(ctx context.Context, body io.Reader) (*taken, error) {
	id, err := gateway.NewMessageID(f.Now(), f.Random)
	if err != nil {
		return nil, err
	}
	key, err := f.Sealer.NewKey()
	if err != nil {
		return nil, err
	}
	t := &taken{id: id, key: key}
	w, err := f.Blobs.Create()
	if err != nil {
		return nil, storage(err)
	}
	head, err := t.pour(f, w, body)
	if err != nil {
		w.Abort()
		return nil, err
	}
	if t.ref, err = w.Commit(ctx, &t.body); err != nil {
		return nil, storage(fmt.Errorf("keeping the body: %w", err))
	}
	if int64(len(head)) == t.size {
		t.raw = head
		return t, nil
	}
	if err := t.load(ctx, f); err != nil {
		f.discard(t, nil)
		return nil, err
	}
	return t, nil
}

// takeOctets is take for a body that is in memory already, of at most
// smallMessage octets or a little more.
func (f *Flow) takeOctets(ctx context.Context, raw []byte) (*taken, error) {
	id, err := gateway.NewMessageID(f.Now(), f.Random)
	if err != nil {
		return nil, err
	}
	key, err := f.Sealer.NewKey()
	if err != nil {
		return nil, err
	}
	t := &taken{id: id, key: key, size: int64(len(raw)), raw: raw}
	w, err := f.Blobs.Create()
	if err != nil {
		return nil, storage(err)
	}
	sealed := f.Sealer.Encrypt(w, key, id)
	_, err = sealed.Write(raw)
	if err = errors.Join(err, sealed.Close()); err != nil {
		w.Abort()
		return nil, err
	}
	if t.ref, err = w.Commit(ctx, &t.body); err != nil {
		return nil, storage(fmt.Errorf("keeping the body: %w", err))
	}
	return t, nil
}

// pour reads the body, seals it into w, and returns it if it is smaller than
// smallMessage. So much is gathered first: it goes through the seal in one
// piece. What follows is sealed as it comes.
func (t *taken) pour(f *Flow, w io.Writer, body io.Reader) (whole []byte, err error) {
	small := f.copying.get()
	defer f.copying.put(small, copyBuffer)
	octets, err := fill((*small)[:0], body)
	if err == nil {
		large := f.gathering.get()
		defer func() { f.gathering.put(large, len(octets)) }()
		octets, err = fill(append((*large)[:0], octets...), body)
	}
	t.size = int64(len(octets))
	if err != nil && err != io.EOF {
		return nil, err
	}
	sealed := f.Sealer.Encrypt(w, t.key, t.id)
	_, werr := sealed.Write(octets)
	if err == nil && werr == nil {
		var more int64
		more, werr = io.CopyBuffer(sealed, body, *small)
		t.size += more
	} else {
		whole = bytes.Clone(octets)
	}
	if cerr := sealed.Close(); werr == nil {
		werr = cerr
	}
	return whole, werr
}

// fill reads up to the capacity of p. The error is that of r, io.EOF at its
// end; nil: there may be more.
func fill(p []byte, r io.Reader) ([]byte, error) {
	for len(p) < cap(p) {
		n, err := r.Read(p[len(p):cap(p)])
		if p = p[:len(p)+n]; err != nil {
			return p, err
		}
	}
	return p, nil
}

// Sizes in octets of what bodies pass through on their way to the seal: most
// are short, and one that has only begun holds little.
const (
	copyBuffer   = 32 << 10
	gatherBuffer = smallMessage
)

// buffers keeps memory of one size for the next body, wiped.
type buffers struct {
	size int
	pool sync.Pool
}

func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, p.size)
	return &b
}

// put takes back a buffer of which used octets were written to.
func (p *buffers) put(b *[]byte, used int) {
	clear((*b)[:used])
	p.pool.Put(b)
}

// load reads a large body back. Twice its size is budgeted: reading it makes
// texts of its parts.
func (t *taken) load(ctx context.Context, f *Flow) error {
	want := min(2*t.size, f.MemoryBytes)
	if err := f.memory.Acquire(ctx, want); err != nil {
		return gateway.FaultInternal.Because(err)
	}
	t.held = want
	raw, err := f.readBody(ctx, t.key, t.id, gateway.Body{Blob: t.ref, Size: t.size})
	t.raw = raw
	if err != nil {
		t.release(f)
	}
	return err
}

func (t *taken) release(f *Flow) {
	if t.held > 0 {
		f.memory.Release(t.held)
		t.held, t.raw = 0, nil
	}
}

func (t *taken) record() gateway.Body { return gateway.Body{Blob: t.ref, Size: t.size} }

// discard removes the body of a mail that was not accepted because of err.
// When nobody knows whether it was, the body stays: the collector removes it
// if nothing refers to it.
func (f *Flow) discard(t *taken, err error) {
	if errors.Is(err, store.ErrUnknown) {
		return
	}
	var b store.Batch
	f.Blobs.Delete(&b, t.ref)
	b.Done() // without a commit: no record of it was ever written
}

// readBody opens a body whole.
func (f *Flow) readBody(ctx context.Context, k seal.Key, id gateway.MessageID, body gateway.Body) ([]byte, error) {
	c, done, err := f.openBody(ctx, k, id, body)
	if err != nil {
		return nil, err
	}
	defer done()
	raw := make([]byte, body.Size)
	if _, err := c.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the body of %v: %w", id, err)
	}
	return raw, nil
}

// openBody opens a body for reading in pieces; done closes it.
func (f *Flow) openBody(ctx context.Context, k seal.Key, id gateway.MessageID, body gateway.Body) (gateway.Content, func(), error) {
	r, err := f.Blobs.Open(ctx, body.Blob)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the body of %v: %w", id, err)
	}
	c, err := k.Content(r, r.Size(), id)
	if err == nil && c.Size() != body.Size {
		err = fmt.Errorf("the body of %v has another size than its record", id)
	}
	if err != nil {
		_ = r.Close()
		return nil, nil, err
	}
	return c, func() { _ = r.Close() }, nil
}

// storage turns an error of the store into what the peer hears: 452 when it
// is about room or a stalled device, 451 otherwise.
func storage(err error) error {
	var f *gateway.Fault
	if errors.As(err, &f) {
		return err
	}
	if errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrFailed) {
		return gateway.FaultStorage.Because(err)
	}
	return err
}

var _ io.Writer = (*blob.Writer)(nil)
