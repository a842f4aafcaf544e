package room_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gatepost/store"
	"gatepost/store/room"
)

const floor = 1000

func device(avail uint64) *vfs.MemFS {
	fs := vfs.NewMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: avail, TotalBytes: 9000, UsedBytes: 9000 - avail})
	return fs
}

func TestTakeStopsAtTheFloor(t *testing.T) {
	for _, c := range []struct {
		avail               uint64
		take                int
		fits, settle, merge bool
	}{
		{5000, 4000, true, true, true},
		{5000, 4001, false, true, true},
		{floor, 0, true, true, true},
		{floor - 1, 0, false, true, true},
		{floor, 500, false, true, true},
		{floor, 501, false, false, true},
		{floor, 750, false, false, true},
		{floor, 751, false, false, false},
		{0, 1, false, false, false},
	} {
		r := room.New(device(c.avail), "", floor)
		if err := r.TakeToSettle(c.take); (err == nil) != c.settle {
			t.Errorf("%d free: TakeToSettle(%d) = %v", c.avail, c.take, err)
		}
		r = room.New(device(c.avail), "", floor)
		if err := r.TakeToMerge(c.take); (err == nil) != c.merge {
			t.Errorf("%d free: TakeToMerge(%d) = %v", c.avail, c.take, err)
		}
		r = room.New(device(c.avail), "", floor)
		if err := r.Take(c.take); (err == nil) != c.fits || err != nil && !errors.Is(err, store.ErrFull) {
			t.Errorf("%d free: Take(%d) = %v", c.avail, c.take, err)
		}
	}
}

// TestRefusalsAskAgain: what is counted as taken may never have been written,
// so a refusal always rests on the device's own word.
func TestRefusalsAskAgain(t *testing.T) {
	fs := device(5000)
	r := room.New(fs, "", floor)
	for range 3 {
		if err := r.Take(3000); err != nil {
			t.Fatalf("Take: %v", err)
		}
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1500, TotalBytes: 9000})
	if err := r.Take(3000); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Take on a full device = %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 8000, TotalBytes: 9000})
	if err := r.Take(3000); err != nil {
		t.Fatalf("Take after room came back = %v", err)
	}
	if free, ok := r.Free(); free != 8000 || !ok {
		t.Errorf("Free() = %d, %v", free, ok)
	}
}

func TestAFileSystemThatCannotTellRefusesNothing(t *testing.T) {
	r := room.New(vfs.NewMem(), "", floor)
	if err := r.Take(1 << 40); err != nil {
		t.Errorf("Take = %v", err)
	}
	if _, ok := r.Free(); ok {
		t.Error("Free is known")
	}
	if n := room.Total(vfs.NewMem(), ""); n != 0 {
		t.Errorf("Total = %d", n)
	}
	if n := room.Total(device(1), ""); n != 9000 {
		t.Errorf("Total = %d", n)
	}
}

func TestAnErrorOfTheDeviceIsTemporary(t *testing.T) {
	fs := errorfs.Wrap(device(5000), errorfs.InjectorFunc(func(errorfs.Op) error { return errors.New("broken") }))
	if err := room.New(fs, "", floor).Take(1); err == nil || errors.Is(err, store.ErrFull) {
		t.Errorf("Take = %v", err)
	}
}
