package viewer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/proof"
	"gatepost/store"
	"gatepost/store/storetest"
	"gatepost/viewer/library"
)

// clinic stands in for the rest of Gatepost: one link with a real proof.Book
// behind it, and a shelf with one message.
type clinic struct {
	t      testing.TB
	book   *proof.Book
	store  *storetest.Memory
	secret gateway.LinkSecret
	mail   *gateway.Mail
	log    *bytes.Buffer

	mu     sync.Mutex
	now    time.Time
	state  gateway.LinkState // "" follows the book
	codes  []string          // sent, newest last
	opened []int             // files that were granted; -1 is the message
	fail   error             // what every journey answers, if not nil
	panics bool
	page   gateway.LinkPage // overrides of what Visit says
	household
}

func testMAC(purpose string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, []byte("a key for tests"))
	h.Write([]byte(purpose))
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return [32]byte(h.Sum(nil))
}

type randomReader struct{}

func (randomReader) Read(p []byte) (int, error) { return rand.Read(p) }

type noEvidence struct{}

func (noEvidence) Stage(*store.Batch, gateway.Record) error { return nil }

func newClinic(t testing.TB) *clinic {
	c := &clinic{
		t: t, store: storetest.NewMemory(), secret: gateway.LinkSecret{1, 2, 3, 4, 5, 6, 7, 8}, log: &bytes.Buffer{},
		now:       time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC),
		mail:      letter(),
		page:      gateway.LinkPage{Organization: "Example Clinic", Help: "+1 555 000 1111", Reference: "K7RM-2F", Language: "en", CodeTo: "\u2022\u2022\u2022 \u2022\u2022\u2022 42 17", CodeAllowed: true},
		household: newHousehold(),
	}
	c.book = proof.New(c.store, proof.Config{}, testMAC, noEvidence{}, c.time, randomReader{})
	return c
}

func (c *clinic) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clinic) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clinic) link() gateway.LinkID { return gateway.LinkID{9} }

func (c *clinic) Visit(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.LinkPage, error) {
	if c.panics {
		panic("zebraquartz " + s.Path())
	}
	if c.fail != nil {
		return gateway.LinkPage{}, c.fail
	}
	if s != c.secret {
		return gateway.LinkPage{State: gateway.LinkUnknown}, nil
	}
	st, err := c.book.Status(ctx, c.link(), v.Session)
	if err != nil {
		return gateway.LinkPage{}, err
	}
	p := c.page
	p.ID, p.State, p.TriesLeft, p.PausedUntil = c.link(), st.State, st.TriesLeft, st.PausedUntil
	p.CodeSentAt, p.ResendAt, p.Expires = st.CodeSentAt, st.ResendAt, c.time().Add(30*24*time.Hour)
	if c.state != "" {
		p.State = c.state
	}
	c.atHome(&p, v)
	return p, nil
}

func (c *clinic) SendCode(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (string, gateway.LinkPage, error) {
	if alive, _ := c.book.Alive(ctx, v.Session); !alive {
		session, err := c.book.NewSession(ctx)
		if err != nil {
			return "", gateway.LinkPage{}, err
		}
		v.Session = session
	}
	code, err := c.book.NewCode(ctx, c.link(), v.Session, proof.Asked{})
	if err != nil {
		return "", gateway.LinkPage{}, err
	}
	c.mu.Lock()
	c.codes = append(c.codes, code.Reveal())
	c.mu.Unlock()
	p, err := c.Visit(ctx, s, v)
	return v.Session, p, err
}

func (c *clinic) Prove(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (string, gateway.ProofResult, error) {
	if c.fail != nil {
		return "", gateway.ProofResult{}, c.fail
	}
	if session, ok := c.opensWith(pin); ok {
		v.Session = session
		p, err := c.Visit(ctx, s, v)
		return session, gateway.ProofResult{Passed: true, Page: p}, err
	}
	r, err := c.book.Check(ctx, proof.Attempt{Link: c.link(), Session: v.Session, Typed: pin, Codes: true})
	if err != nil {
		return "", gateway.ProofResult{}, err
	}
	if r.Passed {
		c.known(r.Session, gateway.OtherChannel)
		c.mend()
	}
	v.Session = r.Session
	p, err := c.Visit(ctx, s, v)
	return v.Session, gateway.ProofResult{Passed: r.Passed, Reason: r.Reason, Page: p}, err
}

func (c *clinic) Open(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, file int) (gateway.Grant, error) {
	how, ok := c.proven(v.Session)
	if !ok || s != c.secret {
		return gateway.Grant{}, gateway.ErrNotProven
	}
	c.mu.Lock()
	c.opened = append(c.opened, file)
	c.mu.Unlock()
	return gateway.Grant{Reference: c.page.Reference, Sent: c.time().Add(-time.Hour), Expires: c.time().Add(29 * 24 * time.Hour), Language: c.page.Language, Assurance: how}, nil
}

func (c *clinic) Leave(ctx context.Context, v gateway.Visitor) error {
	c.endSession(v.Session)
	return c.book.End(ctx, v.Session)
}

type emptyBlob struct{ *bytes.Reader }

func (emptyBlob) Close() error { return nil }

func (c *clinic) lastCode() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.codes) == 0 {
		c.t.Fatal("no code was sent")
	}
	return c.codes[len(c.codes)-1]
}

