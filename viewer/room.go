package viewer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits of memory. Taking a message apart needs a few times its HTML and its
// pictures, and the finished page stays until it has left over a line of any
// speed. Small pages are not counted: there are at most as many as requests.
const (
	largePage   = 1 << 20   // octets from which on a page is counted
	largePages  = 128 << 20 // octets of all that are on their way at once
	renderWaits = 10 * time.Second
)

// Limits of files on their way: these take long, pages do not, and a reader who
// asks for many must leave places for those who come to read.
const (
	filesAtOnce = 96
	filesOfLink = 8
	// Answers that are being written down, of all and of one link.
	answersAtOnce = 64
	answersOfLink = 3
)

// room keeps the memory of many readers of large messages bounded.
type room struct {
	rendering *semaphore.Weighted // messages that are taken apart
	leaving   *semaphore.Weighted // octets of large pages
	files     *crowd              // files on their way, by link
	answers   *crowd              // answers that arrive, by link
}

func newRoom() *room {
	return &room{rendering: semaphore.NewWeighted(int64(2 * max(2, runtime.GOMAXPROCS(0)))), leaving: semaphore.NewWeighted(largePages), files: newCrowd(filesAtOnce, filesOfLink), answers: newCrowd(answersAtOnce, answersOfLink)}
}

// enter waits for room to take a message apart. The caller calls leave, once or
// more often, as soon as its page is finished and before it is sent: readers
// on slow lines hold up nobody.
func (r *room) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, renderWaits)
	defer cancel()
	if err := r.rendering.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting for room: %w", err)
	}
	return sync.OnceFunc(func() { r.rendering.Release(1) }), nil
}

// hold counts a page of n octets until release; false when too much is on its
// way.
func (r *room) hold(n int) (release func(), ok bool) {
	if n < largePage {
		return func() {}, true
	}
	weight := min(int64(n), largePages)
	if !r.leaving.TryAcquire(weight) {
		return nil, false
	}
	return func() { r.leaving.Release(weight) }, true
}

// minRate is what the slowest line takes on average, in octets per second:
// half of what the oldest mobile networks gave. Who takes less is cut off, and
// may go on from there with a range.
const minRate = 2 << 10

// deadlineReader gives each piece of an answer its own time to leave, so that
// a slow line is served and a dead one is not, and all pieces together as much
// as minRate allows, so that nobody keeps a place for ever.
type deadlineReader struct {
	io.ReadSeeker
	control *http.ResponseController
	begun   time.Time
	read    int64 // octets since then
}

// timed is source read at the pace of the line behind w.
func timed(source io.ReadSeeker, w http.ResponseWriter) *deadlineReader {
	return &deadlineReader{ReadSeeker: source, control: http.NewResponseController(w), begun: time.Now()}
}

// Read implements io.Reader.
func (d *deadlineReader) Read(p []byte) (int, error) {
	n, err := d.ReadSeeker.Read(p)
	d.read += int64(n)
	deadline := time.Now().Add(pageTime)
	if end := d.begun.Add(pageTime + time.Duration(d.read)*time.Second/minRate); end.Before(deadline) {
		deadline = end
	}
	// Fails only where the server below has no deadlines, as in tests.
	_ = d.control.SetWriteDeadline(deadline)
	return n, err
}
