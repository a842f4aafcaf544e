package pebblestore

import (
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gatepost/store"
	"gatepost/store/room"
)

// guardedDevice is a guard of 1 MiB tables, with a ballast, on a device that
// has as much free as it is told.
func guardedDevice(t *testing.T) (g *guard, free func(octets uint64)) {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("db", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("db/ballast", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	const table = 1 << 20
	free = func(octets uint64) {
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: octets, TotalBytes: 1 << 30})
		time.Sleep(time.Second) // until the device is asked again
	}
	return newGuard(fs, "db", store.NewHealth("records", slog.New(slog.DiscardHandler), nil), room.New(fs, "db", floorTables*table), table), free
}

func (g *guard) writeOne(name string, category vfs.DiskWriteCategory) error {
	f, err := g.Create(name, category)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 1000))
	return errors.Join(err, f.Close())
}

// TestACompactionThatFindsNoRoomHoldsNone: it had waited with all room of the
// device in its hands, so that nothing could be deleted, and when it was let go
// the next one took that room at once.
func TestACompactionThatFindsNoRoomHoldsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const compaction, rest = vfs.DiskWriteCategory("pebble-compaction"), uint64(floorTables << 20 / 4)
		g, free := guardedDevice(t)
		free(rest + 1000)
		if err := g.writeOne("db/1.sst", compaction); err != nil || !g.ballast.held {
			t.Fatalf("a compaction while there is room: %v, the ballast is held: %v", err, g.ballast.held)
		}
		free(rest + 999)
		began := time.Now()
		if err := g.writeOne("db/2.sst", compaction); !errors.Is(err, syscall.ENOSPC) || g.ballast.held {
			t.Errorf("a compaction that would take the last room: %v, the ballast is held: %v", err, g.ballast.held)
		}
		for name, category := range map[string]vfs.DiskWriteCategory{"db/3.log": "pebble-wal", "db/4.sst": "pebble-memtable-flush", "db/MANIFEST-5": "pebble-manifest"} {
			if err := g.writeOne(name, category); err != nil {
				t.Errorf("%s into the room that compactions leave: %v", name, err)
			}
		}
		if waited := time.Since(began); waited != 0 || g.waiting() {
			t.Errorf("without room %v were waited, waiting() = %v", waited, g.waiting())
		}
		free(rest + 1000) // what was let go
		if err := g.writeOne("db/6.sst", compaction); err != nil || time.Since(began) != compactionRest {
			t.Errorf("the next compaction: %v, after %v", err, time.Since(began))
		}
		free(rest + 1000)
		began = time.Now()
		if err := g.writeOne("db/7.sst", compaction); err != nil || time.Since(began) != 0 {
			t.Errorf("the one after: %v, after %v", err, time.Since(began))
		}
	})
}
