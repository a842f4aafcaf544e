// Package flow is the journeys: what happens to a message from the moment it
// arrives until somebody has read it. It composes the leaves under gateway/
// and is itself composed by cmd only. Each journey has one commit; what the
// peer hears comes after it.
//
// Invariants (each has a test): an error on any path never yields the
// original text to the outside; a positive answer means committed; no act
// without its evidence in the same batch; an error without a class is
// temporary.
package flow

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/consent"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailbox"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/proof"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/store"
	"gatepost/store/blob"
)

// Settings is what the configuration says of the journeys. It is replaced as
// a whole at a reload.
type Settings struct {
	Mode         gateway.Mode
	Organization string
	Help         string                   // whom a correspondent may ask
	Brands       map[string]gateway.Brand // by mail domain
	Language     string                   // BCP 47, of mails to staff and to correspondents whose own is not known
	Domains      []string                 // of the organization, lower case
	Hostname     string                   // of this gateway, in Received lines
	ReplyDomain  string
	ViewerURL    string // without a final "/"
	InboundRelay bool
	HandsOn      []netip.Prefix // trusted peers whose mail may come from the world
	LinkExpires  time.Duration
	// DefaultPIN is the configuration's pins.default: what a link wants where no
	// rule says. "" counts as other_channel.
	DefaultPIN  string
	Retain      time.Duration // of secured bodies
	MaxHops     int           // Received lines after which a message loops
	RecallGrace time.Duration // how long a recall can be undone
	// RecallBulk is how many messages a member of staff takes back in an hour
	// from a mail client; 0: any number.
	RecallBulk int
	// MailQuota is how many octets a member of staff keeps in their own folders;
	// 0: any number.
	MailQuota int64
	Reminders Reminders
	Location  *time.Location // of the organization, for hours in rules
	SMS       *SMSSettings
	// Signer returns the DKIM key of a domain, nil when there is none.
	Signer func(domain string) *mailauth.Signer
}

// Outgoing is one transaction with the next hop.
type Outgoing struct {
	From       gateway.Address
	Recipients []gateway.Recipient
	Open       func() (io.ReadCloser, error)
	Size       int64
	EightBit   bool
	UTF8       bool
	EnvID      gateway.Sensitive
	Return     string
}

// Demand is what a transaction wants of the connection. The zero value wants
// the most.
type Demand uint8

// The demands.
const (
	VerifiedTLS   Demand = iota // verified TLS to the destination itself
	SafeHop                     // verified TLS to the next hop, or a next hop on loopback
	AnyConnection               // whatever the route allows
)

// Carrier takes transactions to the next hop of a recipient's domain.
type Carrier interface {
	// Destination names where mail for the domain goes: one queue of attempts.
	Destination(domain string) string
	// Deliver attempts one transaction. prepare is called on the connection to
	// be used, before MAIL; met is false when what was demanded could be had
	// nowhere.
	Deliver(ctx context.Context, domain string, d Demand,
		prepare func(state gateway.TLSState, met bool) (*Outgoing, error)) []gateway.Outcome
}

// Journal is kept beside the keyring, so that a restored backup does not
// repeat what was done after it.
type Journal interface {
	// Append returns when the entries are durable, Later before.
	Append(...seal.Entry) error
	Later(...seal.Entry) error
}

// Keys are what time ends. DestroySpool refuses a key that may be in use.
type Keys interface {
	Destroyed(group string) bool
	List() ([]seal.GroupInfo, error)
	DestroyExpired(now time.Time) (int, error)
	DestroySpool(id string) error
	// Destroy destroys a key group that Retire says is idle.
	Destroy(group string) error
}

// Wraps makes wraps out of wraps; no key and no content comes out of it.
type Wraps interface {
	// Retire lets no further wrap go to a group. idle says that every wrap of
	// it is in the store by now.
	Retire(group string) (idle bool, err error)
	// Move makes the same wrap to another group of the same retention day.
	Move(w gateway.Wrap, id gateway.MessageID, kind seal.Kind) (gateway.Wrap, error)
	// Relink makes the wrap of a new link through the staff wrap.
	Relink(staff gateway.Wrap, id gateway.MessageID, link gateway.LinkSecret, retain time.Time) (gateway.Wrap, error)
}

// Parts is everything that the journeys are made of.
type Parts struct {
	Store   store.Store // sealed
	Blobs   *blob.Store
	Sealer  *seal.Sealer
	Spool   *seal.SpoolOpener
	Wraps   Wraps
	MAC     func(purpose string, parts ...[]byte) [32]byte
	Journal Journal
	Keys    Keys
	Audit   *audit.Log
	People  *people.Directory
	Threads *thread.Book
	Proof   *proof.Book
	Carrier Carrier
	// Verifier authenticates mail from outside.
	Verifier Verifier
	Codes    CodeChannel // to telephones; nil: codes travel by mail only
	SMS      SMSC        // nil: nothing leaves to a telephone
	Texts    Texts
	Queue    queue.Config
	Now      func() time.Time
	Random   io.Reader
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	// MemoryBytes bounds what large messages may occupy while they are judged.
	MemoryBytes int64
}

