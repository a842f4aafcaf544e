package smppd

import (
	"sync"
	"time"
)

// flow is what of a session is under way at the Gateway: at most as many
// requests as the window is wide, done by workers that begin with the first
// requests and end with the session. Requests are begun in their order.
type flow struct {
	window  int // constant after the bind
	inside  int // octets that may be under way, one request excepted
	helpers sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed *sync.Cond // a request or a delivery was finished
	work    *sync.Cond // there is a request to begin
	queue   []job      // from head on not begun
	head    int
	count   int // begun or not, and not finished
	octets  int // of them
	owed    int // deliveries that wait for the peer's answer
	workers int
	idle    int // workers that wait
	closed  bool
}

func (f *flow) init() {
	f.changed = sync.NewCond(&f.mu)
	f.work = sync.NewCond(&f.mu)
}

// begin takes j as soon as the window has room for it. While it waits the
// peer is not read from.
func (f *flow) begin(j job, do func(job)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.count >= f.window || f.count > 0 && f.octets+j.size > f.inside {
		f.changed.Wait()
	}
	f.count++
	f.octets += j.size
	f.queue = append(f.queue, j)
	if f.idle < len(f.queue)-f.head && f.workers < f.window {
		f.workers++
		f.helpers.Add(1)
		go f.worker(do)
		return
	}
	f.work.Signal()
}

// worker does requests until the session ends.
func (f *flow) worker(do func(job)) {
	defer f.helpers.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		for len(f.queue) == f.head && !f.closed {
			f.idle++
			f.work.Wait()
			f.idle--
		}
		if len(f.queue) == f.head {
			f.workers--
			f.changed.Broadcast()
			return
		}
		j := f.nextLocked()
		f.mu.Unlock()
		do(j)
		f.mu.Lock()
		f.count--
		f.octets -= j.size
		f.changed.Broadcast()
	}
}

// nextLocked takes the oldest request out of the queue. It needs the lock.
func (f *flow) nextLocked() job {
	j := f.queue[f.head]
	f.queue[f.head] = job{}
	if f.head++; f.head == len(f.queue) {
		f.queue, f.head = f.queue[:0], 0
	}
	return j
}

// finish waits until what was begun is done, and ends the workers.
func (f *flow) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.work.Broadcast()
	for f.workers > 0 {
		f.changed.Wait()
	}
}

// owe counts deliveries that wait for the peer's answer.
func (f *flow) owe(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owed += n; n < 0 {
		f.changed.Broadcast()
	}
}

// quiet waits until nothing is under way in either direction, or at most for
// that time.
func (f *flow) quiet(longest time.Duration) {
	late := false
	t := time.AfterFunc(longest, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		late = true
		f.changed.Broadcast()
	})
	defer t.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for (f.count > 0 || f.owed > 0) && !late && !f.closed {
		f.changed.Wait()
	}
}
