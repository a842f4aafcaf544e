package queue

import (
	"context"
	"sync"
	"time"
)

// run stores settlements until ctx ends, and then what is left, for a limited
// time.
//
// Until a result is stored, a power cut makes its mail go out again, so nothing
// waits for others to join it: what comes after a pause is committed at once,
// and what comes after that, SettleEvery later, together. Nor does it wait for the
// commit before it, as long as a few are under way: the device needs its time
// to flush, and a result would be at risk for twice that.
func (s *settler) run(ctx context.Context) {
	var commits sync.WaitGroup
	places := make(chan struct{}, commitsAtOnce)
	var last time.Time
	for s.rest(ctx) && s.pace(ctx, last) {
		places <- struct{}{}
		list := s.collect()
		if len(list) == 0 {
			<-places
			continue
		}
		last = time.Now()
		commits.Go(func() {
			s.round(list)
			<-places
		})
	}
	commits.Wait()
	for end := time.Now().Add(closingTime); s.backlog() > 0 && time.Now().Before(end); {
		if list := s.collect(); len(list) > 0 {
			s.round(list)
		} else {
			time.Sleep(firstTry)
		}
	}
	if n := s.backlog(); n > 0 {
		s.q.log.Error("results of deliveries could not be stored before the end: they may be delivered again", "count", n)
	}
}

// rest waits until there may be something to store. false: ctx has ended.
func (s *settler) rest(ctx context.Context) bool {
	wait := s.q.config.RescanEvery
	if next, ok := s.next(); ok {
		wait = max(0, next.Sub(s.q.now()))
	}
	select {
	case <-ctx.Done():
	case <-s.arrived:
	case <-time.After(wait):
	}
	return ctx.Err() == nil
}

// pace waits until the next commit may begin after the one at last, or has
// nothing to wait for. false: ctx has ended.
func (s *settler) pace(ctx context.Context, last time.Time) bool {
	wait := s.q.config.SettleEvery - time.Since(last)
	if wait <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-s.full:
	case <-time.After(wait):
	}
	return true
}

// next is when the first pending settlement may be tried.
func (s *settler) next() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.pending {
		if !ok || st.notYet.Before(at) {
			at, ok = st.notYet, true
		}
	}
	return at, ok
}
