package viewer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frameTalk builds what a client of HTTP/2 says on one connection.
type frameTalk struct {
	bytes.Buffer
	*http2.Framer
}

// frames begins a connection as a client must, behind its preface.
func frames(settings ...http2.Setting) *frameTalk {
	f := &frameTalk{}
	f.Framer = http2.NewFramer(&f.Buffer, nil)
	f.AllowIllegalWrites = true
	_ = f.WriteSettings(settings...)
	return f
}

// block is a header block of the fields, which are pairs.
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// ask sends a request on a stream; more are further fields.
func (f *frameTalk) ask(stream uint32, method, path string, end bool, more ...string) {
	fields := append([]string{":method", method, ":scheme", "https", ":authority", "secure.clinic.example", ":path", path}, more...)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block(fields...), EndStream: end, EndHeaders: true})
}

// frameSeeds are connections of every kind of frame, well formed and hostile.
func frameSeeds(c *clinic) (seeds [][]byte) {
	path, cookie := c.path(), "gatepost="+heldSession
	add := func(say func(f *frameTalk), settings ...http2.Setting) {
		f := frames(settings...)
		say(f)
		seeds = append(seeds, f.Bytes())
	}
	add(func(*frameTalk) {})
	add(func(f *frameTalk) {
		f.ask(1, "GET", path, true)
		f.ask(3, "GET", path+"/file/1", true, "cookie", cookie, "range", "bytes=1-3,5-")
		f.ask(5, "HEAD", "/static/viewer.css", true)
		_ = f.WritePing(false, [8]byte{1})
		_ = f.WriteGoAway(5, http2.ErrCodeNo, nil)
	})
	add(func(f *frameTalk) {
		f.ask(1, "POST", path, false, "content-type", "application/x-www-form-urlencoded", "cookie", cookie)
		_ = f.WriteData(1, false, []byte("pin="))
		_ = f.WriteDataPadded(1, true, []byte(heldPIN), make([]byte, 200))
	})
	add(func(f *frameTalk) { // more requests than streams, each given up at once
		for n := range uint32(200) {
			f.ask(2*n+1, "GET", path, true)
			_ = f.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	})
	add(func(f *frameTalk) { // bodies that do not end, and no window for answers
		for n := range uint32(20) {
			f.ask(2*n+1, "POST", path, false, "content-length", "100000")
			_ = f.WriteData(2*n+1, false, make([]byte, 1000))
		}
	}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1<<24 - 1})
	add(func(f *frameTalk) { // a header without an end
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":method", "GET", ":scheme", "https", ":path", path)})
		for range 100 {
			_ = f.WriteContinuation(1, false, block("x-y", strings.Repeat("a", 300)))
		}
	})
	add(func(f *frameTalk) { // small for the wire, large for us
		b := block("x-y", strings.Repeat("a", 3000))
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: append(block(":method", "GET", ":scheme", "https", ":path", "/"), append(b, bytes.Repeat([]byte{0x80 | 62}, 10_000)...)...), EndHeaders: true, EndStream: true})
	})
	add(func(f *frameTalk) {
		for n := range 300 {
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(n)})
			_ = f.WritePing(false, [8]byte{})
			_ = f.WriteWindowUpdate(0, 1<<20)
		}
	})
	add(func(f *frameTalk) {
		_ = f.WritePriority(1, http2.PriorityParam{StreamDep: 1, Exclusive: true})
		_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block(":path", "/"), EndHeaders: true})
		_ = f.WriteRawFrame(0xfe, 0xff, 7, []byte("unknown"))
		_ = f.WriteData(9, true, []byte("nobody's"))
	})
	add(func(f *frameTalk) { // what may not stand in a request
		f.ask(1, "CONNECT", path, true)
		f.ask(3, "GET", "*", true, ":status", "200")
		f.ask(5, "GET", path, true, "connection", "upgrade", "Upper", "x", "a\nb", "\r\n\x00")
		f.ask(7, "POST", path, false, "content-length", "3", "content-length", "-1", "te", "gzip")
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 7, BlockFragment: block("x-trailer", "1"), EndHeaders: true, EndStream: true})
	})
	return seeds
}

// quietClient is a wire whose client has said all and goes on listening.
type quietClient struct{ *wire }

