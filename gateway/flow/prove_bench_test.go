package flow

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/proof"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// crowd is a Flow in real time with many readers of one message each.
type crowd struct {
	tb      testing.TB
	flow    *Flow
	message gateway.EnvelopeID
	pin     *gateway.Hashed
	next    atomic.Int64
}

func newCrowd(tb testing.TB) *crowd {
	tb.Helper()
	w := newWorld(tb)
	f, done, err := w.open(emptyStore())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(done)
	id, err := accept(tb.Context(), f, submissionTo("s@secure.example"), testMail)
	if err != nil {
		tb.Fatal(err)
	}
	c := &crowd{tb: tb, flow: f, message: gateway.EnvelopeID{Message: id}}
	if c.pin, err = f.People.HashPIN(tb.Context(), "739154"); err != nil {
		tb.Fatal(err)
	}
	return c
}

// reader makes a person and their link; with a code in a session unless they
// have a PIN.
func (c *crowd) reader(pin bool) (r visiting, err error) {
	ctx, f := c.tb.Context(), c.flow
	n := c.next.Add(1)
	r.secret = gateway.LinkSecret{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 1}
	r.to = "reader" + strconv.FormatInt(n, 10) + "@out.example"
	refs, err := f.People.Ensure(ctx, gateway.MustAddress(r.to))
	if err != nil {
		return r, err
	}
	l := gateway.Link{
		ID: seal.LinkID(r.secret), Envelope: c.message, Person: refs[0], Recipient: gateway.MustAddress(r.to), Created: f.Now(), Expires: f.Now().Add(time.Hour),
	}
	var b store.Batch
	if pin {
		l.Options.PIN, l.PIN = "sender", c.pin
		r.code = "739154"
	}
	if err := b.PutRecord(linkKey(l.ID), l); err != nil {
		return r, err
	}
	if err := store.Write(ctx, f.Store, &b); err != nil || pin {
		return r, err
	}
	if r.v.Session, err = f.Proof.NewSession(ctx); err != nil {
		return r, err
	}
	code, err := f.Proof.NewCode(ctx, l.ID, r.v.Session, proof.Asked{})
	r.code = code.Reveal()
	return r, err
}

// reads is what a reader waits for: page, proof, message.
func (c *crowd) reads(r visiting) error {
	f, ctx := c.flow, c.tb.Context()
	if _, err := f.Visit(ctx, r.secret, r.v); err != nil {
		return err
	}
	session, p, err := f.Prove(ctx, r.secret, r.v, r.code)
	if err != nil || !p.Passed {
		return errors.Join(err, errors.New("not passed: "+string(p.Reason)))
	}
	_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
	return err
}

// TestFloodOfWrongPINs: while fifty guess PINs without a break, through as many
// links as they like, others read by a code, and by a PIN or are told to come back.
func TestFloodOfWrongPINs(t *testing.T) {
	c := newCrowd(t)
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var busy, wrong atomic.Int64
	for range 50 {
		flood.Go(func() {
			for ctx.Err() == nil {
				r, err := c.reader(true)
				for err == nil && ctx.Err() == nil {
					_, p, perr := c.flow.Prove(ctx, r.secret, r.v, "739155")
					if errors.Is(perr, gateway.ErrBusy) {
						busy.Add(1)
						runtime.Gosched()
						continue
					}
					if err = perr; p.Reason != gateway.ProofWrong {
						break // paused: the next link
					}
					wrong.Add(1)
				}
			}
		})
	}
	defer flood.Wait()
	defer cancel()
	for wrong.Load() == 0 || busy.Load() == 0 {
		runtime.Gosched()
	}
	for range 6 {
		r, err := c.reader(false)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.reads(r); err != nil {
			t.Error(err)
		}
		if r, err = c.reader(true); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.flow.Prove(t.Context(), r.secret, r.v, r.code); !errors.Is(err, gateway.ErrBusy) && (err != nil || !p.Passed) {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// TestCodesWaitForNoPIN: when all places to compare PINs are taken, and stay so, who
// has a code reads all the same. Who has a PIN is told to come back, and reads once a
// place is free.
func TestCodesWaitForNoPIN(t *testing.T) {
	c := newCrowd(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel() // waits for no place
	var places []func()
	for n := 0; ; n++ {
		_, leave, err := c.flow.People.EnterPIN(ended, "guess "+strconv.Itoa(n), c.pin)
		if err != nil {
			break
		}
		places = append(places, leave)
	}
	if len(places) == 0 {
		t.Fatal("there was no place")
	}
	byCode, err := c.reader(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.reads(byCode); err != nil {
		t.Errorf("by a code: %v", err)
	}
	byPIN, err := c.reader(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.reads(byPIN); !errors.Is(err, gateway.ErrBusy) {
		t.Errorf("by a PIN without a place: %v", err)
	}
	for _, leave := range places {
		leave()
	}
	if err := c.reads(byPIN); err != nil {
		t.Errorf("by a PIN: %v", err)
	}
}

// BenchmarkProve is the proof of a reader and the first opening behind it, by
// a code (without argon2) and by a PIN (with), sixteen readers at a time. Who
// is told to try again tries again, and that time counts.
func BenchmarkProve(b *testing.B) {
	for _, how := range []struct {
		name string
		pin  bool
	}{{"argon2=off", false}, {"argon2=on", true}} {
		b.Run(how.name, func(b *testing.B) {
			c := newCrowd(b)
			var mu sync.Mutex
			var took []time.Duration
			var busy atomic.Int64
			readers := make(chan visiting, b.N)
			for range b.N {
				r, err := c.reader(how.pin)
				if err != nil {
					b.Fatal(err)
				}
				readers <- r
			}
			close(readers)
			b.ResetTimer()
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for r := range readers {
						start := time.Now()
						if err := c.patient(r, &busy); err != nil {
							b.Error(err)
							return
						}
						mu.Lock()
						took = append(took, time.Since(start))
						mu.Unlock()
					}
				})
			}
			all.Wait()
			b.StopTimer()
			slices.Sort(took)
			if len(took) > 0 {
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "proofs/s")
				b.ReportMetric(float64(busy.Load())/float64(len(took)), "busy/proof")
			}
		})
	}
}

// patient proves and opens, as often as it is told to try again.
func (c *crowd) patient(r visiting, busy *atomic.Int64) error {
	ctx, f := c.tb.Context(), c.flow
	for {
		session, p, err := f.Prove(ctx, r.secret, r.v, r.code)
		if errors.Is(err, gateway.ErrBusy) {
			busy.Add(1)
			continue
		}
		if err != nil || !p.Passed {
			return errors.Join(err, errors.New("not passed: "+string(p.Reason)))
		}
		for {
			_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
			if !errors.Is(err, store.ErrConflict) { // sixteen open one message for the first time
				return err
			}
		}
	}
}
