package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// JournalKind is what happened that a restored copy of the data must be told.
type JournalKind string

// The kinds. ID is an id or a keyed hash, never an address; Data of wraps is
// the new wrap, sealed as it is.
const (
	JournalDelivered JournalKind = "delivered" // envelope: do not send it again
	JournalRecalled  JournalKind = "recalled"  // message or envelope: do not show it again
	JournalStop      JournalKind = "stop"      // keyed hashes of a telephone and a line: consent withdrawn, or given again (Data)
	JournalErased    JournalKind = "erased"    // person: forget again
	JournalFrozen    JournalKind = "frozen"    // link or PIN of a person: frozen, locked or thawed (Data)
	JournalWraps     JournalKind = "wraps"     // message or link: its wrap moved to another group
	JournalRevoked   JournalKind = "revoked"   // device: forget it again (Data: its person)
	JournalPIN       JournalKind = "pin"       // person: they chose another PIN, or have none (Data: keyed hash of what is kept of it)
	JournalUser      JournalKind = "user"      // keyed hash of a member of staff: disabled, a password of an app removed, or their role (Data)
	journalSegment   JournalKind = "segment"   // first line of a file; ID is the keyring's
)

// Entry is one line of the journal.
type Entry struct {
	At   time.Time
	Kind JournalKind
	ID   string
	Data []byte `json:",omitempty"`
}

// Replayed says what a replay met.
type Replayed struct {
	Entries int
	Damaged int // lines that could not be read and were skipped
	Foreign int // files of another keyring, skipped
}

const (
	maxSegment   = 16 << 20
	maxEntryData = 64 << 10
	journalLag   = 50 * time.Millisecond
	journalExt   = ".log"
)

// Journal is an append-only record beside the keyring. It is not part of the
// keyring's backup nor of the data's, so restoring either does not roll it
// back. Methods may be called concurrently; all that is appended while one
// sync runs shares the next.
type Journal struct {
	dir      string
	keyring  string
	now      func() time.Time
	log      *slog.Logger
	disk     disk
	readOnly bool
	turn     int64 // octets of a file, behind which the next is begun

	mu       sync.Mutex
	flushed  sync.Cond // of mu: broadcast after each flush
	pending  []byte
	asked    int64 // appends so far
	durable  int64 // appends that are on disk
	flushing bool
	timer    bool // a flush of what Later left is on its way
	closed   bool
	err      error // sticky: after a failed sync nobody knows what is on disk

	f    *os.File // current segment; used by the one who set flushing
	n    int
	size int64
}

func openJournal(dir, keyring string, o Options, readOnly bool) (*Journal, error) {
	j := &Journal{dir: dir, keyring: keyring, now: o.Now, log: o.Logger, disk: o.disk, readOnly: readOnly, turn: maxSegment}
	j.flushed.L = &j.mu
	if readOnly {
		return j, nil
	}
	if err := o.disk.makeDir(dir); err != nil {
		return nil, err
	}
	ns, err := j.segments()
	if err != nil {
		return nil, err
	}
	n := 1
	if len(ns) > 0 {
		n = ns[len(ns)-1]
	}
	if first, ok, err := j.head(n); err != nil {
		return nil, err
	} else if ok && first.ID != keyring {
		n++ // a new keyring beside an older one's journal
	}
	return j, j.openSegment(n)
}

func (j *Journal) segmentPath(n int) string {
	return filepath.Join(j.dir, fmt.Sprintf("%08d%s", n, journalExt))
}

// segments lists the files of the journal in order.
func (j *Journal) segments() ([]int, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the journal: %w", err)
	}
	var ns []int
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), journalExt)
		n, err := strconv.Atoi(digits)
		if ok && err == nil && n > 0 && filepath.Base(j.segmentPath(n)) == e.Name() {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns, nil
}

// openSegment makes n the file that is appended to.
func (j *Journal) openSegment(n int) error {
	f, size, err := openLines(j.disk, j.segmentPath(n))
	if err != nil {
		return err
	}
	if size == 0 {
		head, err := appendLine(nil, Entry{At: j.now().UTC(), Kind: journalSegment, ID: j.keyring})
		if err == nil {
			err = j.disk.append(f, head)
		}
		if err := errors.Join(err, j.disk.syncDir(j.dir)); err != nil {
			_ = f.Close()
			return fmt.Errorf("beginning a journal file: %w", err)
		}
		size = int64(len(head))
	}
	j.f, j.n, j.size = f, n, size
	return nil
}

// Append adds entries, in order, and returns when they are durable. An entry
// without a time gets the present one. After a failed sync every Append fails.
func (j *Journal) Append(entries ...Entry) error {
	mine, err := j.add(entries)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < mine && j.err == nil {
		if j.flushing {
			j.flushed.Wait()
			continue
		}
		j.flushLocked()
	}
	return j.err
}

