package detect

import (
	"fmt"
	"testing"
)

// Nine digits are judged together as each validator alone judges them.
func TestNineDigits(t *testing.T) {
	types := newTypeTable()
	l := newLayouts(types)
	e := l.states[l.states[0].next[9]].ends[0]
	if !e.nine {
		t.Fatalf("nine digits may be %d kinds, which nineDigits does not judge together", len(e.match))
	}
	var seen [len(nineKinds)]int
	check := func(n int) {
		v := fmt.Appendf(make([]byte, 0, 24), "%09d", n)
		kinds := nineDigits(v)
		for i, m := range e.match {
			k := &types.kinds[m.kind]
			if got := kinds>>i&1 != 0; got != k.holds(v) {
				t.Fatalf("%s as %s: %v, its validator %v", v, k.typ, got, !got)
			} else if got {
				seen[i]++
			}
		}
	}
	for n := 0; n < 1e9; n += 9973 {
		check(n)
	}
	for n := range 10 {
		check(n * 111111111)
	}
	for _, n := range []int{0, 1, 100000, 1000000, 9999999, 10000000, 666000001, 666010001, 536220000, 536000001, 220001, 899990001, 900700001, 987654321, 78051120, 219099999, 123456789, 457555462, 999999999} {
		for d := -11; d <= 11; d++ {
			check((n + d + 1e9) % 1e9)
		}
	}
	for i, n := range seen {
		if n == 0 {
			t.Errorf("no number is %s", nineKinds[i])
		}
	}
}
