package blob_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/storetest"
)

// The borders between record, segment, segment by way of a file, and file, in
// octets.
const (
	kib       = 1 << 10
	mib       = 1 << 20
	inSegment = 64 * kib
	inScratch = 256*kib + 1
	inFile    = mib + 1
)

func openBlobs(t testing.TB, dir string, kv store.Store, o blob.Options) *blob.Store {
	t.Helper()
	s, err := blob.Open(dir, kv, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func inMemory(t testing.TB, o blob.Options) (*blob.Store, *storetest.Memory) {
	t.Helper()
	if o.FS == nil {
		o.FS = vfs.NewMem()
	}
	kv := storetest.NewMemory()
	return openBlobs(t, "blobs", kv, o), kv
}

// octets are never all zero, and differ with their length and seed.
func octets(n int, seed uint64) []byte {
	p := make([]byte, n)
	var key [32]byte
	copy(key[:], store.Key(store.Meta, store.Uint64(uint64(n)), store.Uint64(seed)))
	_, _ = rand.NewChaCha8(key).Read(p) // never fails
	return p
}

// keep writes a body in pieces and commits it.
func keep(t testing.TB, s *blob.Store, kv store.Store, body []byte) string {
	t.Helper()
	var b store.Batch
	ref := stage(t, s, &b, body)
	if err := store.Write(t.Context(), kv, &b); err != nil {
		t.Fatalf("committing the records: %v", err)
	}
	return ref
}

func stage(t testing.TB, s *blob.Store, b *store.Batch, body []byte) string {
	t.Helper()
	w, err := s.Create()
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, bytes.NewReader(body), make([]byte, 10_000)); err != nil {
		t.Fatalf("Write: %v", err)
	}
	ref, err := w.Commit(t.Context(), b)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return ref
}

func remove(t testing.TB, s *blob.Store, kv store.Store, ref string) {
	t.Helper()
	var b store.Batch
	s.Delete(&b, ref)
	if err := store.Write(t.Context(), kv, &b); err != nil {
		t.Fatal(err)
	}
}

// wantBody reads the body whole and at random places.
func wantBody(t testing.TB, s *blob.Store, ref string, body []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatalf("Open(%s): %v", ref, err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	if r.Size() != int64(len(body)) {
		t.Fatalf("%s: Size() = %d, want %d", ref, r.Size(), len(body))
	}
	got := make([]byte, len(body)+1)
	if n, err := r.ReadAt(got, 0); n != len(body) || err != io.EOF || !bytes.Equal(got[:n], body) {
		t.Fatalf("%s: read %d octets, %v", ref, n, err)
	}
	if len(body) == 0 {
		return
	}
	for range 5 {
		off := rand.IntN(len(body))
		p := make([]byte, 1+rand.IntN(len(body)-off))
		if n, err := r.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, body[off:off+n]) {
			t.Fatalf("%s: ReadAt(%d, %d) = %d, %v", ref, len(p), off, n, err)
		}
	}
}

func wantGone(t testing.TB, s *blob.Store, ref string) {
	t.Helper()
	if _, err := s.Open(t.Context(), ref); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open(%s): %v, want ErrNotFound", ref, err)
	}
}

var sizes = []int{0, 1, inSegment - 1, inSegment, inSegment + 1, inScratch - 1, inScratch, 300*kib + 17, mib, inFile, 3*mib + 5}

func TestBodiesOfEverySize(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"disk": vfs.Default, "memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			dir, kv := filepath.Join(t.TempDir(), "blobs"), storetest.NewMemory()
			s := openBlobs(t, dir, kv, blob.Options{FS: fs})
			refs := make(map[int]string)
			for _, n := range sizes {
				refs[n] = keep(t, s, kv, octets(n, 1))
				wantBody(t, s, refs[n], octets(n, 1))
				if kind := map[bool]string{true: "k.", false: "s."}[n < inSegment]; n < inFile && !strings.HasPrefix(refs[n], kind) {
					t.Errorf("%d octets are at %s", n, refs[n])
				} else if n >= inFile && !strings.HasPrefix(refs[n], "f.") {
					t.Errorf("%d octets are at %s", n, refs[n])
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openBlobs(t, dir, kv, blob.Options{FS: fs})
			for n, ref := range refs {
				wantBody(t, s, ref, octets(n, 1))
				remove(t, s, kv, ref)
				wantGone(t, s, ref)
			}
			if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, fs, dir, 0, 0)
		})
	}
}

