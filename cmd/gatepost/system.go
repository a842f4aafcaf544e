package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/config"
	"gatepost/gateway/detect"
	"gatepost/gateway/flow"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/observe"
	"gatepost/gateway/people"
	"gatepost/gateway/policy"
	"gatepost/gateway/proof"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/smppd/upstream"
	"gatepost/store"
	"gatepost/store/blob"
	"gatepost/store/pebblestore"
)

// purpose says what a system is opened for.
type purpose int

const (
	forServer   purpose = iota // makes what is missing
	forOperator                // the same, without listeners; quiet
	forRestore                 // the same, in a data_dir whose restore has not ended
)

// memoryBudget is what large messages may occupy while they are judged; octets.
const memoryBudget = 128 << 20

// system is an opened installation: everything concrete, wired.
type system struct {
	config   *config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	health   *observe.Health
	keyring  *seal.Keyring
	raw      *pebblestore.Store
	store    store.Store
	blobs    *blob.Store
	audit    *audit.Log
	people   *people.Directory
	carrier  *carrier
	smsc     *upstream.Client // nil: no carrier is configured
	flow     *flow.Flow
	cert     *certificate
	detector [16]byte               // key of the detector's value hashes
	keyMu    sync.Mutex             // one operator at a time works on keys
	keyActor atomic.Pointer[string] // who it is; nil: the system itself
	disk     vfs.FS
	closers  []func() error
}

// openSystem opens data_dir and key_dir, making what is missing, and wires
// the parts. A data_dir whose keyring is missing, or is another one, is
// refused: its values could never be read again under a new keyring.
func openSystem(ctx context.Context, c *config.Config, env environment, why purpose) (*system, error) {
	level := slog.LevelInfo
	if why != forServer {
		level = slog.LevelError
	}
	s := &system{config: c, log: observe.NewLogger(env.err, level), registry: observe.NewRegistry(version()), cert: new(certificate), disk: env.disk}
	if env.log != nil {
		s.log = slog.New(env.log)
	}
	s.health = observe.NewHealth(s.registry)
	if err := s.open(ctx, why); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) open(ctx context.Context, why purpose) error {
	if why != forRestore && restoreUnfinished(s.config) {
		return exit{exitConfig, fmt.Errorf("a restore into %s was cut off: run it again", s.config.DataDir)}
	}
	if err := notAsRoot(s.config, os.Geteuid()); err != nil {
		return err
	}
	if err := keysLost(s.config); err != nil { // before an empty key_dir is made, in whose place the backup of the keys belongs
		return err
	}
	if err := prepareDirs(s.config); err != nil {
		return exit{exitCantCreate, err}
	}
	if err := s.openStore(ctx, why); err != nil {
		return err
	}
	if err := s.openKeys(); err != nil {
		return err
	}
	return s.openParts(ctx)
}

