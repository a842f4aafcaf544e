package pebblestore_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/pebblestore"
)

// gateFS holds every fsync of the engine's log while the gate is shut.
type gateFS struct {
	vfs.FS
	gate sync.RWMutex // an fsync needs it for reading
	once sync.Once
}

// open opens the gate for good.
func (g *gateFS) open() { g.once.Do(g.gate.Unlock) }

func (g *gateFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return &gateFile{f, g}, nil
}

type gateFile struct {
	vfs.File
	g *gateFS
}

func (f *gateFile) SyncData() error {
	f.g.gate.RLock()
	defer f.g.gate.RUnlock()
	return f.File.SyncData()
}

// flying opens a store that holds "old" and "doomed", and then, behind a shut
// gate, a commit that rewrites "old", makes "new" and deletes "doomed".
func flying(t *testing.T, patience time.Duration) (s *pebblestore.Store, fs *gateFS, landed <-chan error) {
	t.Helper()
	fs = &gateFS{FS: vfs.NewMem()}
	s = open(t, "db", pebblestore.Options{FS: fs, Patience: patience})
	put(t, s, "old", "1")
	put(t, s, "doomed", "1")
	put(t, s, "other", "1")
	fs.gate.Lock()
	t.Cleanup(fs.open) // before Close, which waits for the device
	done := make(chan error, 1)
	go func() {
		var b store.Batch
		b.Put(k("old"), []byte("2"))
		b.Put(k("new"), nil)
		b.Delete(k("doomed"))
		done <- s.Commit(context.Background(), &b)
	}()
	for began := time.Now(); time.Since(began) < time.Minute; {
		if waits(s, "new") {
			return s, fs, done
		}
	}
	t.Fatal("nobody waits for a commit that is not durable")
	return nil, nil, nil
}

// waits reports whether a Get has to wait, which shows that the commit is
// applied and not durable. No deadline is fit to find out: on a busy machine it
// may pass before the Get begins.
func waits(s store.Store, name string) bool {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Get(ctx, k(name))
	}()
	defer func() { cancel(); <-done }()
	for {
		select {
		case <-done:
			return false
		case <-time.After(time.Millisecond):
			if inWait() {
				return true
			}
		}
	}
}

// inWait reports whether a goroutine sits in durable.wait.
func inWait() bool {
	stacks := make([]byte, 4<<20)
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		head, frames, _ := bytes.Cut(stack, []byte("\n"))
		if bytes.Contains(head, []byte("[select")) && bytes.Contains(frames, []byte("pebblestore.(*durable).wait(")) {
			return true
		}
	}
	return false
}

// asks are calls whose answer rests on the flying commit.
func asks(s store.Store) map[string]func(context.Context) error {
	commit := func(b *store.Batch) func(context.Context) error {
		return func(ctx context.Context) error { return s.Commit(ctx, b) }
	}
	get := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.Get(ctx, k(name))
			return err
		}
	}
	scan := func(r store.Range) func(context.Context) error {
		return func(ctx context.Context) error {
			return s.Scan(ctx, r, func(store.Item) bool { return true })
		}
	}
	var absent, version store.Batch
	absent.RequireAbsent(k("new"))
	version.RequireVersion(k("doomed"), 2)
	return map[string]func(context.Context) error{
		"get of a rewritten record":      get("old"),
		"get of a new record":            get("new"),
		"get of a deleted record":        get("doomed"),
		"conflict over a new record":     commit(&absent),
		"conflict over a deleted record": commit(&version),
		"a batch without writes":         commit(&store.Batch{}),
		"scan over a rewritten record":   scan(store.Range{From: k("old"), To: k("old~")}),
		"scan over a deleted record":     scan(store.Range{From: k("d"), To: k("e")}),
		"scan of everything in reverse":  scan(store.Range{Reverse: true}),
	}
}

func TestWhatRestsOnAFlyingCommitWaitsForIt(t *testing.T) {
	s, fs, landed := flying(t, time.Minute)
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, 20)
	calls := asks(s)
	for name, call := range calls {
		go func() { answers <- answer{name, call(context.Background())} }()
	}
	select {
	case a := <-answers:
		t.Errorf("%s was answered (%v) before the commit was durable", a.name, a.err)
		answers <- a // all are counted below
	case <-time.After(100 * time.Millisecond):
	}
	fs.open()
	if err := <-landed; err != nil {
		t.Fatal(err)
	}
	for range calls {
		a := <-answers
		expect := map[string]error{
			"get of a deleted record":        store.ErrNotFound,
			"conflict over a new record":     store.ErrConflict,
			"conflict over a deleted record": store.ErrConflict,
		}[a.name]
		if !errors.Is(a.err, expect) {
			t.Errorf("%s: %v, want %v", a.name, a.err, expect)
		}
	}
}

func TestOthersDoNotWaitForAFlyingCommit(t *testing.T) {
	s, fs, landed := flying(t, time.Minute)
	want(t, s, "other", "1")
	if _, err := s.Get(t.Context(), k("nothing")); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Scan(t.Context(), store.Range{From: k("other")}, func(store.Item) bool { return true }); err != nil {
		t.Error(err)
	}
	var b store.Batch
	b.RequireAbsent(k("other"))
	if err := s.Commit(t.Context(), &b); !errors.Is(err, store.ErrConflict) {
		t.Error(err)
	}
	fs.open()
	if err := <-landed; err != nil {
		t.Error(err)
	}
}

func TestWaitsEndWithTheContext(t *testing.T) {
	s, fs, landed := flying(t, time.Minute)
	for name, call := range asks(s) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	fs.open()
	if err := <-landed; err != nil {
		t.Error(err)
	}
	want(t, s, "old", "2")
}

// TestWaitsEndWithPatience: nobody hangs with a device that hangs. Who only
// asked is told that nothing was done, who wrote that the outcome is unknown.
func TestWaitsEndWithPatience(t *testing.T) {
	s, fs, landed := flying(t, 2*time.Second)
	var wg sync.WaitGroup
	for name, call := range asks(s) {
		wg.Go(func() {
			if err := call(context.Background()); !errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrUnknown) {
				t.Errorf("%s: %v, want ErrFull", name, err)
			}
		})
	}
	wg.Wait()
	if err := <-landed; !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrFull) {
		t.Errorf("the commit that was under way: %v, want ErrUnknown", err)
	}
	fs.open()
	want(t, s, "old", "2")
}

func TestACommitGivenUpInFlightIsUnknown(t *testing.T) {
	s, fs, landed := flying(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var b store.Batch
	b.Put(k("late"), []byte("1"))
	given := make(chan error, 1)
	go func() { given <- s.Commit(ctx, &b) }()
	for !waits(s, "late") {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-given; !errors.Is(err, store.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	b.Ops[0].Value[0] = 'X' // the caller has left: the batch is its own again
	fs.open()
	<-landed
	want(t, s, "late", "1")
}
