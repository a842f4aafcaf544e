package pebblestore

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/room"
)

// guard is the file system that the engine is given. The engine treats a
// failed write of its log or manifest as the end (it panics, sometimes with a
// mutex in a state that no recover survives, or calls Fatalf), and retries a
// failed flush at once and for ever. So its writes do not fail:
//
//   - without room they wait. The ballast is given up first. A compaction
//     alone is let go, because ending it frees what it wrote: at once, and
//     while the others still have room. If it waited, it would keep what it
//     holds from the deletions that make room;
//   - with any other error the store has failed, and this call and each later
//     one that would change a file of the store never returns. What is on the
//     device stays as it is until a restart reads it.
//
// Files outside the store's directory (a backup) are left to fail as they do,
// but for the fsync of a directory: the engine would panic, see copyDir.
type guard struct {
	vfs.FS
	dir     string
	health  *store.Health
	room    *room.Room
	ballast *ballast
	spare   *spareLog
	waits   atomic.Int32
	rests   atomic.Pointer[time.Time] // until when compactions begin no file
	once    sync.Once
	closing chan struct{}
	logs    liveLogs

	copyMu  sync.Mutex
	copyErr error // of the backup that is being made
}

const (
	// roomPoll is how often a write that waits for room is tried.
	roomPoll = 50 * time.Millisecond
	// compactionRest is how long compactions begin no file after one was let
	// go: the engine tries it again at once, and it would have taken all room
	// before anybody else came to it. Less than the 5 s from which on the engine
	// calls a device slow.
	compactionRest = 3 * time.Second
	// tendPoll is how often a ballast that was given up is sought anew.
	tendPoll = time.Second
)

func newGuard(fs vfs.FS, dir string, h *store.Health, r *room.Room, memTable int) *guard {
	return &guard{
		FS: fs, dir: dir, health: h, room: r, closing: make(chan struct{}),
		ballast: newBallast(fs, dir, int64(ballastTables*memTable)), spare: newSpareLog(fs, dir, memTable),
	}
}

// waiting reports whether a write of the engine waits for room.
func (g *guard) waiting() bool { return g.waits.Load() > 0 }

// close lets go of what waits for room: the engine is to end, and what it has
// not written is in its log or was never acknowledged.
func (g *guard) close() { g.once.Do(func() { close(g.closing) }) }

func (g *guard) closed() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

// tend seeks the ballast again after it was given up, and makes spare logs.
func (g *guard) tend() {
	tick := time.NewTicker(tendPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.ballast.refill(g.room)
		case <-g.spare.wanted:
			g.spare.refill(g.room, g.closing)
		case <-g.closing:
			return
		}
	}
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// try runs a write until it succeeds, or has no room and may not wait for it.
func (g *guard) try(write func() error, mayWait bool) error {
	for {
		g.thaw()
		err := write()
		switch {
		case err == nil:
			return nil
		case !noRoom(err):
			g.health.Fail(err)
			continue
		case g.ballast.release():
			continue
		case !mayWait, !g.await():
			return err
		}
	}
}

// sync runs what must not be tried again: after a failed fsync the
// kernel may have dropped the pages, and a second one would succeed over
// nothing.
func (g *guard) sync(write func() error) error {
	g.thaw()
	err := write()
	if err != nil {
		g.health.Fail(err)
		g.thaw()
	}
	return err
}

// thaw returns at once, or never once the store has failed.
func (g *guard) thaw() {
	if g.health.Err() != nil {
		select {}
	}
}

// await waits a moment for room. false: the engine is to end.
func (g *guard) await() bool {
	g.waits.Add(1)
	defer g.waits.Add(-1)
	select {
	case <-time.After(roomPoll):
		return true
	case <-g.closing:
		return false
	case <-g.health.Failed():
		return true
	}
}

// compact is try for n octets of a compaction, which leaves the last of the
// floor to others: to end it, the manifest has to be written too.
func (g *guard) compact(n int, write func() error) error {
	err := g.try(func() error {
		if errors.Is(g.room.TakeToMerge(n), store.ErrFull) {
			return syscall.ENOSPC
		}
		return write()
	}, false)
	if err != nil {
		until := time.Now().Add(compactionRest)
		g.rests.Store(&until)
	}
	return err
}