// TestMoreBodiesThanMemoryHolds has more bodies under way than may wait in
// memory, twice, with some given up.
func TestMoreBodiesThanMemoryHolds(t *testing.T) {
	s, kv := inMemory(t, blob.Options{})
	for range 2 {
		var writers []*blob.Writer
		for i := range uint64(80) {
			w, err := s.Create()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(octets(inSegment, i)); err != nil {
				t.Fatal(err)
			}
			writers = append(writers, w)
		}
		for i, w := range writers {
			if i%3 == 0 {
				w.Abort()
				continue
			}
			more := octets([]int{100, inScratch}[i%2], uint64(i))
			if _, err := w.Write(more); err != nil {
				t.Fatal(err)
			}
			var b store.Batch
			ref, err := w.Commit(t.Context(), &b)
			if err == nil {
				err = store.Write(t.Context(), kv, &b)
			}
			if err != nil {
				t.Fatal(err)
			}
			wantBody(t, s, ref, append(octets(inSegment, uint64(i)), more...))
		}
	}
}

// wantFiles counts the files of a store.
func wantFiles(t testing.TB, fs vfs.FS, dir string, files, segments int) {
	t.Helper()
	for sub, want := range map[string]int{"files": files, "segments": segments} {
		names, err := fs.List(fs.PathJoin(dir, sub))
		n := 0
		for _, name := range names {
			if !strings.HasSuffix(name, ".part") {
				n++
			}
		}
		if err != nil || n != want {
			t.Errorf("%s has %d files (%v), want %d", sub, n, err, want)
		}
	}
}

func TestReadsStayWithinTheBody(t *testing.T) {
	s, kv := inMemory(t, blob.Options{})
	for _, n := range []int{100, inSegment, inFile} {
		first := octets(n, 1)
		ref := keep(t, s, kv, first)
		keep(t, s, kv, octets(n, 2)) // a neighbour
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			off  int64
			len  int
			n    int
			fail bool
		}{
			{0, 10, 10, false}, {int64(n) - 10, 10, 10, false}, {int64(n) - 10, 11, 10, true},
			{int64(n), 1, 0, true}, {int64(n) + 5000, 1, 0, true}, {-1, 1, 0, true}, {int64(n), 0, 0, false},
		} {
			got, err := r.ReadAt(make([]byte, c.len), c.off)
			if got != c.n || (err != nil) != c.fail || c.fail && c.off >= 0 && !errors.Is(err, io.EOF) {
				t.Errorf("body of %d: ReadAt(%d octets, %d) = %d, %v", n, c.len, c.off, got, err)
			}
		}
		_ = r.Close()
	}
}

func TestAWriterEndsOnce(t *testing.T) {
	s, kv := inMemory(t, blob.Options{})
	for _, n := range []int{10, inSegment, inFile} {
		w, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(octets(n, 1)); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		w.Abort()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("Write after Abort succeeded")
		}
		var b store.Batch
		if _, err := w.Commit(t.Context(), &b); err == nil || len(b.Ops) > 0 {
			t.Errorf("Commit after Abort: %v", err)
		}
	}
	ref := keep(t, s, kv, octets(inFile, 7)) // in a scratch file that others used
	wantBody(t, s, ref, octets(inFile, 7))
	ref = keep(t, s, kv, octets(inSegment, 8))
	wantBody(t, s, ref, octets(inSegment, 8))
}