func (c *clinic) granted() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int(nil), c.opened...)
}

// handler is the viewer over the clinic.
func (c *clinic) handler(address string, tls bool) http.Handler {
	shelf := library.New(c,
		func(context.Context, string) (library.Blob, error) { return emptyBlob{bytes.NewReader(nil)}, nil },
		func(content gateway.Content) (*gateway.Mail, error) {
			if turn, ok := content.(turnContent); ok {
				return turn.mail, nil
			}
			if c.mail == nil {
				return nil, errors.New("damaged")
			}
			return c.mail, nil
		})
	h, err := New(Config{
		URL: address, TLS: tls, Organization: "Example Clinic", Brands: testBrands(), MAC: testMAC, Now: c.time, Random: randomReader{}, Idle: c.idle, Location: time.UTC,
		Logger: slog.New(slog.NewJSONHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: prometheus.NewRegistry(),
	}, c, shelf)
	if err != nil {
		c.t.Fatal(err)
	}
	return h
}

// file is an attachment in memory.
func file(name, kind, id string, data []byte) gateway.File {
	return gateway.File{Name: gateway.Sensitive(name), Type: kind, ContentID: id, Size: int64(len(data)), Inline: id != "",
		Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(data)}, nil }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// browser is an HTTP client that behaves as one without JavaScript.
type browser struct {
	t      testing.TB
	client *http.Client
	base   string
	header http.Header
}

// visit starts the viewer and a browser before it.
func (c *clinic) visit(tls bool) *browser {
	var server *httptest.Server
	handler := c.handler("https://secure.clinic.example", tls)
	if tls {
		server = httptest.NewTLSServer(handler)
	} else {
		server = httptest.NewServer(handler)
	}
	c.t.Cleanup(server.Close)
	b := &browser{t: c.t, client: server.Client(), base: server.URL}
	b.client.Jar, _ = cookiejar.New(nil)
	return b
}

// another is a second browser on the same server.
func (b *browser) another() *browser {
	other := *b
	client := *b.client
	client.Jar, _ = cookiejar.New(nil)
	other.client = &client
	return &other
}

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, form url.Values, header http.Header) answer {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range header {
		if name == "Host" {
			r.Host = values[0]
			continue
		}
		r.Header[name] = values
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, string(raw)}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do("GET", path, nil, nil) }

// forms finds the forms of a page: the action and every named field.
func (a answer) forms() []url.Values {
	var out []url.Values
	field := regexp.MustCompile(`<input[^>]*?name="([^"]*)"([^>]*)>`)
	value := regexp.MustCompile(`value="([^"]*)"`)
	for _, m := range regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?</form>`).FindAllStringSubmatch(a.body, -1) {
		form := url.Values{"": {m[1]}}
		for _, f := range field.FindAllStringSubmatch(m[0], -1) {
			given := ""
			if v := value.FindStringSubmatch(f[2]); v != nil {
				given = v[1]
			}
			form.Set(f[1], given)
		}
		out = append(out, form)
	}
	return out
}

// submit fills in and sends the form of a page that has a field.
func (b *browser) submit(a answer, field, text string) answer {
	b.t.Helper()
	for _, form := range a.forms() {
		if !form.Has(field) {
			continue
		}
		path := form.Get("")
		form.Del("")
		if text != "" {
			form.Set(field, text)
		}
		return b.do("POST", path, form, nil)
	}
	b.t.Fatalf("no form with field %q on a page of status %d", field, a.StatusCode)
	return answer{}
}

func (c *clinic) path() string { return "/m/" + c.secret.Path() }

// enter goes through code and PIN to the message page.
func (c *clinic) enter(b *browser) answer {
	c.t.Helper()
	sent := b.submit(b.get(c.path()), "code", "")
	return b.submit(sent, "pin", c.lastCode())
}
