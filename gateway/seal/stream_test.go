package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

// sizes are the sizes around which something changes.
func sizes() []int {
	return []int{0, 1, 15, 16, 17, 10_000, segmentSize - 1, segmentSize, segmentSize + 1,
		2*segmentSize - 1, 2 * segmentSize, 2*segmentSize + 1, 5*segmentSize + 77}
}

func TestBodyRoundTripAndSealedSize(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	for _, n := range sizes() {
		text := randomBytes(n)
		id := messageID(t)
		d, sealed := sealBody(t, k, id, text)
		if int64(len(sealed)) != sealedSize(int64(n)) {
			t.Fatalf("%d octets seal to %d, sealedSize says %d", n, len(sealed), sealedSize(int64(n)))
		}
		if back, ok := openedSize(int64(len(sealed))); !ok || back != int64(n) {
			t.Fatalf("openedSize(%d) = %d, %t; want %d", len(sealed), back, ok, n)
		}
		c, err := d.Content(bytes.NewReader(sealed), int64(len(sealed)), id)
		if got := read(t, c, err); !bytes.Equal(got, text) {
			t.Fatalf("%d octets do not come back", n)
		}
	}
}

func TestSealedSizeIsExactForEverySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<40).Draw(t, "n")
		back, ok := openedSize(sealedSize(n))
		if !ok || back != n {
			t.Fatalf("%d -> %d -> %d, %t", n, sealedSize(n), back, ok)
		}
		if m, ok := openedSize(n); ok && sealedSize(m) != n {
			t.Fatalf("size %d is said to be %d octets, which seal to %d", n, m, sealedSize(m))
		}
	})
}

// TestWritesMayBeCutAnywhere: the sealed octets depend on what is written, not
// on how it is cut; each place can be read alone.
func TestWritesMayBeCutAnywhere(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	rapid.Check(t, func(t *rapid.T) {
		text := make([]byte, rapid.IntRange(0, 3*segmentSize).Draw(t, "size"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for i := range text {
			text[i] = byte(rng.Uint32())
		}
		d, err := k.Sealer().NewKey()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := k.Sealer().Encrypt(&out, d, gateway.MessageID{1})
		for rest := text; len(rest) > 0; {
			n := rng.IntN(min(len(rest), 100_000)) + 1
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatalf("Write = %d, %v; want %d", m, err, n)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c, err := d.Content(bytes.NewReader(out.Bytes()), int64(out.Len()), gateway.MessageID{1})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			off := rng.Int64N(int64(len(text)) + 10)
			p := make([]byte, rng.IntN(100_000))
			n, err := c.ReadAt(p, off)
			want := text[min(off, int64(len(text))):]
			if !bytes.Equal(p[:n], want[:min(len(p), len(want))]) {
				t.Fatalf("ReadAt(%d octets, %d) reads other octets", len(p), off)
			}
			if short := n < len(p); short != errors.Is(err, io.EOF) {
				t.Fatalf("ReadAt(%d octets, %d) = %d, %v", len(p), off, n, err)
			}
		}
	})
}

// readsWhole opens and reads everything; an error anywhere is the answer.
func readsWhole(d Key, sealed []byte, id gateway.MessageID) ([]byte, error) {
	c, err := d.Content(bytes.NewReader(sealed), int64(len(sealed)), id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
}

func TestChangedBodiesDoNotOpen(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	id, other := messageID(t), messageID(t)
	text := randomBytes(3*segmentSize + 100)
	d, sealed := sealBody(t, k, id, text)
	e, foreign := sealBody(t, k, id, text)
	seg := func(n int) []byte { return sealed[n*sealedSegment : min((n+1)*sealedSegment, len(sealed))] }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	flip := func(at int) []byte {
		c := bytes.Clone(sealed)
		c[at] ^= 1
		return c
	}
	changed := map[string][]byte{
		"empty":                       {},
		"cut to a tag":                sealed[:tagSize],
		"last octet cut":              sealed[:len(sealed)-1],
		"last segment cut":            join(seg(0), seg(1), seg(2)),
		"all but the first cut":       seg(0),
		"first segment cut":           join(seg(1), seg(2), seg(3)),
		"segments swapped":            join(seg(1), seg(0), seg(2), seg(3)),
		"segment twice":               join(seg(0), seg(0), seg(1), seg(2), seg(3)),
		"segment missing":             join(seg(0), seg(2), seg(3)),
		"octet appended":              append(bytes.Clone(sealed), 0),
		"last segment appended again": join(sealed, seg(3)),
		"segment of another body":     join(seg(0), foreign[sealedSegment:2*sealedSegment], seg(2), seg(3)),
		"first octet":                 flip(0),
		"a tag":                       flip(sealedSegment - 1),
		"last octet":                  flip(len(sealed) - 1),
		"in the middle":               flip(2*sealedSegment + 5),
	}
	for name, c := range changed {
		if got, err := readsWhole(d, c, id); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %d octets read, error %v", name, len(got), err)
		}
	}
	if _, err := readsWhole(d, sealed, other); !errors.Is(err, ErrOpen) {
		t.Errorf("opened as another message: %v", err)
	}
	if _, err := readsWhole(e, sealed, id); !errors.Is(err, ErrOpen) {
		t.Errorf("opened with another key: %v", err)
	}
	if got, err := readsWhole(d, sealed, id); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the unchanged body does not open: %v", err)
	}
}

// TestKeySealsOnce: nonces are counted, so a second body under one key would
// give both away.
func TestKeySealsOnce(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	id := messageID(t)
	d, _ := sealBody(t, k, id, []byte("one"))
	w := k.Sealer().Encrypt(io.Discard, d, id)
	_, err := w.Write([]byte("two"))
	wantError(t, err, ErrKeyUsed)
	wantError(t, w.Close(), ErrKeyUsed)

	wrap := must[gateway.Wrap](t)(k.Sealer().WrapSpool(d, id))
	opened := must[Key](t)(k.Spool().Open(wrap, id))
	wantError(t, k.Sealer().Encrypt(io.Discard, opened, id).Close(), ErrKeyUsed)
	wantError(t, k.Sealer().Encrypt(io.Discard, Key{}, id).Close(), ErrUnknownKey)
}

func TestDestroyedKeyDoesNothing(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	id := messageID(t)
	d, sealed := sealBody(t, k, id, []byte("text"))
	d.Destroy()
	_, err := d.Content(bytes.NewReader(sealed), int64(len(sealed)), id)
	wantError(t, err, ErrUnknownKey)
	_, err = k.Sealer().WrapSpool(d, id)
	wantError(t, err, ErrUnknownKey)
	_, err = k.Sealer().WrapStaff(d, id, newClock().now().AddDate(0, 0, 9))
	wantError(t, err, ErrUnknownKey)
}

// failingWriter fails after n octets, or takes fewer than it is given.
type failingWriter struct {
	n     int
	short bool
}

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n >= 0 {
		return len(p), nil
	}
	if f.short {
		return 0, nil
	}
	return 0, errors.New("disk full")
}