// Flow runs the journeys. It is safe for concurrent use.
type Flow struct {
	Parts
	queue *queue.Queue
	// consents is what telephones said about messages.
	consents           *consent.Ledger
	waiting            partLoads // parts of long texts
	force              atomic.Pointer[inForce]
	memory             *semaphore.Weighted
	mails              *mailmsg.Reader
	copying, gathering buffers // of copyBuffer and of gatherBuffer octets
	fresh              *fresh
	bases              sync.Map // ids of verdict bases that are durable
	agenda             *agenda
	scans              scans          // of Housekeep
	files              recent         // whose opening was recorded a moment ago
	opened             recent         // links whose message was, in a session
	turns              recent         // of conversations, that were read in a session
	reads              recent         // of messages in mail clients, by session
	takings            atomic.Uint64  // commits that took a message back
	guesses            meter          // at passwords of staff
	answers            meter          // of correspondents
	words              meter          // about consent, that were confirmed
	recalls            meter          // from mail clients
	roles              sync.Mutex     // held from the change of a role, or whether somebody may log in, to its line in the journal, whose newest counts
	binds              bindRows       // of applications, that were wrong
	after              errgroup.Group // work that follows settlements
	metrics            *metrics

	mailbox *mailbox.Book // what staff see in their mail client
	filings *agenda       // the table of that name, and what could not be done of it

	outbox     *outbox // of applications
	early      early   // receipts
	newcomers  meter   // telephones that nobody knew
	departures departures
	courtesy   courtesy
	receipts   *receiptMetrics
}

// afterAtOnce bounds the work after settlements; beyond it settling waits.
const afterAtOnce = 32

// Settled waits for the work that follows settlements, when no more come, and
// records what was only counted until then.
func (f *Flow) Settled() {
	_ = f.after.Wait()
	if err := f.recordBinds(context.Background(), f.Now()); err != nil {
		f.Log.Warn("wrong binds were not recorded", "error", err)
	}
}

// heavyAtOnce bounds the mails that are read at the same time and take much
// memory for it: up to 200 MiB each.
const heavyAtOnce = 2

// New wires the journeys; the queue stands still until Run.
func New(p Parts, s Settings, j *Judge) *Flow {
	f := &Flow{Parts: p, memory: semaphore.NewWeighted(p.MemoryBytes), mails: mailmsg.NewReader(heavyAtOnce), fresh: newFresh(freshBytes), agenda: newAgenda(), metrics: newMetrics(p.Metrics)}
	f.copying.size, f.gathering.size = copyBuffer, gatherBuffer
	f.opened.span, f.recalls.span = openedFor, bulkTime
	f.reads.span, f.reads.max = turnsFor, readsMax
	f.turns.span, f.guesses.span, f.answers.span, f.words.span, f.newcomers.span = turnsFor, guessTime, answersTime, confirmTime, newcomerTime
	f.binds.pace.span = bindTime
	f.outbox, f.receipts = newOutbox(), newReceiptMetrics(p.Metrics)
	f.after.SetLimit(afterAtOnce)
	f.mailbox, f.filings = mailbox.New(p.Store, p.MAC, p.Now), newAgenda()
	f.consents = consent.New(p.Store, p.MAC, p.Audit, f.journalStop, p.Now)
	if f.Codes == nil {
		f.Codes = phoneCodes{f}
	}
	f.Configure(s, j)
	f.queue = queue.New(p.Store, f, f, p.Queue, p.Now, p.Random, p.Metrics)
	return f
}

// Configure replaces settings and policy at once.
func (f *Flow) Configure(s Settings, j *Judge) {
	f.metrics.watch(j.policy.Rules(), s.Mode)
	f.force.Store(&inForce{&s, j})
}

// Work returns the queue, which operators steer and cmd runs.
func (f *Flow) Work() *queue.Queue { return f.queue }

// inForce is what a reload replaces, as one: no mail is judged by a new policy
// under old settings.
type inForce struct {
	settings *Settings
	judge    *Judge
}

func (f *Flow) inForce() (*Settings, *Judge) {
	now := f.force.Load()
	return now.settings, now.judge
}

func (f *Flow) set() *Settings { return f.force.Load().settings }

func (f *Flow) rules() *Judge { return f.force.Load().judge }

func (s *Settings) zone() *time.Location {
	if s.Location == nil {
		return time.UTC
	}
	return s.Location
}

// language is the language of a correspondent, whose own may not be known.
func (s *Settings) language(own string) string {
	if own == "" {
		return s.Language
	}
	return own
}

// notices is the sender of mails that speak for nobody in particular.
func (s *Settings) notices() gateway.Address {
	a, err := gateway.ParseAddress("notices@" + s.Domains[0])
	if err != nil {
		return gateway.Address{} // config has checked the domain
	}
	return a
}

// recordTime bounds writing a fact that has happened: it outlives the peer's
// connection, but not a store that hangs.
const recordTime = 30 * time.Second

func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTime)
}

// Mode is the mode in force.
func (f *Flow) Mode() gateway.Mode { return f.set().Mode }

// Hostname is the name of this gateway in Received lines.
func (f *Flow) Hostname() string { return f.set().Hostname }
