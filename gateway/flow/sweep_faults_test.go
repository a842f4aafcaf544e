package flow

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// fault is a failure that is planned for one operation outside of the store.
// The zero fault plans none.
type fault struct {
	kind string // of operation
	way  string // in which it fails
	at   int    // which operation of the kind, from 1

	mu    sync.Mutex
	on    bool           // the journey runs
	seen  map[string]int // operations of each kind
	fired bool
	shift time.Duration // of the clock
}

// The kinds of operations that are swept beside those of the store.
const (
	onBodies  = "blob"    // a call to the file system below the bodies
	onNetwork = "network" // an attempt at the next hop or at the carrier
	onClock   = "clock"   // a look at the clock
)

// faultWays are the ways in which operations of a kind fail; after "gone" the
// later ones fail too.
var faultWays = map[string][]string{
	onBodies:  {"undone", "full", "lost", "gone"},
	onNetwork: {"undone", "refused", "cut", "lost", "gone"},
	onClock:   {"forth", "back"},
}

// hit counts an operation and returns the way in which it is to fail.
func (f *fault) hit(kind string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return ""
	}
	f.seen[kind]++
	n := f.seen[kind]
	if f.kind != kind || n != f.at && (f.way != "gone" || n < f.at) {
		return ""
	}
	f.fired = true
	return f.way
}

// running says whether operations are counted and fail.
func (f *fault) running(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = on
	if on {
		f.seen = make(map[string]int)
	} else {
		f.shift = 0
	}
}

// now is the clock of all parts: a day off since the fault.
func (f *fault) now() time.Time {
	way := f.hit(onClock)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch way {
	case "forth":
		f.shift = 24 * time.Hour
	case "back":
		f.shift = -24 * time.Hour
	}
	return time.Now().Add(f.shift)
}

// attempt is what becomes of one attempt at a next hop of n recipients: how
// many octets of the body it takes, whether it keeps the mail, and what we
// hear. ok: nothing is planned.
func (f *fault) attempt(n int) (reads int64, keeps bool, heard []gateway.Outcome, ok bool) {
	o := gateway.Outcome{Result: gateway.Deferred, At: time.Now(), Status: "4.4.2", Phase: "dot"}
	switch f.hit(onNetwork) {
	case "":
		return 0, true, nil, true
	case "undone", "gone":
		n, o.Status, o.Phase = 1, "4.4.1", "connect"
	case "refused":
		reads, o.Code, o.Status = 1<<30, 451, "4.3.0"
	case "cut":
		reads, o.Phase = 100, "data"
	case "lost":
		keeps, o.Unknown = true, true
	}
	for range n {
		heard = append(heard, o)
	}
	return reads, keeps, heard, false
}

// faultFS is the file system below the bodies: the operation is not done, or
// it is done and its answer lost.
type faultFS struct {
	vfs.FS
	fault *fault
}

type faultFile struct {
	vfs.File
	fault *fault
}

// do runs an operation as planned.
func (f *fault) do(operation func() error) error {
	switch f.hit(onBodies) {
	case "":
		return operation()
	case "lost":
		if err := operation(); err != nil {
			return err
		}
	case "full":
		return syscall.ENOSPC
	}
	return syscall.EIO
}

func (f *fault) open(open func() (vfs.File, error)) (file vfs.File, err error) {
	failed := f.do(func() error {
		file, err = open()
		return err
	})
	if failed != nil {
		if file != nil {
			_ = file.Close()
		}
		return nil, failed
	}
	return &faultFile{file, f}, nil
}

func (s faultFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.fault.open(func() (vfs.File, error) { return s.FS.Create(name, c) })
}

func (s faultFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return s.fault.open(func() (vfs.File, error) { return s.FS.Open(name, o...) })
}

func (s faultFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return s.fault.open(func() (vfs.File, error) { return s.FS.OpenReadWrite(name, c, o...) })
}

func (s faultFS) OpenDir(name string) (vfs.File, error) {
	return s.fault.open(func() (vfs.File, error) { return s.FS.OpenDir(name) })
}

