package imapd

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"gatepost/gateway"
)

// opened is a message, or why it is none.
type opened struct {
	octets *octets
	err    error
}

// ahead opens messages of a FETCH while those before them are sent: taking a
// key out of its wrap costs more than sending an ordinary mail.
type ahead struct {
	results []chan opened
	tickets chan struct{} // as many as may be open and not sent
	quit    context.CancelFunc
	wait    sync.WaitGroup
	taken   int
}

// openedAhead is how many messages a FETCH has open at most.
const openedAhead = 8

// openAhead begins to open what items need. Each is to be taken with next, in
// order; stop closes what was not.
func (f *fetch) openAhead(ctx context.Context, items []item) *ahead {
	ctx, quit := context.WithCancel(ctx)
	h := &ahead{results: make([]chan opened, len(items)), tickets: make(chan struct{}, openedAhead), quit: quit}
	var needed []int
	for i := range items {
		h.results[i] = make(chan opened, 1)
		if items[i].opens {
			needed = append(needed, i)
		} else {
			h.results[i] <- opened{octets: new(octets)}
		}
	}
	if len(needed) == 1 { // nobody waits meanwhile
		h.tickets <- struct{}{}
		h.results[needed[0]] <- f.openGuarded(ctx, &items[needed[0]])
		return h
	}
	work := make(chan int, len(needed))
	for _, i := range needed {
		work <- i
	}
	close(work)
	for range min(len(needed), runtime.GOMAXPROCS(0)) {
		h.wait.Go(func() { f.openThem(ctx, h, items, work) })
	}
	return h
}

// openThem opens until there is no work left, or nobody wants it any more.
// Tickets are taken before work is: who has the lowest number never waits.
func (f *fetch) openThem(ctx context.Context, h *ahead, items []item, work <-chan int) {
	for {
		select {
		case h.tickets <- struct{}{}:
		case <-ctx.Done():
			return
		}
		i, more := <-work
		if !more {
			return
		}
		h.results[i] <- f.openGuarded(ctx, &items[i])
	}
}

// openGuarded opens in the user's turn.
func (f *fetch) openGuarded(ctx context.Context, it *item) (r opened) {
	r.err = f.s.guard(func() error {
		done, err := f.s.turn(ctx)
		if err != nil {
			return err
		}
		defer done()
		r.octets, err = f.open(ctx, it)
		return err
	})
	return r
}

// guard makes an error of a panic: go-imap watches its own goroutine only.
func (s *session) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.srv.metrics.panics.Inc()
			s.c.log.Error("work for a mail client panicked", "error", gateway.PanicText(p), "path", gateway.PanicPlace())
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return do()
}

// turn waits until fewer of the user's messages are worked on than there are
// processors: however many sessions a user has, each goes on with one message,
// or one piece of a search, after the other, and other users feel one user.
// Nothing is sent, and nobody's client is waited for, during a turn.
func (s *session) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// next waits for item i. The caller closes the octets.
func (h *ahead) next(i int) (*octets, error) {
	r := <-h.results[i]
	h.taken = i + 1
	if r.octets != nil && r.octets.rest != nil || r.err != nil {
		<-h.tickets
	}
	return r.octets, r.err
}

// stop ends the work and closes what nobody took.
func (h *ahead) stop() {
	h.quit()
	h.wait.Wait()
	for _, c := range h.results[h.taken:] {
		select {
		case r := <-c:
			if r.octets != nil {
				_ = r.octets.Close()
			}
		default:
		}
	}
}
