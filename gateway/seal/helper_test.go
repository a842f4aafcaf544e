package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// clock is a clock that tests move.
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

// options are those of a keyring whose files need not survive the machine;
// TestWaitsForTheDevice runs with the real ones.
func options(c *clock) Options {
	return Options{Now: c.now, Rand: rand.Reader, disk: disk{unsynced: true}}
}

// newKeyring makes a keyring in a fresh directory.
func newKeyring(t testing.TB, c *clock) (*Keyring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := Create(dir, options(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k, dir
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func messageID(t testing.TB) gateway.MessageID {
	t.Helper()
	return must[gateway.MessageID](t)(gateway.NewMessageID(newClock().now(), rand.Reader))
}

func linkSecret(t testing.TB) gateway.LinkSecret {
	t.Helper()
	return must[gateway.LinkSecret](t)(gateway.NewLinkSecret(rand.Reader))
}

// sealBody seals text with a new data key.
func sealBody(t testing.TB, k *Keyring, id gateway.MessageID, text []byte) (Key, []byte) {
	t.Helper()
	d := must[Key](t)(k.Sealer().NewKey())
	var out bytes.Buffer
	w := k.Sealer().Encrypt(&out, d, id)
	must[int](t)(w.Write(text))
	check(t, w.Close())
	return d, out.Bytes()
}

// read reads the whole of a content.
func read(t testing.TB, c gateway.Content, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return must[[]byte](t)(io.ReadAll(io.NewSectionReader(c, 0, c.Size())))
}

// copyTree copies a directory: a backup, or a theft.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	check(t, os.CopyFS(to, os.DirFS(from)))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
