package thread

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func mac(purpose string, parts ...[]byte) (sum [32]byte) {
	h := hmac.New(sha256.New, []byte("test key"))
	h.Write([]byte(purpose))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	h.Sum(sum[:0])
	return sum
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBook() (*Book, *storetest.Memory) {
	mem := storetest.NewMemory()
	return New(mem, mac, rand.Reader), mem
}

// stage commits what fill stages.
func stage(t testing.TB, s store.Store, fill func(*store.Batch) error) {
	t.Helper()
	b := new(store.Batch)
	check(t, fill(b))
	check(t, store.Write(context.Background(), s, b))
}

// start makes a thread whose first message has the Message-ID headerID.
func start(t testing.TB, k *Book, mem store.Store, headerID string) gateway.ThreadID {
	t.Helper()
	var id gateway.ThreadID
	stage(t, mem, func(b *store.Batch) (err error) {
		if id, err = k.Start(b, gateway.MustAddress("jo@clinic.example"), time.Unix(1, 0)); err != nil {
			return err
		}
		return k.Join(b, headerID, Member{Thread: id, Message: gateway.MessageID{1}})
	})
	return id
}

func TestNewestKnownReferenceWins(t *testing.T) {
	k, mem := newBook()
	one, two := start(t, k, mem, "one@x.example"), start(t, k, mem, "two@x.example")
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("%d@elsewhere.example", i)
	}
	for name, c := range map[string]struct {
		r    gateway.Reading
		want gateway.ThreadID
	}{
		"no references":             {gateway.Reading{}, gateway.ThreadID{}},
		"unknown":                   {gateway.Reading{References: many}, gateway.ThreadID{}},
		"in reply to":               {gateway.Reading{InReplyTo: []string{"one@x.example"}}, one},
		"last reference":            {gateway.Reading{References: []string{"one@x.example", "two@x.example"}}, two},
		"last known reference":      {gateway.Reading{References: []string{"two@x.example", "one@x.example", "x@elsewhere.example"}}, one},
		"reply before references":   {gateway.Reading{References: []string{"one@x.example"}, InReplyTo: []string{"two@x.example"}}, two},
		"after very many":           {gateway.Reading{References: append(many, "one@x.example")}, one},
		"before very many":          {gateway.Reading{References: append([]string{"one@x.example"}, many...)}, gateway.ThreadID{}},
		"case belongs to an id":     {gateway.Reading{InReplyTo: []string{"ONE@x.example"}}, gateway.ThreadID{}},
		"empty":                     {gateway.Reading{InReplyTo: []string{""}}, gateway.ThreadID{}},
		"octets that are no header": {gateway.Reading{InReplyTo: []string{"\x00\xff"}}, gateway.ThreadID{}},
	} {
		got, err := k.Find(t.Context(), &c.r)
		if c.want.IsZero() != errors.Is(err, ErrUnknown) || got.ID != c.want {
			t.Errorf("%s: %s, %v", name, got.ID, err)
		}
		if err == nil && !got.Secured {
			t.Errorf("%s: the thread is not secured", name)
		}
	}
}

// TestEmptyMessageIDJoinsNothing: else every mail without one would meet in
// one thread.
func TestEmptyMessageIDJoinsNothing(t *testing.T) {
	b := new(store.Batch)
	k, _ := newBook()
	if check(t, k.Join(b, "", Member{})); len(b.Ops) != 0 {
		t.Error("an empty Message-ID was recorded")
	}
}

func TestCapabilitiesAndBounces(t *testing.T) {
	k, mem := newBook()
	want := Capability{Thread: start(t, k, mem, "one@x.example"), Person: gateway.PersonRef{3}, Staff: gateway.MustAddress("jo@clinic.example")}
	envelope := gateway.EnvelopeID{Message: gateway.MessageID{4}, N: 2}
	var reply, bounce string
	stage(t, mem, func(b *store.Batch) (err error) {
		if reply, err = k.Reply(b, want); err != nil {
			return err
		}
		bounce, err = k.Bounce(b, envelope)
		return err
	})
	if len(reply) != 28 || len(bounce) != 28 || !strings.HasPrefix(reply, "r.") || !strings.HasPrefix(bounce, "b.") || reply != strings.ToLower(reply) {
		t.Fatalf("%s, %s", reply, bounce)
	}
	for _, local := range []string{reply, strings.ToUpper(reply)} { // RFC 5321 section 2.4: some hosts change the case
		if c, err := k.Capability(t.Context(), local); err != nil || c != want {
			t.Errorf("%s: %+v, %v", local, c, err)
		}
	}
	if e, err := k.Bounced(t.Context(), bounce); err != nil || e != envelope {
		t.Errorf("%v, %v", e, err)
	}
	token := reply[2:]
	for _, local := range []string{"", "r.", token, bounce, "r." + bounce[2:], "b." + token, reply + "a", reply[:27], "r.." + token[1:], "r." + strings.Repeat("\xff", 26), "r." + strings.Repeat("K", 26)} {
		if _, err := k.Capability(t.Context(), local); !errors.Is(err, ErrUnknown) {
			t.Errorf("capability %q: %v", local, err)
		}
		if local == bounce {
			continue
		}
		if _, err := k.Bounced(t.Context(), local); !errors.Is(err, ErrUnknown) {
			t.Errorf("bounce %q: %v", local, err)
		}
	}
	check(t, mem.Scan(t.Context(), store.Range{}, func(item store.Item) bool {
		if bytes.Contains(item.Key, []byte(token)) || bytes.Contains(item.Key, []byte("example")) {
			t.Errorf("key %q shows what only its hash may", item.Key)
		}
		if bytes.Contains(item.Value, []byte(token)) {
			t.Error("a value holds the token itself")
		}
		return true
	}))
}

func TestTokensDoNotRepeat(t *testing.T) {
	k, _ := newBook()
	seen := make(map[string]bool)
	for range 1000 {
		local, err := k.Reply(new(store.Batch), Capability{})
		check(t, err)
		if seen[local] {
			t.Fatal("a token came twice")
		}
		seen[local] = true
	}
	dry := New(storetest.NewMemory(), mac, strings.NewReader("short"))
	if _, err := dry.Reply(new(store.Batch), Capability{}); err == nil {
		t.Error("a token was made without randomness")
	}
	if _, err := dry.Start(new(store.Batch), gateway.Address{}, time.Time{}); err == nil {
		t.Error("a thread was made without randomness")
	}
}

// TestStoreFailureIsNotUnknown: a store that cannot answer must not turn a
// secured thread into a new conversation, nor a capability into a dead one.
func TestStoreFailureIsNotUnknown(t *testing.T) {
	k, mem := newBook()
	start(t, k, mem, "one@x.example")
	for at := 1; at <= 2; at++ {
		f := New(storetest.Faulty(mem, storetest.Plan{At: at}), mac, rand.Reader)
		if _, err := f.Find(t.Context(), &gateway.Reading{InReplyTo: []string{"one@x.example"}}); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("operation %d failed: %v", at, err)
		}
	}
	f := New(storetest.Faulty(mem, storetest.Plan{At: 1, Rest: true}), mac, rand.Reader)
	_, one := f.Capability(t.Context(), "r."+strings.Repeat("a", 26))
	_, two := f.Bounced(t.Context(), "b."+strings.Repeat("a", 26))
	if errors.Is(one, ErrUnknown) || errors.Is(two, ErrUnknown) || one == nil || two == nil {
		t.Errorf("%v, %v", one, two)
	}
}