// SetReadDeadline implements net.Conn.
func (c quietClient) SetReadDeadline(t time.Time) error {
	if in := time.Until(t); !t.IsZero() && in > 0 {
		time.AfterFunc(in, func() { _ = c.wire.SetReadDeadline(t) })
		return nil
	}
	return c.wire.SetReadDeadline(t)
}

func (c quietClient) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// minding is a handler that notes what is posed of it in the clear. The clinic
// serves one after the other.
type minding struct {
	http.Handler
	turn chan struct{} // holds one
	told bytes.Buffer  // by whose turn it is

	mu        sync.Mutex
	list      []posed
	now, most int // being served
}

// ServeHTTP implements http.Handler.
func (m *minding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.list = append(m.list, posed{r.Method, r.URL.Path})
	m.now++
	m.most = max(m.most, m.now)
	m.mu.Unlock()
	m.turn <- struct{}{}
	defer func() {
		<-m.turn
		m.mu.Lock()
		defer m.mu.Unlock()
		m.now--
	}()
	m.told.WriteString(r.RequestURI + "\n")
	_ = r.Header.Write(&m.told)
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, &m.told), r.Body}
	m.Handler.ServeHTTP(w, r)
}

// live is how much is reachable, in octets.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const (
	framesLive    = 8 << 20          // octets that one connection may hold
	framesEnd     = 10 * time.Minute // after which it has ended, whoever listens on
	framesLargest = 64 << 10
)

// FuzzFrames gives octets to the whole viewer as a connection of HTTP/2 behind its preface, with
// the server's own limits: what net/http makes of frames and header blocks
// before a request is one. No more requests are served at once than was said,
// memory is bounded, and the connection ends by itself with all that it has begun,
// although the client stays; each request is answered once at most; nothing is shown
// without a proof, and the log holds nothing of it.
func FuzzFrames(f *testing.F) {
	c := newClinic(f)
	handler := c.handler("https://secure.clinic.example", false)
	for _, octets := range frameSeeds(c) {
		f.Add(octets)
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		if len(octets) > framesLargest {
			return
		}
		c.reset()
		before, m, said := c.acts(), &minding{}, []byte(nil)
		synctest.Test(t, func(t *testing.T) { said = overFrames(t, m, handler, octets) }) // fails where a goroutine is left
		if m.most > streams {
			t.Errorf("%d requests served at once", m.most)
		}
		checkFrames(t, said)
		checkClinic(t, c, slices.Concat(octets, m.told.Bytes()), said, before, m.list)
	})
}

// overFrames is what the server says to octets.
func overFrames(t *testing.T, m *minding, handler http.Handler, octets []byte) []byte {
	server := NewServer(ServerConfig{Logger: nil}, handler)
	server.Protocols = new(http.Protocols)
	server.Protocols.SetUnencryptedHTTP2(true) // below is TLS, which is not what is tried here
	m.Handler, m.turn = server.Handler, make(chan struct{}, 1)
	server.Handler = m
	was := live()
	var open sync.WaitGroup
	w := newWire(slices.Concat([]byte(http2.ClientPreface), octets), &open)
	w.stays = true
	_ = server.Serve(&oneWire{quietClient{w}})
	synctest.Wait()
	w.mu.Lock()
	is, said := live(), uint64(w.out.Cap())
	w.mu.Unlock()
	if is > was+said+framesLive {
		t.Errorf("%d octets are held for %d that came", is-was-said, len(octets))
	}
	time.Sleep(framesEnd)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		t.Errorf("the connection does not end; %d requests are being served", m.now)
		w.mu.Unlock()
		_ = w.Close()
		w.mu.Lock()
	}
	return w.out.Bytes()
}

// checkFrames reads what the server said.
func checkFrames(t *testing.T, said []byte) {
	t.Helper()
	in := http2.NewFramer(io.Discard, bytes.NewReader(said))
	in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	answers := make(map[uint32]int)
	for {
		frame, err := in.ReadFrame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatalf("a frame that cannot be read: %v\n%q", err, said)
		}
		head, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		status, err := strconv.Atoi(head.PseudoValue("status"))
		if err != nil || status >= 500 && status != http.StatusServiceUnavailable && !slices.Contains(serverOwns, status) {
			t.Errorf("stream %d: status %q", head.StreamID, head.PseudoValue("status"))
		}
		if status >= 200 {
			answers[head.StreamID]++
		}
		if answers[head.StreamID] > 1 {
			t.Errorf("stream %d is answered twice", head.StreamID)
		}
	}
}
