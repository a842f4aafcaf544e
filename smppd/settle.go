package smppd

import "time"

const (
	maxSettled  = 256         // keys of one settlement
	settleRetry = time.Second // after one that failed
)

// sentLocked settles a delivery that the application has acknowledged. It
// needs the lock.
func (a *account) sentLocked(f *flight) {
	f.stage = sent
	a.post.settle = append(a.post.settle, f)
	if !a.post.settling {
		a.post.settling = true
		a.srv.live.Add(1)
		go a.settleAll()
	}
}

// settleAll is the goroutine that settles until nothing is left to. What is
// acknowledged while it waits for the Gateway goes into the next batch.
func (a *account) settleAll() {
	defer a.srv.live.Done()
	for {
		batch := a.settlement()
		if len(batch) == 0 {
			return
		}
		keys := make([]string, len(batch))
		for i, f := range batch {
			keys[i] = f.key
		}
		for {
			err := a.srv.guard(func() error { return a.srv.gateway.DeliveriesDone(a.srv.ctx, a.id, keys) })
			if err == nil {
				break
			}
			a.srv.cfg.Logger.Warn("settling deliveries failed", "name", a.id, "count", len(keys), "error", err)
			if !a.srv.sleep(settleRetry) {
				return // they come again: at least once is the promise
			}
		}
		a.finish(batch)
	}
}

// settlement takes the next batch; none ends the settling.
func (a *account) settlement() []*flight {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.post
	n := min(len(p.settle), maxSettled)
	batch := p.settle[:n:n]
	if p.settle = p.settle[n:]; len(p.settle) == 0 {
		p.settle = nil
	}
	p.settling = n > 0
	return batch
}

// finish notes what is durably settled. It is forgotten when the pump next
// asks the Gateway, and not before: what the pump was told earlier may name it.
func (a *account) finish(batch []*flight) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range batch {
		f.stage = settled
	}
	a.post.finished = append(a.post.finished, batch...)
	if !a.post.pumping {
		a.forgetLocked()
	}
}

// forgetLocked forgets what is settled. It needs the lock.
func (a *account) forgetLocked() {
	for _, f := range a.post.finished {
		delete(a.post.flights, f.key)
	}
	a.post.finished = nil
}