// Later adds entries and returns at once; they are durable some 50 ms later,
// with the next sync, or by Close. For acts that are durable elsewhere (a
// delivery is in the store): the journal only matters after a restore.
func (j *Journal) Later(entries ...Entry) error {
	if _, err := j.add(entries); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.timer {
		j.timer = true
		time.AfterFunc(journalLag, j.flushLater)
	}
	return nil
}

func (j *Journal) flushLater() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.timer = false
	for j.flushing {
		j.flushed.Wait()
	}
	if len(j.pending) > 0 && j.err == nil && !j.closed {
		j.flushLocked()
	}
}

// add queues lines and returns the number to wait for.
func (j *Journal) add(entries []Entry) (int64, error) {
	var lines []byte
	for _, e := range entries {
		if len(e.Data) > maxEntryData || e.Kind == "" || e.Kind == journalSegment {
			return 0, errors.New("appending to the journal: entry out of bounds")
		}
		if e.At.IsZero() {
			e.At = j.now()
		}
		e.At = e.At.UTC()
		var err error
		if lines, err = appendLine(lines, e); err != nil {
			return 0, err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.readOnly:
		return 0, ErrReadOnly
	case j.closed:
		return 0, ErrClosed
	case j.err != nil:
		return 0, j.err
	}
	j.pending = append(j.pending, lines...)
	j.asked++
	return j.asked, nil
}

// flushLocked writes and syncs what is pending. It lets go of mu meanwhile.
func (j *Journal) flushLocked() {
	lines, upTo := j.pending, j.asked
	j.pending, j.flushing = nil, true
	j.mu.Unlock()
	err := j.write(lines)
	j.mu.Lock()
	j.flushing = false
	if err != nil {
		j.err = err
		j.log.Error("writing the journal failed", "error", err)
	} else {
		j.durable = upTo
	}
	j.flushed.Broadcast()
}

// write appends lines to the current file, or to a new one when that is long.
func (j *Journal) write(lines []byte) error {
	if j.size > j.turn {
		old := j.f
		if err := j.openSegment(j.n + 1); err != nil {
			return err
		}
		if err := old.Close(); err != nil {
			return fmt.Errorf("closing a journal file: %w", err)
		}
	}
	j.size += int64(len(lines))
	if err := j.disk.append(j.f, lines); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Replay calls visit for each entry, oldest first, until visit fails. Damaged
// lines are skipped and counted, since the entries behind them still count.
// What a running writer has not synced yet is not seen.
func (j *Journal) Replay(visit func(Entry) error) (Replayed, error) {
	var met Replayed
	ns, err := j.segments()
	if err != nil {
		return met, err
	}
	for _, n := range ns {
		if err := j.replayFile(n, &met, visit); err != nil {
			return met, fmt.Errorf("replaying the journal: %w", err)
		}
	}
	return met, nil
}

// errForeign ends the reading of a file that belongs to another keyring.
var errForeign = errors.New("journal of another keyring")

func (j *Journal) replayFile(n int, met *Replayed, visit func(Entry) error) error {
	f, err := os.Open(j.segmentPath(n))
	if errors.Is(err, fs.ErrNotExist) { // compacted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, tooLong, err := readLines(f, func(line []byte) error {
		var e Entry
		if !parseLine(line, &e) {
			met.Damaged++
			return nil
		}
		if e.Kind == journalSegment {
			if e.ID != j.keyring {
				return errForeign
			}
			return nil
		}
		met.Entries++
		return visit(e)
	})
	met.Damaged += tooLong
	if errors.Is(err, errForeign) {
		met.Foreign++
		return nil
	}
	return err
}

// Compact removes the files of the journal that hold only entries made before
// the given time: the age of the oldest backup that may still be restored.
func (j *Journal) Compact(before time.Time) error {
	if j.readOnly {
		return ErrReadOnly
	}
	ns, err := j.segments()
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(ns); i++ {
		// The entries of a file end where the next begins.
		next, ok, err := j.head(ns[i+1])
		if err != nil {
			return err
		}
		if !ok || !next.At.Before(before) {
			break
		}
		if err := j.disk.remove(j.segmentPath(ns[i])); err != nil {
			return fmt.Errorf("compacting the journal: %w", err)
		}
	}
	return j.disk.syncDir(j.dir)
}

// head is the first line of a file; ok is false when it has none.
func (j *Journal) head(n int) (first Entry, ok bool, err error) {
	f, err := os.Open(j.segmentPath(n))
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("reading the journal: %w", err)
	}
	defer f.Close()
	stop := errors.New("first line seen")
	_, _, err = readLines(f, func(line []byte) error {
		ok = parseLine(line, &first)
		return stop
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return first, ok, err
}

// close makes what is pending durable and refuses more.
func (j *Journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.readOnly || j.closed {
		return nil
	}
	j.closed = true
	for j.flushing {
		j.flushed.Wait()
	}
	if len(j.pending) > 0 && j.err == nil {
		j.flushLocked()
	}
	return errors.Join(j.err, j.f.Close())
}
