package smppd

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"gatepost/gateway"
)

// digest stands for a password in comparisons: keyed, so that equal lengths
// and beginnings cannot be told from the time that a comparison takes.
type digest [sha256.Size]byte

// accounts are the applications that may bind. It is safe for concurrent use.
type accounts struct {
	srv     *Server
	key     [32]byte // of digests; of this process
	nobody  digest   // compared with where there is no account
	current atomic.Pointer[map[string]*account]
}

func newAccounts(s *Server) *accounts {
	a := &accounts{srv: s}
	_, _ = rand.Read(a.key[:]) // never fails, crypto/rand says
	_, _ = rand.Read(a.nobody[:])
	a.current.Store(&map[string]*account{})
	return a
}

func (a *accounts) digest(password gateway.Sensitive) (d digest) {
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write([]byte(password.Reveal()))
	mac.Sum(d[:0])
	return d
}

// set replaces the accounts and returns those that are no more, or have
// another password.
func (a *accounts) set(list []Account) (gone []*account, err error) {
	old := *a.current.Load()
	next := make(map[string]*account, len(list))
	for _, cfg := range list {
		if err := cfg.check(); err != nil {
			return nil, err
		}
		if next[cfg.SystemID] != nil {
			return nil, fmt.Errorf("account %q is there twice", cfg.SystemID)
		}
		d := a.digest(cfg.Password)
		same := old[cfg.SystemID]
		if same == nil || same.password != d {
			same = newAccount(a.srv, cfg.SystemID, d)
		}
		next[cfg.SystemID] = same
	}
	for id, was := range old {
		if next[id] != was {
			gone = append(gone, was)
		}
	}
	for _, cfg := range list {
		next[cfg.SystemID].configure(cfg)
	}
	a.current.Store(&next)
	return gone, nil
}

// check refuses what nobody can bind with.
func (a *Account) check() error {
	switch {
	case a.SystemID == "" || len(a.SystemID) > maxSystemID:
		return fmt.Errorf("account %q: a system_id has 1 to %d octets", a.SystemID, maxSystemID)
	case a.Password == "":
		return fmt.Errorf("account %q has no password", a.SystemID)
	case len(a.Senders) == 0 && !a.AnySender:
		return fmt.Errorf("account %q has no senders", a.SystemID)
	case a.Rate < 0 || a.Window < 0 || a.Sessions < 0:
		return fmt.Errorf("account %q: a rate, window or number of sessions below 0", a.SystemID)
	}
	return nil
}

// authenticate returns the account with that name and password, or nil. It
// takes as long for a name that nobody has.
func (a *accounts) authenticate(id string, password gateway.Sensitive) *account {
	known := (*a.current.Load())[id]
	want := &a.nobody
	if known != nil {
		want = &known.password
	}
	got := a.digest(password)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil
	}
	return known
}

// named reports whether there is an account of a name that anybody may have
// typed.
func (a *accounts) named(id string) bool { return (*a.current.Load())[id] != nil }

// tell writes to the log what is only counted.
func (a *accounts) tell() {
	for _, x := range *a.current.Load() {
		x.refusals.flush()
	}
}

// has reports whether x is an account now.
func (a *accounts) has(x *account) bool { return (*a.current.Load())[x.id] == x }

// account is one application: its rate, its sessions, and what is on its way
// to it.
type account struct {
	srv      *Server
	id       string
	password digest
	settings atomic.Pointer[Account]
	refusals tally

	mu       sync.Mutex // guards what follows
	throttle *throttle
	sessions int // bound
	post     post
}

func newAccount(s *Server, id string, password digest) *account {
	return &account{srv: s, id: id, password: password, post: newPost(), refusals: tally{log: s.cfg.Logger, name: id}}
}

// configure takes over cfg.
func (a *account) configure(cfg Account) {
	if cfg.Window == 0 {
		cfg.Window = defaultWindow
	}
	if cfg.Sessions == 0 {
		cfg.Sessions = a.srv.cfg.Limits.PerAccount
	}
	cfg.Password = ""
	cfg.Senders = slices.Clone(cfg.Senders)
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.settings.Load(); old == nil || old.Rate != cfg.Rate {
		a.throttle = newThrottle(cfg.Rate, a.srv.cfg.Timers.PartTimeout, a.srv.cfg.Now())
	}
	a.settings.Store(&cfg)
}

// join counts a session in and reports whether there was room.
func (a *account) join() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions >= a.settings.Load().Sessions {
		return false
	}
	a.sessions++
	return true
}

// leave counts a session out that has ended. What was on its way through it
// goes another way.
func (a *account) leave(c *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions--
	a.removeLocked(c)
	a.loseLocked(c)
	a.wake()
}

// sender is the source under which a message may go: the given one where it is
// allowed, the first one of the account for an empty one.
func (a *Account) sender(source gateway.Line) (gateway.Line, bool) {
	if source.Addr == "" {
		if len(a.Senders) == 0 {
			return source, false
		}
		return a.Senders[0], true
	}
	return source, a.AnySender || slices.ContainsFunc(a.Senders, source.Same)
}

// admit asks the rate whether n submissions, or one part of a text, may pass.
func (a *account) admit(s *gateway.Segment, place gateway.SegmentPlace, n int) bool {
	if a.settings.Load().Rate == 0 {
		return true
	}
	now := a.srv.cfg.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if place.Whole() || n > 1 {
		return a.throttle.admit(now, n)
	}
	return a.throttle.admitPart(now, keyOf(s, place), place.Seq)
}

// giveBack undoes admit for a part that the Gateway refused.
func (a *account) giveBack(s *gateway.Segment, place gateway.SegmentPlace) {
	if place.Whole() || a.settings.Load().Rate == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.throttle.giveBack(keyOf(s, place), place.Seq)
}

func keyOf(s *gateway.Segment, place gateway.SegmentPlace) textKey {
	return textKey{source: s.Source, dest: s.Dest, kind: place.Kind, ref: place.Ref, total: place.Total}
}
