package pebblestore

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store/room"
)

// ballast is room on the device that is held by a file of no content and given
// up when somebody else has filled the rest, so that the engine can end what
// it has begun.
type ballast struct {
	fs   vfs.FS
	path string
	size int64

	mu   sync.Mutex
	held bool
}

func newBallast(fs vfs.FS, dir string, size int64) *ballast {
	b := &ballast{fs: fs, path: fs.PathJoin(dir, "ballast"), size: size}
	_, err := fs.Stat(b.path)
	b.held = err == nil // by an earlier run
	return b
}

// release gives the room up. false: there was none.
func (b *ballast) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		return false
	}
	b.held = false
	return b.fs.Remove(b.path) == nil
}

// renew makes sure that the ballast has its size, whatever a run before this
// one left of it.
func (b *ballast) renew(r *room.Room) {
	b.release()
	b.refill(r)
}

// refill takes the room again when there is plenty.
func (b *ballast) refill(r *room.Room) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held || r.Take(2*int(b.size)) != nil {
		return
	}
	// A file system that cannot preallocate has no ballast; the floor remains.
	b.held = b.fillLocked() == nil
	if !b.held {
		_ = b.fs.Remove(b.path)
	}
}

func (b *ballast) fillLocked() error {
	f, err := b.fs.Create(b.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Preallocate(0, b.size), f.Sync(), f.Close())
}
