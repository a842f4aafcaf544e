package imapd

import (
	"container/list"
	"sync"
	"time"

	"gatepost/gateway"
)

// row is what a list shows of an entry: all but the marks, which never changes
// for its UID. The texts are as they go out.
type row struct {
	at        time.Time
	size      int64
	envelope  string // "" until asked for
	body      string // BODY
	structure string // BODYSTRUCTURE
	entry     gateway.MailEntry
}

// rows keeps rows ready, so that a client that lists a folder again costs no
// look at the store. What was not asked for the longest goes first. It is safe
// for concurrent use; a row is not changed once it is in.
type rows struct {
	limit int // octets

	mu    sync.Mutex // guards what follows
	known map[rowKey]*list.Element
	order *list.List // of *keptRow, newest use first
	size  int
}

// rowKey names an entry. A folder of held mail is that of its reader here.
type rowKey struct {
	user     gateway.Address
	folder   gateway.Folder
	validity uint32
	uid      gateway.UID
}

type keptRow struct {
	key  rowKey
	row  *row
	size int
}

func newRows(limit int) *rows {
	return &rows{limit: limit, known: make(map[rowKey]*list.Element), order: list.New()}
}

// rowCost is what a row takes beside its texts, about.
const rowCost = 400

// get finds the rows of uids; those that are not known are nil.
func (r *rows) get(key rowKey, uids []gateway.UID) []*row {
	found := make([]*row, len(uids))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, uid := range uids {
		key.uid = uid
		if e := r.known[key]; e != nil {
			r.order.MoveToFront(e)
			found[i] = e.Value.(*keptRow).row
		}
	}
	return found
}

// put keeps a row in place of one that knew less.
func (r *rows) put(key rowKey, w *row) {
	size := rowCost + len(w.envelope) + len(w.body) + len(w.structure) + len(w.entry.Head) + len(w.entry.Inline)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.known[key]; e != nil {
		r.removeLocked(e)
	}
	r.known[key] = r.order.PushFront(&keptRow{key, w, size})
	r.size += size
	for r.size > r.limit && r.order.Len() > 0 {
		r.removeLocked(r.order.Back())
	}
}

// drop forgets the rows of uids, which are gone.
func (r *rows) drop(key rowKey, uids []gateway.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key.uid = range uids {
		if e := r.known[key]; e != nil {
			r.removeLocked(e)
		}
	}
}

func (r *rows) removeLocked(e *list.Element) {
	k := r.order.Remove(e).(*keptRow)
	delete(r.known, k.key)
	r.size -= k.size
}

// forget drops everything.
func (r *rows) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.known)
	r.order.Init()
	r.size = 0
}
