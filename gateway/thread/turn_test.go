package thread

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func add(t testing.TB, k *Book, mem store.Store, turns ...Turn) {
	t.Helper()
	stage(t, mem, func(b *store.Batch) error {
		for _, turn := range turns {
			if err := k.Add(b, turn); err != nil {
				return err
			}
		}
		return nil
	})
}

func numbered(n int) (id gateway.MessageID) {
	id[4], id[5] = byte(n>>8), byte(n)
	return id
}

// A person sees their own turns, oldest first, and none of anybody else.
func TestTurnsAreOfOnePerson(t *testing.T) {
	k, mem := newBook()
	one, two := start(t, k, mem, "one@x.example"), start(t, k, mem, "two@x.example")
	jane, john := gateway.PersonRef{1}, gateway.PersonRef{2}
	add(t, k, mem,
		Turn{Thread: one, Person: jane, Message: numbered(3)}, Turn{Thread: one, Person: jane, Message: numbered(1), Mine: true},
		Turn{Thread: one, Person: john, Message: numbered(2)}, Turn{Thread: two, Person: jane, Message: numbered(4)})
	turns, earlier, err := k.Turns(t.Context(), one, jane)
	if err != nil || earlier != 0 || len(turns) != 2 || turns[0].Message != numbered(1) || turns[1].Message != numbered(3) || !turns[0].Mine {
		t.Errorf("%+v, %d, %v", turns, earlier, err)
	}
	for _, c := range []struct {
		thread gateway.ThreadID
		person gateway.PersonRef
		n      int
		is     bool
	}{{one, jane, 1, true}, {one, jane, 2, false}, {one, john, 2, true}, {two, jane, 4, true}, {two, john, 2, false}} {
		if _, err := k.Turn(t.Context(), c.thread, c.person, numbered(c.n)); (err == nil) != c.is || err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("turn %d: %v", c.n, err)
		}
	}
	for _, c := range []struct {
		thread gateway.ThreadID
		person gateway.PersonRef
		is     bool
	}{{one, jane, true}, {one, john, true}, {two, john, false}} {
		if is, err := k.Participant(t.Context(), c.thread, c.person); is != c.is || err != nil {
			t.Errorf("participant %v, %v", is, err)
		}
	}
	threads, err := k.Of(t.Context(), jane)
	if err != nil || len(threads) != 2 {
		t.Errorf("threads of a person: %v, %v", threads, err)
	}
	if err := k.Add(new(store.Batch), Turn{Thread: one}); err == nil {
		t.Error("a turn of nobody")
	}
}

// Of a very long conversation the newest part is read, and it is said how much
// is not.
func TestTurnsOfALongConversation(t *testing.T) {
	k, mem := newBook()
	id := start(t, k, mem, "one@x.example")
	for i := range maxTurns + 7 {
		add(t, k, mem, Turn{Thread: id, Person: gateway.PersonRef{1}, Message: numbered(i)})
	}
	turns, earlier, err := k.Turns(t.Context(), id, gateway.PersonRef{1})
	if err != nil || earlier != 7 || len(turns) != maxTurns || turns[0].Message != numbered(7) {
		t.Errorf("%d turns, %d earlier, %v", len(turns), earlier, err)
	}
}

// A conversation that a telephone begins is no secured one until something in it is.
func TestOpen(t *testing.T) {
	k, mem := newBook()
	var id gateway.ThreadID
	stage(t, mem, func(b *store.Batch) (err error) {
		id, err = k.Open(b, gateway.MustAddress("desk@clinic.example"), time.Unix(1, 0))
		return err
	})
	if th, err := k.Get(t.Context(), id); err != nil || th.Secured || len(th.Everybody()) != 1 {
		t.Errorf("%+v, %v", th, err)
	}
	for range 2 {
		stage(t, mem, func(b *store.Batch) error { return k.Secure(t.Context(), b, id) })
	}
	if th, err := k.Get(t.Context(), id); err != nil || !th.Secured || len(th.Everybody()) != 1 {
		t.Errorf("%+v, %v", th, err)
	}
}

// Staff take part once, however they are spelled, and not without end.
func TestSecure(t *testing.T) {
	k, mem := newBook()
	at := gateway.MustAddress
	var id gateway.ThreadID
	stage(t, mem, func(b *store.Batch) (err error) {
		id, err = k.Start(b, at("jo@clinic.example"), time.Unix(1, 0), at("Jo@clinic.example"), at("ann@clinic.example"), gateway.Address{})
		return err
	})
	welcome := func(want int, staff ...gateway.Address) {
		t.Helper()
		stage(t, mem, func(b *store.Batch) error {
			err := k.Secure(t.Context(), b, id, staff...)
			if want == 0 && len(b.Ops) != 0 {
				t.Error("nobody is new, and something is written")
			}
			return err
		})
		th, err := k.Get(t.Context(), id)
		if check(t, err); want > 0 && len(th.Everybody()) != want {
			t.Errorf("%d take part, not %d", len(th.Everybody()), want)
		}
	}
	welcome(2)
	welcome(0, at("ANN@clinic.example"), at("jo@clinic.example"))
	welcome(3, at("bob@clinic.example"), at("bob@clinic.example"))
	var many []gateway.Address
	for i := range 2 * maxStaff {
		many = append(many, at(fmt.Sprintf("n%d@clinic.example", i)))
	}
	welcome(1+maxStaff, many...)
	if err := k.Secure(t.Context(), new(store.Batch), gateway.ThreadID{9}, many...); !errors.Is(err, ErrUnknown) {
		t.Errorf("a thread that is not: %v", err)
	}
	var one, two store.Batch
	other := start(t, k, mem, "x@x.example")
	check(t, k.Secure(t.Context(), &one, other, at("a@clinic.example")))
	check(t, k.Secure(t.Context(), &two, other, at("b@clinic.example")))
	check(t, store.Write(t.Context(), mem, &one))
	if err := store.Write(t.Context(), mem, &two); !errors.Is(err, store.ErrConflict) {
		t.Errorf("two at once: %v", err)
	}
}
