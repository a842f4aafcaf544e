package seal

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
)

// encOf is the encapsulated key of a wrap to a group.
func encOf(w gateway.Wrap) string { return string(w.Sealed[1 : 1+encapsulated]) }

// TestAContextIsShortAndItsKeysDiffer: wraps of a moment share the
// encapsulation and nothing else, and open apart from each other.
func TestAContextIsShortAndItsKeysDiffer(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	retain := inDays(c, 10)
	first := wrapAll(t, k, retain)
	seen := map[string]int{encOf(first.staff): 1}
	all := []wraps{first}
	for range 2 * contextWraps {
		w := wrapAll(t, k, retain)
		all = append(all, w)
		seen[encOf(w.staff)]++
		seen[encOf(w.correspondent)]++
	}
	if n := seen[encOf(first.staff)]; n > contextWraps || n < 2 {
		t.Errorf("%d wraps of one context, want 2 to %d", n, contextWraps)
	}
	if len(seen) < 4 {
		t.Errorf("%d contexts for %d wraps", len(seen), 2*len(all))
	}
	for _, w := range all {
		w.wantOpen(t, k)
	}
	mixed := all[0]
	mixed.staff.Sealed = append(bytes.Clone(all[0].staff.Sealed[:1+encapsulated]), all[1].staff.Sealed[1+encapsulated:]...)
	if _, err, _ := mixed.open(k); !errors.Is(err, ErrOpen) {
		t.Errorf("the data key of another message: %v", err)
	}
	c.advance(contextLasts)
	if later := wrapAll(t, k, retain); seen[encOf(later.staff)] > 0 {
		t.Error("a context lasts longer than it may")
	}
}

// TestTheSameMessageTwice: a wrap that is made again has another nonce.
func TestTheSameMessageTwice(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	d := must[Key](t)(k.Sealer().NewKey())
	id := messageID(t)
	one := must[gateway.Wrap](t)(k.Sealer().WrapStaff(d, id, inDays(c, 3)))
	two := must[gateway.Wrap](t)(k.Sealer().WrapStaff(d, id, inDays(c, 3)))
	if encOf(one) != encOf(two) || bytes.Equal(one.Sealed, two.Sealed) {
		t.Error("two wraps of a message want one context and two nonces")
	}
}

func TestAContextEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		private, err := kem().GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		var c senderContext
		if enc, _, err := c.export(private.PublicKey(), []byte("a"), time.Now()); err != nil || len(enc) != encapsulated {
			t.Fatal("no context", err)
		}
		time.Sleep(contextLasts + time.Millisecond)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.sender != nil || c.enc != nil {
			t.Error("an idle process keeps a context")
		}
	})
}

// TestContextsEndWithTheirGroup: what is kept for opening goes with the key.
func TestContextsEndWithTheirGroup(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	w.wantOpen(t, k)
	if len(k.groups.shared) == 0 {
		t.Fatal("no context is kept")
	}
	c.advance(time.Hour)
	if err := k.Retire(w.staff.Group); err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(w.staff.Group); err != nil {
		t.Fatal(err)
	}
	if _, staff, correspondent := w.open(k); !errors.Is(staff, ErrDestroyed) || !errors.Is(correspondent, ErrDestroyed) {
		t.Errorf("after the end of the key: %v, %v", staff, correspondent)
	}
	if n := len(k.groups.shared); n != 0 {
		t.Errorf("%d contexts of a destroyed group are kept", n)
	}
}

// TestWrapsOfVersionOneOpen: a wrap that has its own encapsulation.
func TestWrapsOfVersionOneOpen(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	private := must[hpke.PrivateKey](t)(k.openPrivate(w.staff.Group))
	older := func(kind Kind, newer gateway.Wrap) gateway.Wrap {
		text := must[[]byte](t)(k.fromGroup(kind, newer, w.id))
		sealed := must[[]byte](t)(hpke.Seal(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), bound(kind.label(), w.id), text))
		return gateway.Wrap{Group: newer.Group, Sealed: append([]byte{wrapVersion}, sealed...)}
	}
	w.staff, w.correspondent = older(Staff, w.staff), older(Correspondent, w.correspondent)
	w.wantOpen(t, k)
	for _, cut := range []int{1, 2, 1 + encapsulated, 1 + encapsulated + nonceSize} {
		short := w
		short.staff.Sealed = append([]byte{groupVersion}, w.staff.Sealed[1:cut]...)
		if _, err, _ := short.open(k); !errors.Is(err, ErrOpen) {
			t.Errorf("%d octets: %v", cut, err)
		}
	}
}
