package e2e

import (
	octets "encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultDisk is a disk with a volatile cache: what was written since the last
// flush is lost when its power is cut, sector by sector as chance will have it,
// so that a write may be torn and a later one may be there without an earlier
// one. The kernel sees it as a file, whose only content is the disk's, put a
// loop device over it and ext4 on that: fsync of a program becomes a flush
// here, by the kernel's own ways.
//
// The file is served over FUSE by this process (include/uapi/linux/fuse.h).
type faultDisk struct {
	image, dir string // where the file stands and where ext4 is mounted
	device     int    // the FUSE connection

	mu      sync.Mutex
	octets  []byte
	before  map[int64][]byte // page to its octets as of the last flush, where it was written since
	off     bool             // no power: everything fails
	noFlush bool             // each flush fails, and so what is written stays volatile
	flushes int
}

const (
	faultSector = 512
	faultPage   = 4096
	// faultOptions take from ext4 what it does for programs that do not sync:
	// data before metadata, and allocation at a rename.
	faultOptions = "loop,data=writeback,noauto_da_alloc,noatime"
)

// newFaultDisk makes a disk of so many MiB with ext4 on it, mounted on dir.
func newFaultDisk(t *testing.T, mib int) *faultDisk {
	t.Helper()
	needRoot(t)
	needProgram(t, "mkfs.ext4", "mount", "umount")
	root := workDir(t)
	d := &faultDisk{image: filepath.Join(root, "image"), dir: filepath.Join(root, "disk"), octets: make([]byte, mib<<20), before: make(map[int64][]byte)}
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, d.image, "")
	var err error
	if d.device, err = syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		t.Skipf("SKIPPED: no disk of our own here: opening /dev/fuse: %v", err)
	}
	if err := syscall.Mount("gatepost-faults", d.image, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=100000,user_id=0,group_id=0", d.device)); err != nil {
		_ = syscall.Close(d.device)
		t.Skipf("SKIPPED: no disk of our own here: mounting over FUSE: %v", err)
	}
	served := make(chan struct{})
	go func() { defer close(served); d.serve() }()
	t.Cleanup(func() {
		_ = syscall.Unmount(d.image, syscall.MNT_DETACH)
		select {
		case <-served:
		case <-time.After(10 * time.Second):
			t.Log("the disk is still in use")
		}
		_ = syscall.Close(d.device)
	})
	if out, err := output(t, time.Minute, "mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,nodiscard", d.image); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	if out, err := output(t, time.Minute, "mount", "-o", faultOptions, d.image, d.dir); err != nil {
		t.Skipf("SKIPPED: mounting a small file system is refused here (%v): %s", err, out)
	}
	t.Cleanup(func() { d.unmount(t) })
	return d
}

// mount puts ext4 back after a cut; it replays its journal.
func (d *faultDisk) mount(t *testing.T) {
	t.Helper()
	if out, err := output(t, time.Minute, "mount", "-o", faultOptions, d.image, d.dir); err != nil {
		t.Fatalf("mounting again: %v\n%s", err, out)
	}
}

// unmount takes ext4 away; its loop device goes with it.
func (d *faultDisk) unmount(t *testing.T) {
	t.Helper()
	out, err := output(t, time.Minute, "umount", d.dir)
	if err != nil {
		t.Logf("unmounting: %v %s", err, out)
		_ = syscall.Unmount(d.dir, syscall.MNT_DETACH)
	}
}

// cut takes the power away at this moment, in which others lose theirs too. Of
// what no flush has covered each sector is kept with the probability keep.
func (d *faultDisk) cut(keep float64, others ...func()) (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	for _, end := range others {
		end()
	}
	for page, was := range d.before {
		for at := 0; at < faultPage; at += faultSector {
			if rand.Float64() >= keep {
				copy(d.octets[page*faultPage+int64(at):][:faultSector], was[at:])
				lost++
			}
		}
	}
	clear(d.before)
	return lost
}

// powered gives the power back.
func (d *faultDisk) powered() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off, d.noFlush = false, false
}

// failFlushes lets each flush fail, as a device does that reports an error at
// last, until powered.
func (d *faultDisk) failFlushes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noFlush = true
}

