package flow

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/people"
	"gatepost/gateway/policy"
	"gatepost/gateway/proof"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/smppd/text"
	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/storetest"
)

// testPolicy decides by the recipient's domain, so that one mail goes as many
// ways as it has recipients.
const testPolicy = `policy: test
default: pass
on_error: hold
rules:
  - {id: tag, reason: asked for, when: tag.secure, then: secure}
  - {id: thread, reason: secured before, when: thread.secured, then: secure}
  - {id: s, reason: secured, when: recipient.domain == "secure.example", then: secure}
  - {id: n, reason: no copy, when: recipient.domain == "nocopy.example", then: {action: secure, staff_copy: none}}
  - {id: st, reason: told, when: recipient.domain == "status.example", then: {action: secure, status: opened}}
  - {id: o, reason: strict, when: recipient.domain == "strict.example", then: {action: secure, pin: other_channel}}
  - {id: t, reason: forced TLS, when: recipient.domain == "tls.example" || recipient.domain == "plain.example", then: tls}
  - {id: h, reason: a person decides, when: recipient.domain == "hold.example", then: hold}
  - {id: hw, reason: a person says why, when: recipient.domain == "why.example", then: {action: hold, reason: required}}
  - {id: hn, reason: a person decides, when: recipient.domain == "tell.example", then: {action: hold, notify: sender}}
  - {id: hs, reason: secured below, when: recipient.domain == "both.example", then: secure}
  - {id: hb, reason: a person decides, when: recipient.domain == "both.example", then: hold}
  - {id: r, reason: never, when: recipient.domain == "reject.example", then: reject}
` + shortRules

// What must never be seen outside of a secured message.
const (
	secretSubject = "Zebrafinch results"
	secretBody    = "the quick zebrafinch diagnosis"
)

// world is an installation without listeners: real keys, real bodies, a store
// that may fail, and a next hop that remembers.
type world struct {
	keyDir string
	keys   *seal.Keyring // of the process that runs
	dir    string        // of blobs
	hop    *hop
	smsc   *smsc
	mode   gateway.Mode
	log    bytes.Buffer
	fault  *fault // what is to fail beside the store
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{keyDir: memoryDir(t), dir: memoryDir(t), hop: newHop(), smsc: newSMSC(), mode: gateway.Enforce, fault: &fault{}}
	w.hop.fault, w.smsc.fault = w.fault, w.fault
	keys, err := seal.Create(w.keyDir, seal.Options{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// memoryDir is a directory in memory where the machine has one: a sweep opens
// a keyring some thousand times, and none of it is about the device.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "gatepost-flow-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// open wires a Flow over kv; close ends it.
func (w *world) open(kv store.Store) (*Flow, func(), error) {
	keys, err := seal.Open(w.keyDir, seal.Options{Now: w.fault.now, Rand: rand.Reader})
	if err != nil {
		return nil, nil, err
	}
	w.keys = keys
	sealed := audit.Packed(keys.SealedStore(kv))
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewJSONHandler(&w.log, nil))
	blobs, err := blob.Open(w.dir, sealed, blob.Options{FS: faultFS{vfs.Default, w.fault}, Logger: log, Metrics: reg})
	if err != nil {
		return nil, nil, errors.Join(err, keys.Close())
	}
	evidence, err := audit.New(sealed, w.keys.Signer(), audit.Options{Now: w.fault.now, Rand: rand.Reader, Logger: log, Metrics: reg})
	if err != nil {
		return nil, nil, errors.Join(err, blobs.Close(), keys.Close())
	}
	directory := people.New(sealed, w.keys.MAC, evidence, w.fault.now, rand.Reader)
	directory.Cost = people.Cost{Time: 1, Memory: 8, Threads: 1} // thousands of runs hash; what it costs is no business of theirs
	f := New(Parts{
		Store: sealed, Blobs: blobs, Sealer: w.keys.Sealer(), Spool: w.keys.Spool(), Wraps: w.keys.Rewrapper(), MAC: w.keys.MAC, Journal: w.keys.Journal(),
		Keys: w.keys, Audit: evidence, People: directory,
		Threads: thread.New(sealed, w.keys.MAC, rand.Reader), Proof: proof.New(sealed, proof.Config{}, w.keys.MAC, evidence, w.fault.now, rand.Reader),
		Carrier: w.hop, SMS: w.smsc, Texts: text.Texts{}, Verifier: signatures{}, Queue: queue.Config{FirstRetry: time.Second, MaxAge: time.Hour, DelayNotice: -1},
		Now: w.fault.now, Random: rand.Reader, Log: log, Metrics: reg, MemoryBytes: 64 << 20,
	}, w.settings(), testJudge())
	return f, func() {
		f.Settled()
		_ = blobs.Close()
		_ = keys.Close()
	}, nil
}

func (w *world) settings() Settings {
	return Settings{
		Mode: w.mode, Organization: "Example Clinic", Domains: []string{"clinic.example"}, Hostname: "gate.clinic.example",
		ReplyDomain: "reply.clinic.example", ViewerURL: "https://secure.clinic.example", LinkExpires: 30 * 24 * time.Hour,
		Retain: 180 * 24 * time.Hour, RecallGrace: time.Minute, RecallBulk: 5, MailQuota: 1 << 20, Reminders: testReminders(), MaxHops: 50, SMS: testSMS(), Signer: func(string) *mailauth.Signer { return nil },
	}
}

var testJudge = sync.OnceValue(func() *Judge {
	p, err := policy.Load("test.yaml", []byte(testPolicy))
	if err != nil {
		panic(err)
	}
	d, err := detect.New(detect.Config{Own: p.Detectors(), OwnIdentifiers: p.OwnIdentifiers()})
	if err != nil {
		panic(err)
	}
	return NewJudge(p, d)
})

// in runs f inside a bubble of its own, over kv.
func (w *world) in(t *testing.T, kv store.Store, act func(ctx context.Context, f *Flow) error) (answer error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, done, err := w.open(kv)
		if err != nil {
			answer = err
			return
		}
		defer done()
		answer = act(t.Context(), f)
	})
	return answer
}

