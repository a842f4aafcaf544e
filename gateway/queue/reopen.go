package queue

import "container/heap"

// Reopen is for whoever knows that a destination takes again what it is given:
// its pause ends, and what waits because its link had failed is due now. What
// was refused for the time being keeps its time.
func (q *Queue) Reopen(destination string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.poke()
	if d := q.destinations[destination]; d != nil {
		d.reopen()
		q.listLocked(d)
	}
	q.wantLocked(markOf(destination), everything)
	now := q.now()
	for _, e := range q.waiting {
		if e.destination == destination && ofTheLink(e.envelope.Last) && e.due.After(now) {
			e.due = earliest(e.envelope, now)
		}
	}
	heap.Init(&q.waiting)
}