// The requests that a file needs, and the errors that they are answered with.
const (
	fuseForget, fuseGetattr, fuseSetattr, fuseOpen, fuseRead, fuseWrite        = 2, 3, 4, 14, 15, 16
	fuseStatfs, fuseRelease, fuseFsync, fuseFlush, fuseInit                    = 17, 18, 20, 25, 26
	fuseInterrupt, fuseDestroy, fuseBatchForget                                = 36, 38, 42
	fuseHead, fuseAnswerHead, fuseTransferHead                                 = 40, 16, 40
	fuseLargest                                                                = 1 << 20 // octets of a read or write
	fuseDirect                                                          uint64 = 1       // no cache of the kernel's in front of us
)

// serve answers the kernel until the file is unmounted.
func (d *faultDisk) serve() {
	request := make([]byte, fuseLargest+faultPage)
	for {
		n, err := syscall.Read(d.device, request)
		if err == syscall.EINTR || err == syscall.ENOENT {
			continue
		}
		if err != nil || n < fuseHead {
			return
		}
		operation, unique := octets.NativeEndian.Uint32(request[4:]), octets.NativeEndian.Uint64(request[8:])
		if operation == fuseForget || operation == fuseBatchForget || operation == fuseInterrupt {
			continue // they have no answer
		}
		answer, failure := d.answer(operation, request[fuseHead:n])
		head := make([]byte, fuseAnswerHead, fuseAnswerHead+len(answer))
		octets.NativeEndian.PutUint32(head, uint32(fuseAnswerHead+len(answer)))
		octets.NativeEndian.PutUint32(head[4:], uint32(-int32(failure)))
		octets.NativeEndian.PutUint64(head[8:], unique)
		_, _ = syscall.Write(d.device, append(head, answer...))
	}
}

func (d *faultDisk) answer(operation uint32, request []byte) ([]byte, syscall.Errno) {
	switch operation {
	case fuseInit:
		return numbers(4, 7, 4, 31, 4, 1<<20, 4, 1<<5|1<<22, 2, 16, 2, 12, 4, fuseLargest, 4, 1, 2, fuseLargest/faultPage, 2, 0, 4, 0, 28, 0), 0
	case fuseGetattr, fuseSetattr:
		size := uint64(len(d.octets))
		return numbers(8, 3600, 4, 0, 4, 0, 8, 1, 8, size, 8, size/faultSector, 24, 0, 12, 0, 4, syscall.S_IFREG|0o600, 4, 1, 12, 0, 4, faultPage, 4, 0), 0
	case fuseOpen:
		return numbers(8, 1, 4, fuseDirect, 4, 0), 0
	case fuseRead, fuseWrite:
		from, size := int64(octets.NativeEndian.Uint64(request[8:])), int64(octets.NativeEndian.Uint32(request[16:]))
		if operation == fuseRead {
			return d.read(from, size)
		}
		return d.write(from, request[fuseTransferHead:][:size])
	case fuseFsync:
		return nil, d.flush()
	case fuseStatfs:
		return make([]byte, 80), 0
	case fuseFlush, fuseRelease, fuseDestroy:
		return nil, 0
	default:
		return nil, syscall.ENOSYS
	}
}

// numbers are pairs of a width in octets and a value of at most eight.
func numbers(pairs ...uint64) []byte {
	var all []byte
	for i := 0; i < len(pairs); i += 2 {
		field := make([]byte, max(8, pairs[i]))
		octets.LittleEndian.PutUint64(field, pairs[i+1])
		all = append(all, field[:pairs[i]]...)
	}
	return all
}

func (d *faultDisk) read(from, size int64) ([]byte, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, syscall.EIO
	}
	from = min(from, int64(len(d.octets)))
	return append([]byte(nil), d.octets[from:min(from+size, int64(len(d.octets)))]...), 0
}

func (d *faultDisk) write(from int64, data []byte) ([]byte, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, syscall.EIO
	}
	if from+int64(len(data)) > int64(len(d.octets)) {
		return nil, syscall.ENOSPC
	}
	for page := from / faultPage; page*faultPage < from+int64(len(data)); page++ {
		if _, known := d.before[page]; !known {
			d.before[page] = append([]byte(nil), d.octets[page*faultPage:][:faultPage]...)
		}
	}
	copy(d.octets[from:], data)
	return numbers(4, uint64(len(data)), 4, 0), 0
}

func (d *faultDisk) flush() syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off || d.noFlush {
		return syscall.EIO
	}
	d.flushes++
	clear(d.before)
	return 0
}