func prepareDirs(c *config.Config) error {
	for _, dir := range []string{c.DataDir, c.KeyDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return os.Chmod(c.KeyDir, 0o700)
}

// keysLost reports a data_dir whose keyring is gone.
func keysLost(c *config.Config) error {
	known, err := os.ReadFile(filepath.Join(c.DataDir, keyringID))
	if err != nil || len(known) == 0 {
		return nil // a new data_dir, or one that is not ours to read
	}
	ring, err := seal.Open(c.KeyDir, seal.Options{Now: time.Now, Rand: rand.Reader, ReadOnly: true})
	if errors.Is(err, seal.ErrNoKeyring) {
		return exit{exitConfig, fmt.Errorf("data_dir %s has no keyring in key_dir %s: restore the backup of the keys (a new keyring could not read what is there)", c.DataDir, c.KeyDir)}
	}
	if err != nil {
		return nil // what else is wrong is said by who needs the keys
	}
	return ring.Close()
}

// lockWait is how long a server waits for the one before it to end: a process
// that was killed holds its lock until its last write returns.
const lockWait = 10 * time.Second

func (s *system) openStore(ctx context.Context, why purpose) error {
	deadline := time.Now()
	if why == forServer {
		deadline = deadline.Add(lockWait)
	}
	for said := false; ; {
		raw, err := s.tryStore()
		if err == nil {
			s.raw = raw
			s.closers = append(s.closers, raw.Close)
			s.health.Add("store", raw.Healthy)
			return nil
		}
		if !errors.Is(err, pebblestore.ErrLocked) {
			return exit{exitUnavailable, err}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return exit{exitTemporary, errors.New("the data_dir is in use by another gatepost")}
		}
		if !said {
			said = true
			s.log.Warn("another gatepost holds the lock of data_dir: waiting for its end", "path", s.config.DataDir, "delay", lockWait)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *system) tryStore() (*pebblestore.Store, error) {
	return pebblestore.Open(filepath.Join(s.config.DataDir, storeDir), pebblestore.Options{
		FS: s.disk, Logger: s.log, Metrics: s.registry,
		Sparse: []store.Table{store.People, store.Consents}, // of a telephone that is new, and of most that say nothing
		OnFail: func(err error) {
			s.log.Error("the store failed: nothing is accepted any more, restart needed", "error", err)
		},
	})
}

// keyringID ties a data_dir to its keyring.
const keyringID = "keyring.id"

func (s *system) openKeys() error {
	idFile := filepath.Join(s.config.DataDir, keyringID)
	known, err := os.ReadFile(idFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return exit{exitNoPerm, err}
	}
	o := seal.Options{Now: time.Now, Rand: rand.Reader, Logger: s.log, Evidence: s.keyEvidence}
	ring, err := seal.Open(s.config.KeyDir, o)
	if errors.Is(err, seal.ErrNoKeyring) {
		ring, err = seal.Create(s.config.KeyDir, o)
	}
	if errors.Is(err, seal.ErrLocked) {
		return exit{exitTemporary, fmt.Errorf("key_dir %s is in use by another gatepost", s.config.KeyDir)}
	}
	if err != nil {
		return exit{exitConfig, err}
	}
	s.keyring = ring
	s.closers = append(s.closers, ring.Close)
	if id := strings.TrimSpace(string(known)); id != "" && id != ring.ID() {
		return exit{exitConfig, fmt.Errorf("data_dir %s belongs to keyring %s, key_dir %s holds %s", s.config.DataDir, id, s.config.KeyDir, ring.ID())}
	}
	if len(known) == 0 {
		if err := writeNew(idFile, []byte(ring.ID()+"\n")); err != nil {
			return exit{exitCantCreate, err}
		}
	}
	s.store = audit.Packed(ring.SealedStore(s.raw))
	h := ring.MAC("detector")
	copy(s.detector[:], h[:])
	if err := makeCertificate(s.config); err != nil {
		return exit{exitCantCreate, err}
	}
	return makeDKIM(s.config)
}

// keyEvidence records what happens to keys, durably, before it happens.
func (s *system) keyEvidence(records ...gateway.Record) error {
	if s.audit == nil {
		return nil // the keyring is being made: there is no log yet
	}
	if actor := s.keyActor.Load(); actor != nil {
		for i := range records {
			records[i].Actor = *actor
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.record(ctx, records...)
}

func (s *system) record(ctx context.Context, records ...gateway.Record) error {
	var b store.Batch
	for _, r := range records {
		if r.At.IsZero() {
			r.At = time.Now()
		}
		if err := s.audit.Stage(&b, r); err != nil {
			return err
		}
	}
	return store.Write(ctx, s.store, &b)
}

// dkimSelector names our key in the DNS.
const dkimSelector = "gatepost"

func dkimPath(c *config.Config, domain string) string {
	return filepath.Join(c.KeyDir, "dkim-"+domain+".pem")
}

// makeDKIM makes the keys of the organization's domains that have none yet.
func makeDKIM(c *config.Config) error {
	for _, domain := range c.Organization.Domains {
		path := dkimPath(c, domain)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		key, err := mailauth.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if err := mailauth.SaveKey(path, key); err != nil {
			return exit{exitCantCreate, err}
		}
	}
	return nil
}

// signers loads the DKIM keys of the organization's domains.
func signers(c *config.Config) (func(string) *mailauth.Signer, error) {
	all := make(map[string]*mailauth.Signer)
	for _, domain := range c.Organization.Domains {
		key, err := mailauth.LoadKey(dkimPath(c, domain))
		if err != nil {
			return nil, fmt.Errorf("DKIM key of %s: %w", domain, err)
		}
		if all[domain], err = mailauth.NewSigner(domain, dkimSelector, key); err != nil {
			return nil, err
		}
	}
	return func(domain string) *mailauth.Signer { return all[domain] }, nil
}

func (s *system) openParts(ctx context.Context) error {
	var err error
	s.blobs, err = blob.Open(filepath.Join(s.config.DataDir, blobsDir), s.store, blob.Options{Logger: s.log, Metrics: s.registry})
	if err != nil {
		return exit{exitUnavailable, err}
	}
	s.closers = append(s.closers, s.blobs.Close)
	s.health.Add("blobs", s.blobs.Healthy)
	if s.audit, err = audit.New(s.store, s.keyring.Signer(), audit.Options{Now: time.Now, Rand: rand.Reader, Logger: s.log, Metrics: s.registry, Load: s.keyring.Checkpoint, Save: s.keyring.SaveCheckpoint}); err != nil {
		return exit{exitUnavailable, err}
	}
	judge, settings, err := s.configure(s.config)
	if err != nil {
		return err
	}
	if s.carrier, err = newCarrier(s.config, s.log, s.registry); err != nil {
		return exit{exitConfig, err}
	}
	c := s.config
	s.people = people.New(s.store, s.keyring.MAC, s.audit, time.Now, rand.Reader)
	parts := flow.Parts{
		Store: s.store, Blobs: s.blobs, Sealer: s.keyring.Sealer(), Spool: s.keyring.Spool(), Wraps: s.keyring.Rewrapper(), MAC: s.keyring.MAC,
		Journal: s.keyring.Journal(), Keys: s.keyring, Audit: s.audit, People: s.people,
		Threads: thread.New(s.store, s.keyring.MAC, rand.Reader),
		Proof: proof.New(s.store, proof.Config{
			CodeTTL: c.Pins.CodeTTL, Resend: c.Pins.Resend, Tries: c.Pins.Tries, Pause: c.Pins.Pause, Freeze: c.Pins.Freeze, Idle: c.Viewer.Idle,
		}, s.keyring.MAC, s.audit, time.Now, rand.Reader),
		Carrier:  s.carrier,
		Verifier: mailauth.NewVerifier(resolver(c.DNS.Server), time.Now),
		Queue:    queue.Config{FirstRetry: c.Queue.FirstRetry, MaxRetry: c.Queue.MaxRetry, MaxAge: c.Queue.MaxAge, DelayNotice: c.Queue.DelayNotice, Logger: s.log},
		Now:      time.Now, Random: rand.Reader, Log: s.log, Metrics: s.registry, MemoryBytes: memoryBudget,
	}
	if err := s.openSMS(&parts); err != nil {
		return err
	}
	s.flow = flow.New(parts, settings, judge)
	s.closers = append(s.closers, func() error { s.flow.Settled(); return nil })
	return s.cert.Load(c)
}

// configure makes of a configuration what the journeys take over at once, at
// start and at a reload; it changes nothing itself.
func (s *system) configure(c *config.Config) (*flow.Judge, flow.Settings, error) {
	judge, err := loadJudge(c, s.detector)
	if err != nil {
		return nil, flow.Settings{}, err
	}
	sign, err := signers(c)
	if err != nil {
		return nil, flow.Settings{}, exit{exitConfig, err}
	}
	zone, err := c.Organization.Location()
	if err != nil {
		return nil, flow.Settings{}, exit{exitConfig, err}
	}
	brands, err := c.Brands()
	if err != nil {
		return nil, flow.Settings{}, exit{exitConfig, err}
	}
	sms, err := smsSettings(c)
	if err != nil {
		return nil, flow.Settings{}, exit{exitConfig, err}
	}
	return judge, flow.Settings{
		Brands: brands, Mode: c.Mode, Organization: c.Organization.Name, Help: c.Organization.Help, Language: c.Organization.Language, Domains: c.Organization.Domains,
		Hostname: c.Hostname, ReplyDomain: c.Replies.Domain, ViewerURL: strings.TrimSuffix(c.Viewer.URL, "/"), InboundRelay: c.Inbound.Relay, HandsOn: c.Relay.HandsOn,
		LinkExpires: c.Links.Expires, DefaultPIN: c.Pins.Default, Retain: c.Retention.Secured, RecallGrace: c.Recall.Grace, RecallBulk: c.Recall.Bulk, MailQuota: int64(c.IMAP.Quota), Reminders: flow.Reminders(c.Reminders), MaxHops: maxHops, SMS: sms, Signer: sign, Location: zone,
	}, nil
}

// maxHops is how many Received lines a message may have; Postfix's default.
const maxHops = 50

// loadJudge loads the policy, runs its own cases and makes the detector.
func loadJudge(c *config.Config, key [16]byte) (*flow.Judge, error) {
	p := policy.Default()
	if c.Policy != "" {
		src, err := os.ReadFile(c.Policy)
		if err != nil {
			return nil, policyUnread(c, err)
		}
		if p, err = policy.Load(c.Policy, src); err != nil {
			return nil, exit{exitConfig, err}
		}
	}
	return judgeOf(p, key)
}

// policyUnread is a policy file that cannot be read, at the place that names it.
func policyUnread(c *config.Config, err error) error {
	code := exitConfig
	if errors.Is(err, os.ErrPermission) {
		code = exitNoPerm
	}
	return exit{code, errors.New(c.Problem("policy", err.Error()).String())}
}

func judgeOf(p *policy.Policy, key [16]byte) (*flow.Judge, error) {
	d, err := detect.New(detect.Config{Own: p.Detectors(), OwnIdentifiers: p.OwnIdentifiers(), Counts: p.Counts(), Key: key})
	if err != nil {
		return nil, exit{exitConfig, err}
	}
	j := flow.NewJudge(p, d)
	if failures := j.RunCases(); len(failures) > 0 {
		return nil, exit{exitConfig, fmt.Errorf("the policy fails %d of its own tests, first: %s", len(failures), failures[0])}
	}
	return j, nil
}

// close releases everything in the reverse order of opening.
func (s *system) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil {
			s.log.Error("closing", "error", err)
		}
	}
	s.closers = nil
}