// deliverAll runs a queue for a while, as a process would that starts now.
func deliverAll(ctx context.Context, f *Flow, d time.Duration) {
	f.queue = queue.New(f.Store, f, f, f.Parts.Queue, f.Now, f.Random, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = f.queue.Run(ctx) }()
	time.Sleep(d)
	draining, stop := context.WithTimeout(ctx, time.Minute)
	f.queue.Drain(draining)
	stop()
	cancel()
	<-done
}

// hop is the next hop: it keeps what it is given, by recipient.
type hop struct {
	mu       sync.Mutex
	got      map[string][]string
	from     map[string]string
	eightBit map[string]bool  // recipients whose last mail was declared so
	verified map[string]bool  // domains whose server has verified TLS
	loopback map[string]bool  // domains whose server is on this machine
	limit    map[string]int64 // domains whose server refuses what is larger
	refuse   map[string]gateway.Outcome
	tooLarge int // its code for that; 0: it said so with EHLO
	fault    *fault
}

func newHop() *hop {
	return &hop{
		got: make(map[string][]string), from: make(map[string]string), eightBit: make(map[string]bool), verified: map[string]bool{"tls.example": true},
		loopback: map[string]bool{"clinic.example": true},
		refuse:   make(map[string]gateway.Outcome), fault: &fault{},
	}
}

func (h *hop) Destination(domain string) string { return domain }

func (h *hop) Deliver(_ context.Context, domain string, d Demand, prepare func(gateway.TLSState, bool) (*Outgoing, error)) []gateway.Outcome {
	state := gateway.TLSState{}
	if h.verified[domain] {
		state = gateway.TLSState{Version: "TLSv1.3", Verified: true}
	}
	state.Loopback = h.loopback[domain]
	out, err := prepare(state, d == AnyConnection || state.Verified || d == SafeHop && state.Loopback)
	if err != nil {
		return []gateway.Outcome{{Result: gateway.Deferred, At: time.Now(), Code: 451, Status: "4.3.0", Phase: "prepare", Text: gateway.Sensitive(err.Error())}}
	}
	reads, keeps, heard, well := h.fault.attempt(len(out.Recipients))
	if !well && !keeps {
		h.half(out, reads)
		return heard
	}
	outcome := gateway.Outcome{Result: gateway.Sent, At: time.Now(), Code: 250, Status: "2.0.0", Host: "hop." + domain, TLS: state}
	h.mu.Lock()
	defer h.mu.Unlock()
	if o, ok := h.refuse[domain]; ok {
		outcome = o
	}
	if limit, ok := h.limit[domain]; ok && out.Size > limit {
		outcome = gateway.Outcome{Result: gateway.Failed, At: time.Now(), Code: h.tooLarge, Status: "5.3.4", Phase: "mail", TLS: state}
	}
	outcomes := make([]gateway.Outcome, len(out.Recipients))
	for i, r := range out.Recipients {
		outcomes[i] = outcome
		if outcome.Result != gateway.Sent {
			continue
		}
		body, err := out.Open()
		if err != nil {
			outcomes[i] = gateway.Outcome{Result: gateway.Deferred, Code: 451, Status: "4.3.0"}
			continue
		}
		raw, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil || int64(len(raw)) != out.Size {
			outcomes[i] = gateway.Outcome{Result: gateway.Deferred, Code: 451, Status: "4.3.0", Text: "size differs"}
			continue
		}
		h.got[r.Address.Wire()] = append(h.got[r.Address.Wire()], string(raw))
		h.from[r.Address.Wire()], h.eightBit[r.Address.Wire()] = out.From.Wire(), out.EightBit
	}
	if !well {
		return heard
	}
	return outcomes
}

