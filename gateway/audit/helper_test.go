package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// key is a note key as the keyring has one.
type key struct {
	note.Signer
	verifier note.Verifier
}

func (k key) Verifier() note.Verifier { return k.verifier }

func newKey(t testing.TB) key {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "gatepost")
	check(t, err)
	signer, err := note.NewSigner(private)
	check(t, err)
	verifier, err := note.NewVerifier(public)
	check(t, err)
	return key{signer, verifier}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench is a log in memory, with its clock and key.
type bench struct {
	*Log
	mem   *storetest.Memory
	clock *clock
	key   key
}

func newLog(t testing.TB) *bench {
	t.Helper()
	b := &bench{mem: storetest.NewMemory(), clock: newClock(), key: newKey(t)}
	b.Log = openLog(t, b.mem, b.key, b.clock)
	return b
}

func openLog(t testing.TB, s store.Store, k key, c *clock) *Log {
	t.Helper()
	l, err := New(s, k, Options{Now: c.now, Rand: rand.Reader})
	check(t, err)
	return l
}

// message makes the id of the n-th message of a test.
func message(n int) gateway.MessageID { return gateway.MessageID{14: byte(n >> 8), 15: byte(n)} }

// record makes the n-th record of a test.
func record(n int) gateway.Record {
	return gateway.Record{
		Event: gateway.EventDelivered, Actor: "system", Message: message(n / 3),
		Envelope: fmt.Sprintf("%s.%d", message(n/3), n%3), Persons: []gateway.PersonRef{{byte(n)}},
		Detail: map[string]string{"n": fmt.Sprint(n), "phase": "<dot> & more"},
	}
}

// stage commits n records, numbered on from first.
func (b *bench) stage(t testing.TB, first, n int) {
	t.Helper()
	for i := first; i < first+n; i++ {
		batch := new(store.Batch)
		check(t, b.Stage(batch, record(i)))
		check(t, store.Write(t.Context(), b.mem, batch))
		b.clock.advance(time.Millisecond)
	}
}

// fill stages and folds n records in folds of uneven size.
func (b *bench) fill(t testing.TB, n int) {
	t.Helper()
	for first, step := 0, 1; first < n; step = step%7 + 1 {
		some := min(step, n-first)
		b.stage(t, first, some)
		b.fold(t)
		b.clock.advance(11 * time.Second)
		first += some
	}
}

func (b *bench) fold(t testing.TB) int {
	t.Helper()
	n, err := b.Fold(t.Context())
	check(t, err)
	return n
}

func (b *bench) verify(t testing.TB, checkpoints ...[]byte) Report {
	t.Helper()
	r, err := Verify(t.Context(), b.mem, b.key.Verifier(), checkpoints...)
	check(t, err)
	return r
}

func (b *bench) head(t testing.TB) []byte {
	t.Helper()
	head, err := b.Checkpoint(context.Background())
	check(t, err)
	return head
}

// signText signs any text, as only a mistaken holder of the key would.
func signText(t testing.TB, k key, text string) []byte {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	signed, err := note.Sign(&note.Note{Text: text}, k)
	check(t, err)
	return signed
}