// TestOpenBeforeTheRecordIsCommitted: the accepting process reads a large body
// back before it knows what to commit with it.
func TestOpenBeforeTheRecordIsCommitted(t *testing.T) {
	fs := vfs.NewMem()
	s, kv := inMemory(t, blob.Options{FS: fs})
	for _, n := range []int{inSegment, inFile} {
		var b, undo store.Batch
		ref := stage(t, s, &b, octets(n, 1))
		wantBody(t, s, ref, octets(n, 1))
		s.Delete(&undo, ref) // it was refused
		undo.Done()
		wantGone(t, s, ref)

		b = store.Batch{}
		ref = stage(t, s, &b, octets(n, 1))
		if err := store.Write(t.Context(), kv, &b); err != nil {
			t.Fatal(err)
		}
		wantBody(t, s, ref, octets(n, 1))
	}
	wantFiles(t, fs, "blobs", 1, 1)
}

func TestReferencesAreReadStrictly(t *testing.T) {
	s, kv := inMemory(t, blob.Options{})
	refs := []string{keep(t, s, kv, octets(10, 1)), keep(t, s, kv, octets(inSegment, 1)), keep(t, s, kv, octets(inFile, 1))}
	bad := []string{"", "k", "k.", "f.00.1", "s.1.2.3", "../../etc/passwd", "s.0000000000000001.-1.5", "s.0000000000000001.9223372036854775807.9"}
	for _, ref := range refs {
		bad = append(bad, ref+"0", ref+".", " "+ref, ref+"\x00", strings.ToUpper(ref[:3])+ref[3:], strings.Replace(ref, ".", ".+", 1), "x"+ref[1:])
	}
	for _, ref := range bad {
		if r, err := s.Open(t.Context(), ref); err == nil {
			t.Errorf("Open(%q) = %v", ref, r)
		}
		var b store.Batch
		if s.Delete(&b, ref); len(b.Ops) > 1 {
			t.Errorf("Delete(%q) deletes %d records", ref, len(b.Ops))
		}
	}
	for i, n := range []int{10, inSegment, inFile} {
		wantBody(t, s, refs[i], octets(n, 1))
	}
}

