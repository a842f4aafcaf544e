package seal

import "sync"

// background runs jobs beside the callers, each at most once at a time.
type background struct {
	mu      sync.Mutex
	running map[string]bool
	stopped bool
	done    sync.WaitGroup
}

// start runs job unless a job of this name is running or stop was called.
func (b *background) start(name string, job func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.running[name] {
		return
	}
	if b.running == nil {
		b.running = make(map[string]bool)
	}
	b.running[name] = true
	b.done.Go(func() {
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.running, name)
		}()
		job()
	})
}

// stop refuses new jobs and waits for the running ones.
func (b *background) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.done.Wait()
}