// half reads so much of a mail that is not taken.
func (h *hop) half(out *Outgoing, octets int64) {
	body, err := out.Open()
	if err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, body, octets)
	_ = body.Close()
}

func (h *hop) mail(to string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[to]
}

func (h *hop) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.got)
}

// submission is a mail from staff on the relay listener.
func submissionTo(to ...string) gateway.Submission {
	s := gateway.Submission{
		Peer: gateway.Peer{Listener: "relay", Trusted: true, Addr: netip.MustParseAddrPort("127.0.0.1:4000")},
		From: gateway.MustAddress("ann@clinic.example"),
	}
	for _, a := range to {
		s.Recipients = append(s.Recipients, gateway.Recipient{Address: gateway.MustAddress(a)})
	}
	return s
}

const testMail = "From: Ann <ann@clinic.example>\r\nTo: someone@out.example\r\nSubject: " + secretSubject + "\r\n" +
	"Message-ID: <original@clinic.example>\r\nDate: Sat, 01 Jan 2000 00:00:00 +0000\r\n\r\n" + secretBody + "\r\n"

func accept(ctx context.Context, f *Flow, s gateway.Submission, raw string) (gateway.MessageID, error) {
	return f.Accept(ctx, s, strings.NewReader(raw))
}

// operation runs an operator command and returns what it printed.
func operation(ctx context.Context, f *Flow, name string, args url.Values, in string) (string, error) {
	var out bytes.Buffer
	err := f.Operations(nil)[name](ctx, Call{Actor: "uid:0", Args: args, In: strings.NewReader(in), Out: &out})
	return out.String(), err
}

// linkIn finds the link of a notice.
func linkIn(t *testing.T, notice string) gateway.LinkSecret {
	t.Helper()
	_, after, ok := strings.Cut(notice, "https://secure.clinic.example/m/")
	if !ok || len(after) < 22 {
		t.Fatalf("no link in %q", notice)
	}
	s, err := gateway.ParseLinkSecret(after[:22])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codeIn finds the code that stands alone on a line.
func codeIn(mail string) string {
	for line := range strings.SplitSeq(mail, "\r\n") {
		if digits := strings.ReplaceAll(line, " ", ""); len(digits) == 6 && strings.Trim(digits, "0123456789") == "" {
			return digits
		}
	}
	return ""
}

// sound checks what must hold after anything: evidence verifies, and every
// unfinished envelope has something to deliver.
func (w *world) sound(t *testing.T, kv store.Store) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := f.Audit.Fold(ctx); err != nil {
			return err
		}
		report, err := audit.Verify(ctx, f.Store, w.keys.Signer().Verifier())
		if err != nil {
			return err
		}
		if !report.OK() {
			t.Errorf("evidence does not verify: %+v", report.Problems)
		}
		for range 3 {
			f.fileOnce(ctx)
		}
		if n := rowsOf(ctx, t, f, store.Filings); n > 0 {
			t.Errorf("%d messages are not filed", n)
		}
		waiting := 0
		err = each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
			w.deliverable(t, ctx, f, e)
			if e.Recipient.IsPhone() && !e.State.Final() {
				waiting++
				if _, err := f.Store.Get(ctx, store.Key(store.WaitingFor, e.Person[:], e.ID.Message[:], store.Uint32(e.ID.N))); err != nil {
					t.Errorf("what waits for a telephone is not found by its person: %v", err)
				}
			}
		})
		if n := rowsOf(ctx, t, f, store.WaitingFor); n != waiting {
			t.Errorf("%d rows for %d that wait for telephones", n, waiting)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func (w *world) deliverable(t *testing.T, ctx context.Context, f *Flow, e *gateway.Envelope) {
	t.Helper()
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(e.ID.Message))
	if err != nil {
		t.Errorf("envelope %v without its message: %v", e.ID, err)
		return
	}
	if e.State.Final() {
		return
	}
	body, wrap := m.Body, m.Spool
	if e.Notice != nil {
		body, wrap = e.Notice.Body, e.Notice.Spool
	}
	key, err := f.Spool.Open(wrap, m.ID)
	if err != nil {
		t.Errorf("envelope %v, %s %s: nothing to deliver: %v", e.ID, e.State, e.Action, err)
		return
	}
	if _, err := f.readBody(ctx, key, m.ID, body); err != nil {
		t.Errorf("envelope %v: body cannot be read: %v", e.ID, err)
	}
}

// nothingReadable fails when a mail to a secured recipient shows the original.
func (w *world) nothingReadable(t *testing.T, recipients ...string) {
	t.Helper()
	for _, to := range recipients {
		for _, raw := range w.hop.mail(to) {
			if strings.Contains(raw, "ebrafinch") {
				t.Errorf("%s got the original", to)
			}
		}
	}
}

func emptyStore() *storetest.Memory { return storetest.NewMemory() }