func TestWriterErrorsStick(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	for _, short := range []bool{false, true} {
		d := must[Key](t)(k.Sealer().NewKey())
		w := k.Sealer().Encrypt(&failingWriter{n: sealedSegment, short: short}, d, gateway.MessageID{})
		_, err := w.Write(make([]byte, 3*segmentSize))
		if err == nil || w.Close() == nil || w.Close() == nil {
			t.Fatal("an error of the writer got lost")
		}
		if short {
			wantError(t, err, io.ErrShortWrite)
		}
	}
	d := must[Key](t)(k.Sealer().NewKey())
	w := k.Sealer().Encrypt(io.Discard, d, gateway.MessageID{})
	check(t, w.Close())
	check(t, w.Close())
	_, err := w.Write([]byte("late"))
	wantError(t, err, errBodyClosed)
}

// TestSegmentsHoldNothingClearBeforeReuse looks into the pool for what the body
// before held: whether it came in pieces, in one, or to a writer that failed.
func TestSegmentsHoldNothingClearBeforeReuse(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	word := []byte("zebraquartz")
	text := bytes.Repeat(word, 20_000)
	for _, piece := range []int{len(text), 50_000, segmentSize, 1_000} {
		for _, to := range []io.Writer{io.Discard, &failingWriter{n: sealedSegment}, &failingWriter{n: sealedSegment, short: true}} {
			w := k.Sealer().Encrypt(to, must[Key](t)(k.Sealer().NewKey()), messageID(t))
			for rest := text; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				_, _ = w.Write(rest[:min(piece, len(rest))])
			}
			_ = w.Close()
			if buf := k.sealer.segments.get(); bytes.Contains(buf[:], word) {
				t.Errorf("pieces of %d octets: a segment went back to the pool unwiped", piece)
			}
		}
	}
}

func TestOpenedMemoryIsWipedBeforeReuse(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	id := messageID(t)
	d, sealed := sealBody(t, k, id, bytes.Repeat([]byte("zebraquartz"), 20_000))
	c := must[gateway.Content](t)(d.Content(bytes.NewReader(sealed), int64(len(sealed)), id))
	read(t, c, nil)
	check(t, c.(io.Closer).Close())
	for range 3 {
		if buf := openedMemory.get(1); bytes.Contains(buf[:cap(buf)], []byte("zebraquartz")) {
			t.Error("memory of an opened body went back to the pool unwiped")
		}
	}
}

