package flow

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/store"
)

// readings counts who reads all messages.
type readings struct {
	store.Store
	n    int
	fail error
}

func (r *readings) Scan(ctx context.Context, of store.Range, visit func(store.Item) bool) error {
	if all := store.Prefix(store.Messages); bytes.Equal(of.From, all.From) && bytes.Equal(of.To, all.To) {
		r.n++
	}
	if r.fail != nil {
		return r.fail
	}
	return r.Store.Scan(ctx, of, visit)
}

// TestHousekeepingReadsAllMessagesForAReason: after a start, once a day, and
// when a finished message could not be tidied; not every ten minutes.
func TestHousekeepingReadsAllMessagesForAReason(t *testing.T) {
	w, kv := newWorld(t), &readings{Store: emptyStore()}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		round := func(what string, want int) {
			t.Helper()
			kv.n = 0
			f.housekeepOnce(ctx)
			if kv.n != want {
				t.Errorf("%s: all messages were read %d times, want %d", what, kv.n, want)
			}
		}
		f.housekeepOnce(ctx) // also what is done once a day by the calendar
		for range 5 {
			time.Sleep(housekeepEvery)
			round("ten minutes later", 0)
		}
		kv.fail = errors.New("the disk is away")
		f.finish(ctx, &gateway.Envelope{State: gateway.Delivered}, false)
		kv.fail = nil
		round("after a failure", 1)
		round("after that", 0)
		return nil
	})
}

// restless fails a test that holds a scan of the store open for some time.
type restless struct {
	store.Store
	t *testing.T
}

func (r restless) Scan(ctx context.Context, of store.Range, visit func(store.Item) bool) error {
	begun := time.Now()
	err := r.Store.Scan(ctx, of, visit)
	if took := time.Since(begun); took > 0 {
		r.t.Errorf("a scan stayed open for %v", took)
	}
	return err
}

// TestDamagedRecordsAreLeftOut: what cannot be read hides nothing behind it, is
// named once and counted, and keeps the keys that it may need; nobody rests inside
// a scan.
func TestDamagedRecordsAreLeftOut(t *testing.T) {
	const all = 3 * walkBatch
	w, raw := newWorld(t), restless{emptyStore(), t}
	w.must(t, raw, func(ctx context.Context, f *Flow) error {
		key := func(n int) []byte { return messageKey(gateway.MessageID{byte(n >> 8), byte(n)}) }
		var sound, sealed, open store.Batch
		for n := range all {
			if err := sound.PutRecord(key(n), gateway.Message{ID: gateway.MessageID{byte(n >> 8), byte(n)}}); err != nil {
				return err
			}
		}
		for _, n := range []int{0, walkBatch - 1, walkBatch, all - 1} { // of no record, and of nothing that was sealed
			sealed.Put(key(n), []byte("nothing"))
			open.Put(key(n+1), []byte("nothing"))
		}
		for _, err := range []error{f.Store.Commit(ctx, &sound), f.Store.Commit(ctx, &sealed), raw.Commit(ctx, &open)} {
			if err != nil {
				return err
			}
		}
		for range 2 {
			seen := 0
			damaged, err := walk(ctx, f, store.Messages, func(*gateway.Message) { seen++ })
			if err != nil || damaged != 7 || seen != all-6 {
				t.Errorf("%d seen, %d damaged, %v", seen, damaged, err)
			}
		}
		if n := strings.Count(w.log.String(), "a record is damaged"); n != 7 {
			t.Errorf("named %d times", n)
		}
		if n := gaugeOf(t, f, "gatepost_flow_damaged_records"); n != 7 {
			t.Errorf("counted %v", n)
		}
		if _, err := f.spoolKeysInUse(ctx); err == nil {
			t.Error("it is known which keys are in use")
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := walk(ctx, f, store.Messages, func(*gateway.Message) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("it goes on after its end: %v", err)
		}
		return nil
	})
}

// gaugeOf is the sum of a gauge's values.
func gaugeOf(t *testing.T, f *Flow, name string) (sum float64) {
	t.Helper()
	families, err := f.Metrics.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.Metric {
			sum += m.GetGauge().GetValue()
		}
	}
	return sum
}