func (s faultFS) Rename(from, to string) error {
	return s.fault.do(func() error { return s.FS.Rename(from, to) })
}

func (s faultFS) Remove(name string) error {
	return s.fault.do(func() error { return s.FS.Remove(name) })
}

func (f *faultFile) Sync() error { return f.fault.do(f.File.Sync) }

func (f *faultFile) SyncData() error { return f.fault.do(f.File.SyncData) }

func (f *faultFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.fault.do(func() error {
		n, err = f.File.WriteAt(p, at)
		return err
	})
	return n, err
}

func (f *faultFile) ReadAt(p []byte, at int64) (n int, err error) {
	err = f.fault.do(func() error {
		n, err = f.File.ReadAt(p, at)
		return err
	})
	return n, err
}

// swept is what a sweep did: operations that were failed, by kind.
type swept struct {
	operations map[string]int
	runs       int
}

// sweepFaults tells the journey again for operations of the bodies, of the
// network and of the clock, and ways of failing: for the one in the middle of
// each kind; with GATEPOST_SWEEP=all for each (deploy/test-long.sh).
func sweepFaults(t *testing.T, j journey, tell func(t *testing.T, p *fault)) (all swept) {
	t.Helper()
	count := &fault{}
	tell(t, count)
	all = swept{operations: count.seen, runs: 1}
	for _, kind := range []string{onBodies, onNetwork, onClock} {
		n := count.seen[kind]
		first, last := (n+1)/2, (n+1)/2
		if os.Getenv("GATEPOST_SWEEP") == "all" {
			first, last = 1, 2*n // a failure may make a story longer
		}
		for _, way := range faultWays[kind] {
			for at, fired := first, n > 0; fired && at <= last; at++ {
				fired = false
				t.Run(fmt.Sprintf("%s/%s/%s/%d", j.name, kind, way, at), func(t *testing.T) {
					p := &fault{kind: kind, way: way, at: at}
					tell(t, p)
					fired = p.fired && !t.Failed()
				})
				all.runs++
			}
		}
	}
	return all
}

// journeyUnder tells a journey over copies of what was prepared, with one
// planned failure, and checks what it left.
func journeyUnder(t *testing.T, w *world, j journey, prepared *storetest.Memory, before map[string][]string, bodies string, p *fault) {
	t.Helper()
	w.hop.got = maps.Clone(before)
	w.smsc.forget()
	w.dir = copyOf(t, bodies)
	w.fault, w.hop.fault, w.smsc.fault = p, p, p
	kv := prepared.Copy()
	answer := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		p.running(true)
		defer p.running(false)
		return j.run(ctx, t, w, f)
	})
	w.checked(t, j, kv, answer)
	w.nothingLost(t, kv)
}

// checked holds what is true after every journey. What a journey says of codes
// and sessions does not hold when a day came between them.
func (w *world) checked(t *testing.T, j journey, kv store.Store, answer error) {
	t.Helper()
	w.sound(t, kv)
	if j.check != nil && w.fault.kind != onClock {
		j.check(t, w, kv, answer)
	}
	w.nothingReadable(t, "s@secure.example", "x@plain.example", "b@both.example")
	w.tellsNothing(t)
}

// nothingLost: once all is well again, what was accepted has ended or is held.
func (w *world) nothingLost(t *testing.T, kv store.Store) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		deliverAll(ctx, f, 10*time.Minute)
		return each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
			if !e.State.Final() && e.State != gateway.Held && e.Until.IsZero() {
				t.Errorf("envelope %v %s is still %s", e.ID, e.Action, e.State)
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// copyOf copies the bodies, where there are any: a journey may remove them.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	for _, below := range []string{"files", "segments"} {
		if files, err := os.ReadDir(filepath.Join(dir, below)); err == nil && len(files) > 0 {
			fresh := memoryDir(t)
			if err := os.CopyFS(fresh, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			return fresh
		}
	}
	return dir
}
