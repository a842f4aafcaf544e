// Package room answers one question before anything is written: is there room
// on the device? It keeps a floor of free octets that the answer never lets a
// caller use, because what stands behind the store (a log being turned over, a
// table being flushed) needs some after the last commit was refused. It
// reserves nothing and writes nothing.
package room

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
)

// stale is how old the device's answer may be before it is asked again.
const stale = 20 * time.Millisecond

// Room watches the device under one directory. It is safe for concurrent use.
type Room struct {
	fs    vfs.FS
	dir   string
	floor uint64

	mu    sync.Mutex
	free  uint64 // as last told, less what was taken since
	asked time.Time
	blind bool // this file system cannot tell; nothing is refused
}

// New watches the device under dir, which must exist. floor is in octets.
func New(fs vfs.FS, dir string, floor uint64) *Room {
	return &Room{fs: fs, dir: dir, floor: floor}
}

// Total is the size of the device under dir in octets, 0 when the file system
// cannot tell.
func Total(fs vfs.FS, dir string) uint64 {
	usage, err := fs.GetDiskUsage(dir)
	if err != nil {
		return 0
	}
	return usage.TotalBytes
}

// Take asks for n octets above the floor. ErrFull: they are not there, do not
// write. What was taken is counted until the device is asked again.
func (r *Room) Take(n int) error { return r.take(n, r.floor) }

// TakeToSettle is Take for what makes room or ends work that was begun: it may
// use half of the floor, so that a full device can still be emptied.
func (r *Room) TakeToSettle(n int) error { return r.take(n, r.floor/2) }

// TakeToMerge is Take for what the engine rewrites to make room of deletions:
// it may use all but a quarter of the floor, more than the deletions, without
// which it has nothing to do.
func (r *Room) TakeToMerge(n int) error { return r.take(n, r.floor/4) }

func (r *Room) take(n int, floor uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if need := uint64(n) + floor; r.blind || r.free >= need && time.Since(r.asked) < stale {
		r.free -= min(r.free, uint64(n))
		return nil
	}
	if err := r.askLocked(); err != nil {
		return err
	}
	if !r.blind && r.free < uint64(n)+floor {
		return store.ErrFull
	}
	r.free -= min(r.free, uint64(n))
	return nil
}

// Free is how many octets the device has left. ok is false when the file
// system cannot tell.
func (r *Room) Free() (free uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.askLocked()
	return r.free, err == nil && !r.blind
}

func (r *Room) askLocked() error {
	usage, err := r.fs.GetDiskUsage(r.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		r.blind = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	r.blind, r.free, r.asked = false, usage.AvailBytes, time.Now()
	return nil
}