// TestADeletedBodyStaysForItsReaders reads while the body is deleted and
// something else is collected.
func TestADeletedBodyStaysForItsReaders(t *testing.T) {
	for _, n := range []int{100, inSegment, inFile} {
		dir, kv := t.TempDir(), storetest.NewMemory()
		s := openBlobs(t, dir, kv, blob.Options{})
		ref := keep(t, s, kv, octets(n, 1))
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		remove(t, s, kv, ref)
		if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil || !bytes.Equal(got, octets(n, 1)) {
			t.Errorf("%d octets: read %d, %v", n, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		wantGone(t, s, ref)
		if n == inFile {
			wantFiles(t, vfs.Default, dir, 0, 0)
		}
	}
}

// TestCollect removes only what is old, unreferenced and not being written.
func TestCollect(t *testing.T) {
	fs, kv := vfs.NewMem(), storetest.NewMemory()
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	kept := []string{keep(t, s, kv, octets(inSegment, 1)), keep(t, s, kv, octets(inFile, 1))}
	var lost store.Batch
	orphan := stage(t, s, &lost, octets(inFile, 2)) // never committed
	unfinished, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unfinished.Write(octets(2*mib, 3)); err != nil {
		t.Fatal(err)
	}
	collect := func(want int, before time.Time) {
		t.Helper()
		if n, err := s.Collect(t.Context(), before); n != want || err != nil {
			t.Fatalf("Collect = %d, %v, want %d", n, err, want)
		}
	}
	collect(0, time.Now().Add(-time.Minute))
	wantFiles(t, fs, "blobs", 2, 1)
	collect(1, time.Now().Add(time.Minute))
	wantGone(t, s, orphan)
	var b store.Batch
	ref, err := unfinished.Commit(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(t.Context(), kv, &b); err != nil {
		t.Fatal(err)
	}
	collect(0, time.Now().Add(time.Minute))
	wantBody(t, s, ref, octets(2*mib, 3))
	wantBody(t, s, kept[0], octets(inSegment, 1))
	wantBody(t, s, kept[1], octets(inFile, 1))
}

// TestCollectSparesTheYoungAfterARestart: nothing but the time of its file
// tells that a body may be referenced soon.
func TestCollectSparesTheYoungAfterARestart(t *testing.T) {
	fs, kv := vfs.NewMem(), storetest.NewMemory()
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	var b store.Batch
	stage(t, s, &b, octets(inSegment, 1))
	stage(t, s, &b, octets(inFile, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBlobs(t, "blobs", kv, blob.Options{FS: fs})
	for _, c := range []struct {
		age  time.Duration
		want int
	}{{-time.Minute, 0}, {time.Minute, 2}} {
		if n, err := s.Collect(t.Context(), time.Now().Add(c.age)); n != c.want || err != nil {
			t.Errorf("Collect = %d, %v, want %d", n, err, c.want)
		}
	}
}

// TestSegmentsGoWhenNothingInThemIsReferenced fills several small segments.
func TestSegmentsGoWhenNothingInThemIsReferenced(t *testing.T) {
	fs, kv := vfs.NewMem(), storetest.NewMemory()
	s := openBlobs(t, "blobs", kv, blob.Options{FS: fs, SegmentSize: 4 * inSegment})
	var refs []string
	for i := range uint64(10) {
		refs = append(refs, keep(t, s, kv, octets(inSegment, i)))
	}
	wantFiles(t, fs, "blobs", 0, 3)
	for _, ref := range refs[1:] {
		remove(t, s, kv, ref)
	}
	if n, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Collect = %d, %v, want the second segment", n, err)
	}
	wantFiles(t, fs, "blobs", 0, 2) // the first holds a body, the third is written to
	wantBody(t, s, refs[0], octets(inSegment, 0))
}

func TestManyAtOnce(t *testing.T) {
	s, kv := inMemory(t, blob.Options{SegmentSize: 2 * mib})
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			for turn := range uint64(7) {
				n := []int{5000, 70 * kib, 200 * kib, 1200 * kib}[(worker+turn)%4]
				body := octets(n, worker<<8|turn)
				ref := keep(t, s, kv, body)
				wantBody(t, s, ref, body)
				if turn%3 > 0 {
					remove(t, s, kv, ref)
					wantGone(t, s, ref)
				}
				if turn%5 == 0 {
					if _, err := s.Collect(t.Context(), time.Now().Add(-time.Minute)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestAfterClose(t *testing.T) {
	fs := vfs.NewMem()
	s, kv := inMemory(t, blob.Options{FS: fs})
	ref := keep(t, s, kv, octets(inSegment, 1))
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Create: %v", err)
	}
	if _, err := w.Write(octets(inSegment, 1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Write: %v", err)
	}
	var b store.Batch
	if _, err := w.Commit(t.Context(), &b); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit: %v", err)
	}
	wantBody(t, openBlobs(t, "blobs", kv, blob.Options{FS: fs}), ref, octets(inSegment, 1))
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s, kv := inMemory(t, blob.Options{Metrics: reg})
	for _, n := range []int{1, inSegment, inFile} {
		keep(t, s, kv, octets(n, 1))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range families {
		series += len(f.GetMetric())
	}
	if len(families) != 5 || series != 9 {
		t.Errorf("%d metrics with %d series, want 5 with 9", len(families), series)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	inMemory(t, blob.Options{Metrics: reg}) // registers again
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Open(filepath.Join(file, "blobs"), storetest.NewMemory(), blob.Options{}); err == nil {
		t.Error("Open below a file succeeded")
	}
}

// TestBodiesLieInTheOrderOfTheirTime: the engine need not merge new ones with all
// that are there.
func TestBodiesLieInTheOrderOfTheirTime(t *testing.T) {
	s, kv := inMemory(t, blob.Options{})
	before := time.Now().UnixMilli()
	ref := keep(t, s, kv, octets(100, 1))
	after := time.Now().UnixMilli()
	id, err := hex.DecodeString(strings.TrimPrefix(ref, "k."))
	if err != nil || len(id) != 16 {
		t.Fatal(ref, err)
	}
	if ms := int64(binary.BigEndian.Uint64(id) >> 16); ms < before || ms > after {
		t.Errorf("the body of %d to %d is at %d", before, after, ms)
	}
}
