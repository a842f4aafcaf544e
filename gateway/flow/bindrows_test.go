package flow

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/store/storetest"
)

// wrongFrom is a wrong bind of that name from another network each n.
func wrongFrom(ctx context.Context, f *Flow, account string, n int) error {
	p := app(account)
	p.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), 4001)
	return f.LoginSMS(ctx, p, false)
}

// wrongBinds are the rows of wrong binds and how many binds of each account
// they tell of.
func wrongBinds(ctx context.Context, t *testing.T, f *Flow) (rows int, told map[string]int) {
	t.Helper()
	rows, told = recordsOf(ctx, t, f, gateway.EventLoginFailed), map[string]int{}
	err := f.Audit.Each(ctx, func(e audit.Entry) error {
		n := 1
		if s, ok := e.Detail["count"]; ok {
			n, _ = strconv.Atoi(s)
		}
		if e.Event == gateway.EventLoginFailed {
			told[e.Detail["account"]] += n
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, told
}

func TestWrongBindsShareRows(t *testing.T) {
	for _, c := range []struct {
		name string
		bind func(ctx context.Context, f *Flow, i int) error
		rows int // of their own
		more int // for the rest
		told map[string]int
	}{
		{"one account from one network", func(ctx context.Context, f *Flow, i int) error { return wrongFrom(ctx, f, "esme1", 1) }, bindsEach, 1, map[string]int{"esme1": 500}},
		{"names that strangers make up", func(ctx context.Context, f *Flow, i int) error { return wrongFrom(ctx, f, fmt.Sprint("guess", i), 1) }, bindsEach, 1, map[string]int{"": 500}},
		{"from everywhere", func(ctx context.Context, f *Flow, i int) error {
			return wrongFrom(ctx, f, []string{"esme1", "nobody"}[i%2], i)
		}, bindsTotal, 2, map[string]int{"esme1": 250, "": 250}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			err := w.in(t, storetest.NewMemory(), func(ctx context.Context, f *Flow) error {
				for i := range 500 {
					if err := c.bind(ctx, f, i); err != nil {
						return err
					}
				}
				if n := recordsOf(ctx, t, f, gateway.EventLoginFailed); n != c.rows {
					t.Errorf("%d rows at once, want %d", n, c.rows)
				}
				f.agendaOnce(ctx) // the minute is not over
				if n := recordsOf(ctx, t, f, gateway.EventLoginFailed); n != c.rows {
					t.Errorf("%d rows within the minute, want %d", n, c.rows)
				}
				if n := len(f.binds.count); n != c.more {
					t.Errorf("counted under %d names, want %d", n, c.more)
				}
				time.Sleep(bindTime)
				f.agendaOnce(ctx)
				f.agendaOnce(ctx)
				rows, told := wrongBinds(ctx, t, f)
				if rows != c.rows+c.more || fmt.Sprint(told) != fmt.Sprint(c.told) {
					t.Errorf("%d rows tell of %v, want %d of %v", rows, told, c.rows+c.more, c.told)
				}
				if err := c.bind(ctx, f, 0); err != nil {
					return err
				}
				if n := recordsOf(ctx, t, f, gateway.EventLoginFailed); n != rows+1 {
					t.Errorf("the next minute begins with %d rows", n-rows)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A flood of wrong binds takes neither the evidence nor the way in from those
// who know their password.
func TestGoodBindsAreRecordedInAFlood(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
		for i := range 100 {
			err = errors.Join(err, wrongFrom(ctx, f, "esme1", i), f.LoginSMS(ctx, app("esme1"), true))
		}
		if n := recordsOf(ctx, t, f, gateway.EventLoginPassed); n != 100 {
			t.Errorf("%d rows of good binds", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(t, kv, func(ctx context.Context, f *Flow) error { // what was counted at the end has its row
		if rows, told := wrongBinds(ctx, t, f); rows != bindsTotal+1 || told["esme1"] != 100 {
			t.Errorf("%d rows tell of %v", rows, told)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
