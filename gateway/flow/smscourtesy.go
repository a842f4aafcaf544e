package flow

import (
	"context"
	"sync"
	"time"
)

// While applications hand over many short messages, what was accepted leaves in
// groups: a group shares its writes to the carrier, its answers and the commit
// that settles it, and between two groups the machine belongs to those who wait
// for an answer. What comes alone leaves at once.
const (
	manyIn    = 50 * time.Millisecond
	many      = 10                    // accepted in manyIn and in the one before, from which deliveries group
	groupTime = 50 * time.Millisecond // the longest that one waits for its group
)

// courtesy of deliveries towards acceptance. The zero value is ready.
type courtesy struct {
	mu     sync.Mutex
	began  time.Time     // of the present span of manyIn
	now    int           // accepted in it
	past   int           // accepted in the one before
	group  chan struct{} // closed when the group leaves; nil: none gathers
	inside int           // of group
}

// accepted counts a message.
func (c *courtesy) accepted(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnLocked(at)
	c.now++
}

// turnLocked begins a new span when the present one is over.
func (c *courtesy) turnLocked(at time.Time) {
	switch age := at.Sub(c.began); {
	case age >= 2*manyIn || age < 0:
		c.began, c.past, c.now = at, 0, 0
	case age >= manyIn:
		c.began, c.past, c.now = at, c.now, 0
	}
}

// wait returns when a delivery may leave: at once, or with its group, which is
// whole when enough are in it.
func (c *courtesy) wait(ctx context.Context, at time.Time, enough int) {
	group := c.join(at, enough)
	if group == nil {
		return
	}
	select {
	case <-group:
	case <-ctx.Done():
	}
}

// join puts a delivery into the group; nil: it leaves at once.
func (c *courtesy) join(at time.Time, enough int) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turnLocked(at); c.now+c.past < many {
		return nil
	}
	if c.group == nil {
		group := make(chan struct{})
		c.group, c.inside = group, 0
		time.AfterFunc(groupTime, func() { c.leave(group) })
	}
	group := c.group
	if c.inside++; c.inside >= enough {
		c.leaveLocked(group)
	}
	return group
}

func (c *courtesy) leave(group chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveLocked(group)
}

// leaveLocked lets a group go that has not gone yet.
func (c *courtesy) leaveLocked(group chan struct{}) {
	if c.group == group {
		close(group)
		c.group = nil
	}
}