// rest waits until compactions may begin a file. What one holds that has begun
// others, it holds meanwhile.
func (g *guard) rest() {
	until := g.rests.Load()
	if until == nil {
		return
	}
	select {
	case <-time.After(time.Until(*until)):
	case <-g.closing:
	case <-g.health.Failed():
	}
}

// guards reports whether name is a file of the store, or its directory.
func (g *guard) guards(name string) bool {
	return name == g.dir || g.PathDir(name) == g.dir
}

// make opens a file for writing.
func (g *guard) make(name string, category vfs.DiskWriteCategory, open func() (vfs.File, error)) (_ vfs.File, err error) {
	if !g.guards(name) {
		return open()
	}
	guarded := guardedFile{guard: g, compacts: category == "pebble-compaction" || category == "pebble-blob-file-rewrite"}
	if guarded.compacts {
		g.rest()
	}
	err = guarded.try(0, func() error {
		guarded.File, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	if !isLog(name) {
		return &guarded, nil
	}
	g.logs.begin(name)
	return &logFile{guardedFile: guarded, name: name}, nil
}

// Create implements vfs.FS.
func (g *guard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.make(name, category, func() (vfs.File, error) {
		if isLog(name) && g.guards(name) {
			if f, ok := g.spare.take(name, category); ok {
				return f, nil
			}
		}
		return g.FS.Create(name, category)
	})
}

// ReuseForWrite implements vfs.FS. A short log from soon after the start would
// grow again.
func (g *guard) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.make(to, category, func() (vfs.File, error) {
		if info, err := g.FS.Stat(from); err == nil && info.Size() < g.spare.size/2 {
			if f, ok := g.spare.take(to, category); ok {
				_ = g.FS.Remove(from) // else the next start removes it
				return f, nil
			}
		}
		return g.FS.ReuseForWrite(from, to, category)
	})
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.make(name, category, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, category, opts...) })
}

// OpenDir implements vfs.FS.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	if !g.guards(name) {
		f, err := g.FS.OpenDir(name)
		if err != nil {
			return nil, err
		}
		return &copyDir{File: f, guard: g}, nil
	}
	return g.make(name, vfs.WriteCategoryUnspecified, func() (vfs.File, error) { return g.FS.OpenDir(name) })
}

// Rename implements vfs.FS.
func (g *guard) Rename(from, to string) error {
	if !g.guards(to) {
		return g.FS.Rename(from, to)
	}
	return g.try(func() error { return g.FS.Rename(from, to) }, true)
}

// Remove implements vfs.FS. That a file stays is an error that the engine
// bears.
func (g *guard) Remove(name string) error {
	if g.guards(name) {
		g.thaw()
	}
	return g.FS.Remove(name)
}

// MkdirAll implements vfs.FS. The engine asks for modes that would let other
// users look into the directory.
func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.FS.MkdirAll(dir, perm&0o700)
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardedFile is a file of the store that is written.
type guardedFile struct {
	vfs.File
	guard    *guard
	compacts bool // is the output of a compaction
}

// try is the guard's, for n octets.
func (f *guardedFile) try(n int, write func() error) error {
	if f.compacts {
		return f.guard.compact(n, write)
	}
	return f.guard.try(write, true)
}

// Write writes all of p, in pieces if the device fills up in between.
func (f *guardedFile) Write(p []byte) (n int, err error) {
	err = f.try(len(p), func() error {
		done, err := f.File.Write(p[n:])
		n += done
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
	return n, err
}

// WriteAt writes all of p.
func (f *guardedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.try(len(p), func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *guardedFile) Sync() error     { return f.guard.sync(f.File.Sync) }
func (f *guardedFile) SyncData() error { return f.guard.sync(f.File.SyncData) }
func (f *guardedFile) Close() error    { return f.guard.sync(f.File.Close) }

func (f *guardedFile) SyncTo(length int64) (full bool, err error) {
	err = f.guard.sync(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// copyDir is a directory of a backup. That it cannot be made durable is told
// by copyFailed.
type copyDir struct {
	vfs.File
	guard *guard
}

func (d *copyDir) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.guard.copyMu.Lock()
		defer d.guard.copyMu.Unlock()
		d.guard.copyErr = err
	}
	return nil
}

// copyFailed returns what fsyncs of a backup's directories met since the last
// call.
func (g *guard) copyFailed() error {
	g.copyMu.Lock()
	defer g.copyMu.Unlock()
	err := g.copyErr
	g.copyErr = nil
	return err
}
