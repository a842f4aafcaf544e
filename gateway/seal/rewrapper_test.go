package seal

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestRewrapper: it moves and mints wraps that open; a group is idle only when
// no wrap of it can be on its way to the store any more.
func TestRewrapper(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	r := k.Rewrapper()
	w := wrapAll(t, k, inDays(c, 10))
	group := w.staff.Group
	if idle, err := r.Retire(group); err != nil || idle {
		t.Errorf("a group that took a wrap a moment ago is idle: %v, %v", idle, err)
	}
	if next := wrapAll(t, k, inDays(c, 10)); next.staff.Group == group || next.correspondent.Group == group {
		t.Error("a retired group takes wraps")
	}
	c.advance(k.o.Grace)
	if idle, err := r.Retire(group); err != nil || !idle {
		t.Errorf("idle %v, %v", idle, err)
	}
	_, err := r.Retire("../../etc")
	wantError(t, err, ErrUnknownKey)
	w.staff = must[gateway.Wrap](t)(r.Move(w.staff, w.id, Staff))
	w.correspondent = must[gateway.Wrap](t)(r.Move(w.correspondent, w.id, Correspondent))
	check(t, k.Destroy(group))
	w.wantOpen(t, k)
	w.link = linkSecret(t)
	w.correspondent = must[gateway.Wrap](t)(r.Relink(w.staff, w.id, w.link, inDays(c, 10)))
	w.wantOpen(t, k)
	_, err = r.Move(gateway.Wrap{Group: group, Sealed: w.staff.Sealed}, w.id, Staff)
	wantError(t, err, ErrDestroyed)
}

// TestRewrapperOpensNothing: no method of it gives a key or content away, and
// it shows none.
func TestRewrapperOpensNothing(t *testing.T) {
	for m := range reflect.TypeFor[*Rewrapper]().Methods() {
		for out := range m.Type.Outs() {
			switch out {
			case reflect.TypeFor[gateway.Wrap](), reflect.TypeFor[error](), reflect.TypeFor[bool]():
			default:
				if m.Name != "LogValue" {
					t.Errorf("%s gives a %v", m.Name, out)
				}
			}
		}
	}
	k, _ := newKeyring(t, newClock())
	if shown := fmt.Sprintf("%v %+v %#v", k.Rewrapper(), k.Rewrapper(), k.Rewrapper()); strings.Contains(shown, k.dir) {
		t.Errorf("a rewrapper shows itself: %s", shown)
	}
	check(t, k.Close())
	_, err := k.Rewrapper().Retire(strings.Repeat("0", 8))
	if err == nil || errors.Is(err, ErrOpen) {
		t.Errorf("a closed keyring: %v", err)
	}
}
