package flow

import (
	"slices"
	"sync"
	"time"

	"gatepost/gateway"
)

// Limits of what is kept of messages that were just accepted, so that their
// first delivery need not read and open them again: the record, and where the
// original leaves, its octets. Octets; the clear text lives in memory only, no
// longer than until the delivery ends.
const (
	freshBytes  = 32 << 20
	freshSingle = smallMessage
	freshRecord = 4 << 10 // what the record of a message takes beside its octets, with its wraps and its verdict
)

// fresh is a bounded memory of accepted messages. What does not fit is read
// from the store, nothing waits for room.
type fresh struct {
	mu       sync.Mutex
	room     int64
	messages map[gateway.MessageID]freshMessage
}

type freshMessage struct {
	record   *gateway.Message
	value    []byte            // that record has in the store
	raw      []byte            // nil: the original does not leave
	segments []gateway.Segment // that are packed in raw; nil for a mail
	takings  uint64            // of the flow, before the message was committed
}

func newFresh(room int64) *fresh {
	return &fresh{room: room, messages: make(map[gateway.MessageID]freshMessage)}
}

func (c *fresh) wants(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return size <= freshSingle && size <= c.room
}

func (c *fresh) put(m freshMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.messages[m.record.ID]; twice || m.size() > c.room {
		return
	}
	c.room -= m.size()
	c.messages[m.record.ID] = m
}

// size is what counts of a message: its record and its value, the memory of its octets, and
// those of its segments, which are less than half of how they are packed.
// Messages that wait for a next hop stay here; thousands of small ones weigh
// more by their records than by their octets.
func (m *freshMessage) size() int64 {
	octets := int64(cap(m.raw))
	if m.segments != nil {
		octets *= 2
	}
	return freshRecord + int64(cap(m.value)) + octets
}

// parts returns the segments of a short message.
func (c *fresh) parts(id gateway.MessageID) ([]gateway.Segment, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.messages[id]
	return slices.Clone(m.segments), m.segments != nil
}

// record returns the record of a message.
func (c *fresh) record(id gateway.MessageID) (*gateway.Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.messages[id]
	return m.record, ok
}

// written is record, with the value that it was stored as.
func (c *fresh) written(id gateway.MessageID) (m *gateway.Message, value []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.messages[id]
	return one.record, one.value, ok
}

// accepted is record, with how often anything had been taken back before.
func (c *fresh) accepted(id gateway.MessageID) (m *gateway.Message, takings uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.messages[id]
	return one.record, one.takings, ok
}

// octets returns those of a message whose original leaves.
func (c *fresh) octets(id gateway.MessageID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.messages[id]
	return m.raw, m.raw != nil
}

func (c *fresh) drop(id gateway.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.messages[id]; ok {
		c.room += m.size()
		delete(c.messages, id)
	}
}

// remember is what is kept in memory, from the commit on, for the attempts that
// follow it: the original where it leaves, else the record alone, which a notice is
// delivered and settled by; nil for nothing.
func (a *arrival) remember(m *gateway.Message, value []byte, envelopes []gateway.Envelope) *freshMessage {
	one := &freshMessage{record: m, value: value, takings: a.flow.takings.Load()}
	switch {
	case slices.ContainsFunc(envelopes, a.originalLeavesNow):
		if a.outward != nil || !a.flow.fresh.wants(a.taken.size) {
			return nil
		}
		one.raw, one.segments = a.taken.raw, a.segments()
	case !m.Spool.IsZero(), !slices.ContainsFunc(envelopes, a.leavesNow): // something waits
		return nil
	}
	return one
}

// putFresh keeps it, before the queue hears of the envelopes: what is put when their
// delivery has ended nobody drops, and its clear text would stay.
func (a *arrival) putFresh() {
	if a.fresh != nil {
		a.flow.fresh.put(*a.fresh)
	}
}

// leavesNow reports whether something is about to leave for a staged envelope.
// What waits for its hour, or for a next hop that is away, does not wait in
// memory.
func (a *arrival) leavesNow(e gateway.Envelope) bool {
	return e.State == gateway.Queued && e.Next.Before(a.now.Add(time.Minute))
}

// originalLeavesNow is leavesNow of the original.
func (a *arrival) originalLeavesNow(e gateway.Envelope) bool {
	return e.Notice == nil && a.leavesNow(e)
}
