package proof

import (
	"context"
	"testing"
	"time"
)

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	s := w.newSession()
	s = w.try(s, w.ask(s)).Session
	for range 5 {
		w.advance(14 * time.Minute)
		if err := w.Touch(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, _ := w.Proven(ctx, s, w.link); !ok {
		t.Fatal("a session that is used ended")
	}
	w.advance(15 * time.Minute)
	if _, ok, _ := w.Proven(ctx, s, w.link); ok {
		t.Fatal("an idle session goes on")
	}
	if err := w.Touch(ctx, s); err != nil {
		t.Fatal(err)
	}
	if alive, _ := w.Alive(ctx, s); alive {
		t.Fatal("a touch wakes the dead")
	}
	live := w.newSession()
	if n, err := w.Sweep(ctx); n != 1 || err != nil {
		t.Fatalf("Sweep = %d, %v", n, err)
	}
	if alive, _ := w.Alive(ctx, live); !alive {
		t.Fatal("Sweep took a live session")
	}
	if err := w.End(ctx, live); err != nil {
		t.Fatal(err)
	}
	if alive, _ := w.Alive(ctx, live); alive {
		t.Fatal("End ends nothing")
	}
}

func TestSessionHasALifetime(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	for range 80 {
		w.advance(9 * time.Minute)
		_ = w.Touch(context.Background(), s)
	}
	if alive, _ := w.Alive(context.Background(), s); alive {
		t.Fatal("a session of twelve hours lives")
	}
}

func TestTouchWritesOnceAMinute(t *testing.T) {
	w := newWorld(t)
	s := w.newSession()
	before := w.store.next
	for range 120 {
		w.advance(time.Second)
		if err := w.Touch(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.store.next - before; n != 2 {
		t.Fatalf("%d writes in two minutes", n)
	}
}
