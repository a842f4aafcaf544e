package pebblestore

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store/room"
)

// spareLog is a log for the engine that has been filled with zeros ahead of
// time. An fsync of a file that grows waits for the file system's journal too,
// one of a file that is written over for its octets only, which takes a fraction
// of the time. The engine uses its old logs again for this reason, but has none
// after a start, and only short ones soon after.
type spareLog struct {
	fs     vfs.FS
	path   string
	size   int64
	wanted chan struct{} // of size 1

	mu    sync.Mutex
	ready bool
	begun int // logs
}

func newSpareLog(fs vfs.FS, dir string, memTable int) *spareLog {
	// As much as the engine preallocates for a log.
	l := &spareLog{fs: fs, path: fs.PathJoin(dir, "spare"), size: int64(memTable + memTable/10), wanted: make(chan struct{}, 1)}
	info, err := fs.Stat(l.path)
	l.ready = err == nil && info.Size() == l.size // of an earlier run
	return l
}

// take turns the spare into the log of a name. false: there is none.
func (l *spareLog) take(name string, category vfs.DiskWriteCategory) (vfs.File, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A store that never fills its first log needs no spare.
	if l.begun++; l.begun > 1 {
		defer l.want()
	}
	if !l.ready {
		return nil, false
	}
	l.ready = false
	if err := l.fs.Rename(l.path, name); err != nil {
		return nil, false
	}
	f, err := l.fs.OpenReadWrite(name, category)
	return f, err == nil
}

func (l *spareLog) want() {
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}

// refill makes a spare where there is none and plenty of room, unless closing
// ends. Without one the engine makes its logs itself.
func (l *spareLog) refill(r *room.Room, closing <-chan struct{}) {
	l.mu.Lock()
	ready := l.ready
	l.mu.Unlock()
	if ready || r.Take(2*int(l.size)) != nil {
		return
	}
	draft := l.path + ".new"
	err := l.fill(draft, closing)
	if err == nil {
		err = l.fs.Rename(draft, l.path)
	}
	if err != nil {
		_ = l.fs.Remove(draft)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = true
}

var errClosing = errors.New("pebblestore: the store is being closed")

// fill writes zeros, in pieces for which no other fsync has to wait long.
func (l *spareLog) fill(name string, closing <-chan struct{}) (err error) {
	f, err := l.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_ = f.Preallocate(0, l.size) // what not every file system can
	zeros := make([]byte, 256<<10)
	for left := l.size; left > 0; {
		select {
		case <-closing:
			return errClosing
		default:
		}
		n, err := f.Write(zeros[:min(left, int64(len(zeros)))])
		if err == nil {
			err = f.SyncData()
		}
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return f.Sync()
}
