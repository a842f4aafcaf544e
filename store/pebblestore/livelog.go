package pebblestore

import (
	"io"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// liveLogs knows how much of each log of the engine has been written. A log
// file is used again when its content is in tables, so behind the last octet of
// the new log stands an old one. A backup copies the log while it grows: if it
// took some of the old octets, and later ones from where the new log had come
// to meanwhile, the copy would have a hole that no Open reads over. Therefore
// the copy ends at what was written when it began, which is a log as a crash at
// that moment leaves it. What was acknowledged before is in it.
type liveLogs struct {
	mu    sync.Mutex
	sizes map[string]int64 // by path, in octets; only of files being written
}

// isLog reports whether name is a log of the engine.
func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// begin notes that name is written from its start.
func (l *liveLogs) begin(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sizes == nil {
		l.sizes = make(map[string]int64)
	}
	l.sizes[name] = 0
}

// grow notes n more octets, after they were written.
func (l *liveLogs) grow(name string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sizes[name] += int64(n)
}

// end notes that name is complete: it now has the mark at which readers stop.
func (l *liveLogs) end(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sizes, name)
}

// size is how much of name is written. live is false when nobody writes it.
func (l *liveLogs) size(name string) (n int64, live bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, live = l.sizes[name]
	return n, live
}

// Open implements vfs.FS. Of a log that is being written it shows what was
// written so far.
func (g *guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	size, live := g.logs.size(name)
	f, err := g.FS.Open(name, opts...)
	if err != nil || !live {
		return f, err
	}
	return &beginning{File: f, rest: io.LimitedReader{R: f, N: size}}, nil
}

// beginning is a file that seems to end earlier, for who reads it in sequence.
type beginning struct {
	vfs.File
	rest io.LimitedReader
}

func (b *beginning) Read(p []byte) (int, error) { return b.rest.Read(p) }

// logFile is a log that is being written.
type logFile struct {
	guardedFile
	name string
}

func (f *logFile) Write(p []byte) (int, error) {
	n, err := f.guardedFile.Write(p)
	f.guard.logs.grow(f.name, n)
	return n, err
}

func (f *logFile) Close() error {
	defer f.guard.logs.end(f.name)
	return f.guardedFile.Close()
}
