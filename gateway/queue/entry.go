package queue

import (
	"container/heap"
	"time"

	"gatepost/gateway"
)

// where an entry is.
type where uint8

const (
	loading where = iota // being read from the store
	resting              // in the heap until it is due
	queued               // with its destination
	flying               // in an attempt
	landing              // its outcome is being stored
	claimed              // an operator works on it
)

// entry is an envelope in memory. Its fields are guarded by Queue.mu, but
// envelope, which is only replaced, never changed.
type entry struct {
	id       gateway.EnvelopeID
	envelope *gateway.Envelope // nil while loading and claimed
	// record is the value of the store that envelope was read from or written
	// as; nil where nobody kept it.
	record []byte
	// destination is the courier's name for where it goes.
	destination string
	due         time.Time
	mark        uint64 // that its row is parked under; 0: it is not
	size        int64
	counted     bool // size is part of Queue.bytes
	loaded      bool // came out of the store, not by Stage
	where       where
	index       int // in the heap
}

// groupKey says which envelopes may share an attempt.
type groupKey struct {
	message gateway.MessageID
	blob    string // of the notice; "" for the message itself
	sender  gateway.Address
	action  gateway.Action
	n       uint32 // the envelope's own number where it must go alone
}

func keyOf(e *gateway.Envelope) groupKey {
	k := groupKey{message: e.ID.Message, sender: e.Sender, action: e.Action}
	if e.Notice != nil {
		k.blob = e.Notice.Body.Blob
	}
	if e.Action == gateway.TLS || e.Confidential { // may turn into a notice of its own
		k.n = e.ID.N + 1
	}
	return k
}

// waitHeap orders entries by time. It implements heap.Interface.
type waitHeap []*entry

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waitHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *waitHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

// entryCost (octets) is what an entry and its envelope take beside texts and record.
const entryCost = 1 << 10

// sizeOf is what an envelope takes in memory, about: its texts stand in the record,
// too.
func sizeOf(record []byte) int64 { return int64(entryCost + 2*len(record)) }

func (h *waitHeap) remove(e *entry) { heap.Remove(h, e.index) }
