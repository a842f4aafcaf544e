package viewer

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestRoomIsBounded(t *testing.T) {
	r := newRoom()
	releases := 0
	for {
		release, ok := r.hold(largePages / 4)
		if !ok {
			break
		}
		releases++
		defer release()
	}
	if releases != 4 {
		t.Errorf("%d quarters", releases)
	}
	if release, ok := r.hold(largePage - 1); !ok {
		t.Error("a small page waits for large ones")
	} else {
		release()
	}
	if _, ok := newRoom().hold(2 * largePages); !ok {
		t.Error("a page larger than all is never sent")
	}
}

// TestRoomForRenderingIsWaitedFor: the one too many waits, gives up after its
// time, and gets in when another leaves.
func TestRoomForRenderingIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		var leaves []func()
		for {
			if !r.rendering.TryAcquire(1) {
				break
			}
			leaves = append(leaves, func() { r.rendering.Release(1) })
		}
		if len(leaves) < 4 {
			t.Fatalf("room for %d", len(leaves))
		}
		if _, err := r.enter(context.Background()); err == nil {
			t.Error("one too many got in")
		}
		leaves[0]()
		leave, err := r.enter(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		leave()
		leave()
		again, err := r.enter(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer again()
		if r.rendering.TryAcquire(1) {
			t.Error("left twice, counted twice")
		}
	})
}
