package flow

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/store"
)

// TestNewNumbersAreBounded: above the bound the carrier is told to come back
// with what unknown numbers write, at no cost; known ones and other lines are
// served, and later all is.
func TestNewNumbersAreBounded(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	rows := func(ctx context.Context, f *Flow) (n int) {
		for _, table := range []store.Table{store.People, store.Threads, store.Messages, store.SMSParts} {
			n += rowsOf(ctx, t, f, table)
		}
		return n
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := receiveAll(ctx, f, wrote(t, "hello", phonePass, shortSource)); err != nil {
			return err
		}
		line := destination(shortSource)
		for n := range maxNewcomers - 1 {
			if err := f.welcome(ctx, gateway.MustAddress(fmt.Sprintf("+1555300%04d@"+gateway.PhoneDomain, n)), line); err != nil {
				return fmt.Errorf("new number %d: %w", n, err)
			}
		}
		before := rows(ctx, f)
		for _, words := range []string{"me too", longWords} {
			err := receiveAll(ctx, f, wrote(t, words, phoneSecure, shortSource))
			if fault := gateway.FaultOf(err); err == nil || !fault.Temporary() || fault.SMPP != gateway.StatusTemporaryApp {
				t.Errorf("one more: %v", err)
			}
		}
		if after := rows(ctx, f); after != before {
			t.Errorf("%d rows for what was refused", after-before)
		}
		if n := counted(t, f, "gatepost_flow_new_numbers_refused_total"); n != 2 {
			t.Errorf("%v are counted", n)
		}
		for _, s := range [][]gateway.Segment{wrote(t, "STOP", phonePass, shortSource), wrote(t, "me too", phoneHold, "CLINIC")} {
			if err := receiveAll(ctx, f, s); err != nil {
				t.Errorf("a known number, or another line: %v", err)
			}
		}
		time.Sleep(newcomerTime)
		if err := receiveAll(ctx, f, wrote(t, "me too", phoneSecure, shortSource)); err != nil {
			t.Errorf("later: %v", err)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, mail := range w.hop.mail("desk@clinic.example") {
		if strings.HasPrefix(readMail(t, mail), "me too") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("of two that wrote, %d arrived", told)
	}
	w.sound(t, kv)
}

// counted is what a counter without labels shows.
func counted(t *testing.T, f *Flow, name string) float64 {
	t.Helper()
	families, err := f.Metrics.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Errorf("there is no %s", name)
	return 0
}
