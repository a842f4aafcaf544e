package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
)

// TestWhatWasOpenedLatelyOpensNothingMore: what is kept of a wrap opens that
// wrap faster, and neither a changed one nor one whose key is destroyed.
func TestWhatWasOpenedLatelyOpensNothingMore(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	for range 3 {
		if _, err, _ := w.open(k); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(k.groups.opened.now); n != 1 {
		t.Fatalf("%d wraps kept, want that of the staff", n)
	}
	changed := w
	changed.staff.Sealed = bytes.Clone(w.staff.Sealed)
	changed.staff.Sealed[len(changed.staff.Sealed)-1] ^= 1
	if _, err, _ := changed.open(k); !errors.Is(err, ErrOpen) {
		t.Errorf("a changed wrap: %v", err)
	}
	other := w
	other.id = messageID(t)
	if _, err, _ := other.open(k); !errors.Is(err, ErrOpen) {
		t.Errorf("for another message: %v", err)
	}
	c.advance(time.Hour)
	if err := k.Retire(w.staff.Group); err != nil {
		t.Fatal(err)
	}
	if _, err, _ := w.open(k); err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(w.staff.Group); err != nil {
		t.Fatal(err)
	}
	if _, err, _ := w.open(k); !errors.Is(err, ErrDestroyed) {
		t.Errorf("after the end of its key: %v", err)
	}
	if n := len(k.groups.opened.now) + len(k.groups.opened.before); n != 0 {
		t.Errorf("%d wraps of a destroyed group are kept", n)
	}
}

// TestKeyThatIsRemovedByHandOpensForASecond: the process that holds the keyring
// looks that seldom for the file of a key that it keeps, and one beside it each
// time.
func TestKeyThatIsRemovedByHandOpensForASecond(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	o := options(c)
	o.ReadOnly = true
	beside := must[*Keyring](t)(Open(dir, o))
	t.Cleanup(func() { _ = beside.Close() })
	for _, k := range []*Keyring{k, beside} {
		if _, err, _ := w.open(k); err != nil {
			t.Fatal(err)
		}
	}
	check(t, os.Remove(k.groupFile(w.staff.Group)))
	c.advance(keyLooked - 1)
	if _, err, _ := w.open(k); err != nil {
		t.Error(err)
	}
	if _, err, _ := w.open(beside); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("beside the process that holds the keyring: %v", err)
	}
	c.advance(1)
	if _, err, _ := w.open(k); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a second later: %v", err)
	}
}

func TestWhatWasOpenedIsForgotten(t *testing.T) {
	var o openedWraps
	at := time.Now()
	key := func(n int) openedKey {
		return keyOfWrap(Staff, gateway.Wrap{Group: "g", Sealed: fmt.Append(nil, n)}, gateway.MessageID{1})
	}
	secret := []byte("secret")
	o.put(key(0), secret, at)
	got := o.get(key(0), at)
	if string(got) != "secret" {
		t.Fatalf("%q", got)
	}
	clear(got) // the caller's own
	if string(o.get(key(0), at.Add(openedTurn))) != "secret" {
		t.Error("forgotten too early, or changed by who had a copy")
	}
	if o.get(key(0), at.Add(3*openedLasts)) != nil {
		t.Error("kept for too long")
	}
	for n := range 5 * keptOpened {
		o.put(key(n), secret, at)
	}
	if n := len(o.now) + len(o.before); n > 2*keptOpened {
		t.Errorf("%d kept", n)
	}
	o.put(key(-1), make([]byte, openedSecret+1), at)
	if o.get(key(-1), at) != nil {
		t.Error("kept what is no data key")
	}
}

// TestWhatWasOpenedEndsByTheClock: a process that opens nothing any more holds no
// data key five minutes later, neither listed nor in the memory that held it.
func TestWhatWasOpenedEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o openedWraps
		key := keyOfWrap(Staff, gateway.Wrap{Group: "g"}, gateway.MessageID{1})
		late := keyOfWrap(Staff, gateway.Wrap{Group: "g"}, gateway.MessageID{2})
		kept := func(key openedKey) []byte {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.now[key]
		}
		count := func() (now, before int) {
			o.mu.Lock()
			defer o.mu.Unlock()
			return len(o.now), len(o.before)
		}
		o.put(key, []byte("secret"), time.Now())
		held := [][]byte{kept(key)}
		time.Sleep(openedTurn - time.Second)
		o.put(late, []byte("later!"), time.Now())
		held = append(held, kept(late))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, before := count(); before != 2 {
			t.Errorf("%d kept from before", before)
		}
		time.Sleep(openedTurn + time.Second)
		synctest.Wait()
		if now, before := count(); now+before != 0 {
			t.Errorf("%d kept after their time", now+before)
		}
		for _, text := range held {
			if !bytes.Equal(text, make([]byte, len(text))) {
				t.Errorf("%q is in memory", text)
			}
		}
		o.put(key, []byte("secret"), time.Now())
		if got := o.get(key, time.Now()); string(got) != "secret" {
			t.Errorf("%q of a new opening", got)
		}
	})
}