// TestOpenedMemoryIsWipedWhenItGrows: the short last segment is opened first, and
// its memory was left to the garbage in the clear when a whole one came in its
// place.
func TestOpenedMemoryIsWipedWhenItGrows(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	word, id := []byte("zebraquartz"), messageID(t)
	text := bytes.Repeat(word, segmentSize/len(word)+100)
	d, sealed := sealBody(t, k, id, text)
	c := must[gateway.Content](t)(d.Content(bytes.NewReader(sealed), int64(len(sealed)), id)).(*content)
	short := bytes.Clone(c.kept[0].text) // in memory of just its size, which the pool does not promise
	c.kept[0].buf, c.kept[0].text, c.turn = short, short, 0
	if !bytes.Contains(short, word) {
		t.Fatal("the last segment is not opened first")
	}
	if got := read(t, c, nil); !bytes.Equal(got, text) {
		t.Error("the body does not come back")
	}
	if bytes.Contains(short, word) {
		t.Error("the memory of the last segment is in the clear after another took its place")
	}
}

// TestContentIsSafeForConcurrentReaders reads random places from many
// goroutines; run it with -race.
func TestContentIsSafeForConcurrentReaders(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	text := randomBytes(6 * segmentSize)
	id := messageID(t)
	d, sealed := sealBody(t, k, id, text)
	c := must[gateway.Content](t)(d.Content(bytes.NewReader(sealed), int64(len(sealed)), id))
	var done sync.WaitGroup
	for g := range 4 {
		done.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 2))
			p := make([]byte, 5000)
			for range 200 {
				off := rng.Int64N(int64(len(text) - len(p)))
				if _, err := c.ReadAt(p, off); err != nil || !bytes.Equal(p, text[off:off+int64(len(p))]) {
					t.Errorf("reading at %d: %v", off, err)
				}
			}
		})
	}
	done.Wait()
	check(t, c.(io.Closer).Close())
	if got := read(t, c, nil); !bytes.Equal(got, text) {
		t.Error("a closed content does not open anew")
	}
}

func TestContentRefusesNegativeOffset(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	d, sealed := sealBody(t, k, gateway.MessageID{}, []byte("x"))
	c := must[gateway.Content](t)(d.Content(bytes.NewReader(sealed), int64(len(sealed)), gateway.MessageID{}))
	if _, err := c.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("negative offset accepted")
	}
}

func FuzzContent(f *testing.F) {
	k, _ := newKeyring(f, newClock())
	id := gateway.MessageID{7}
	text := bytes.Repeat([]byte("0123456789abcdef"), segmentSize/8)
	d, sealed := sealBody(f, k, id, text)
	f.Add(0, byte(0), 0, 0)
	f.Add(5, byte(1), 0, 0)
	f.Add(0, byte(0), 16, 0)
	f.Add(0, byte(0), 0, 40)
	f.Fuzz(func(t *testing.T, at int, flip byte, cut, extend int) {
		c := bytes.Clone(sealed)
		c = append(c[:len(c)-abs(cut)%(len(c)+1)], make([]byte, abs(extend)%(2*sealedSegment))...)
		if len(c) > 0 {
			c[abs(at)%len(c)] ^= flip
		}
		got, err := readsWhole(d, c, id)
		switch {
		case bytes.Equal(c, sealed):
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("the unchanged body does not open: %v", err)
			}
		case !errors.Is(err, ErrOpen):
			t.Fatalf("a changed body opens: %v", err)
		case !bytes.HasPrefix(text, got):
			t.Fatal("other octets than the body's were shown before the error")
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

// FuzzContentOctets opens arbitrary octets.
func FuzzContentOctets(f *testing.F) {
	k, _ := newKeyring(f, newClock())
	d := must[Key](f)(k.Sealer().NewKey())
	f.Add([]byte{}, int64(0))
	f.Add(make([]byte, 16), int64(16))
	f.Fuzz(func(t *testing.T, sealed []byte, size int64) {
		if _, err := d.Content(bytes.NewReader(sealed), size, gateway.MessageID{}); err == nil {
			t.Fatal("nobody sealed this")
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	k, _ := newKeyring(b, newClock())
	for _, size := range []int{10 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			text := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				d, err := k.Sealer().NewKey()
				if err != nil {
					b.Fatal(err)
				}
				w := k.Sealer().Encrypt(io.Discard, d, gateway.MessageID{})
				_, _ = w.Write(text)
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkContent(b *testing.B) {
	k, _ := newKeyring(b, newClock())
	for _, size := range []int{10 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d, sealed := sealBody(b, k, gateway.MessageID{}, make([]byte, size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c, err := d.Content(bytes.NewReader(sealed), int64(len(sealed)), gateway.MessageID{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, io.NewSectionReader(c, 0, c.Size())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sealedSize is the number of octets that a body of n octets has when sealed.
func sealedSize(n int64) int64 { return n + segments(n)*tagSize }
