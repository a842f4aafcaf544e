package flow

import (
	"sync"

	"gatepost/gateway"
)

// Limits of what is kept of messages that were just accepted, so that their
// first delivery need not read and open them again. Octets; the clear text
// lives in memory only, no longer than until the delivery ends.
const (
	freshBytes  = 32 << 20
	freshSingle = smallMessage
)

// fresh is a bounded memory of accepted messages. What does not fit is read
// from the store, nothing waits for room.
type fresh struct {
	mu       sync.Mutex
	room     int64
	messages map[gateway.MessageID]freshMessage
}

type freshMessage struct {
	record *gateway.Message
	raw    []byte
}

func newFresh(room int64) *fresh {
	return &fresh{room: room, messages: make(map[gateway.MessageID]freshMessage)}
}

func (c *fresh) wants(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return size <= freshSingle && size <= c.room
}

func (c *fresh) put(m *gateway.Message, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.messages[m.ID]; twice || int64(len(raw)) > c.room {
		return
	}
	c.room -= int64(len(raw))
	c.messages[m.ID] = freshMessage{record: m, raw: raw}
}

func (c *fresh) get(id gateway.MessageID) (*gateway.Message, []byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.messages[id]
	return m.record, m.raw, ok
}

func (c *fresh) drop(id gateway.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.messages[id]; ok {
		c.room += int64(len(m.raw))
		delete(c.messages, id)
	}
}
