package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a tmpfs of so many MiB; where that is refused the test is
// skipped, and says so.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	needRoot(t)
	dir := filepath.Join(workDir(t), "disk")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skipf("SKIPPED: mounting a small file system is refused here (%v)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Logf("unmounting: %v", err)
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

// fill writes a file that leaves about so many octets of the disk.
func fill(t *testing.T, dir string, leave int64) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 64<<10)
	for left := int64(s.Bavail)*s.Bsize - leave; left > 0; left -= int64(len(chunk)) {
		if _, err := f.Write(chunk); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				break
			}
			t.Fatal(err)
		}
	}
	return path
}

// TestDiskFullAnswers452AndRecovers: with no room for a mail the peer hears
// 452, nothing is half done, /readyz or the answer tells, and when there is
// room again the same server goes on.
func TestDiskFullAnswers452AndRecovers(t *testing.T) {
	disk := smallDisk(t, 160)
	outside := startSink(t, nil)
	g := newGate(t, settings{data: filepath.Join(disk, "data"), routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}}).start()
	mail := func(subject string, size int) []byte {
		return mailText("ann@clinic.example", "pat@out.example", subject, strings.Repeat("the garden opens at nine and we meet near the gate\n", size/51))
	}
	to := []string{"pat@out.example"}
	accepted(t, g.relay, "ann@clinic.example", to, mail("before", 2000))
	filler := fill(t, disk, 1<<20)
	refused, taken := 0, 1
	for i := range 40 {
		r := sendOne(t, g.relay, "ann@clinic.example", to, mail(fmt.Sprintf("full %d", i), 400_000))
		switch {
		case r.code == 250:
			taken++
		case r.code == 452:
			refused++
		default:
			t.Errorf("a full disk was answered %v", r)
		}
	}
	if refused == 0 {
		t.Fatal("the disk did not get full: the story was not told")
	}
	if code, _ := g.get("/livez"); code != http.StatusOK {
		t.Errorf("/livez says %d", code)
	}
	_, ready := g.get("/readyz")
	t.Logf("%d taken, %d answered 452; readyz while full: %s", taken, refused, strings.TrimSpace(ready))
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	recovered := taken
	eventually(t, time.Minute, func() string {
		if r := sendOne(t, g.relay, "ann@clinic.example", to, mail("after", 400_000)); r.code != 250 {
			return "after there is room: " + r.String()
		}
		recovered++
		return ""
	})
	eventually(t, time.Minute, func() string {
		if code, body := g.get("/readyz"); code != http.StatusOK {
			return "readyz: " + body
		}
		return ""
	})
	eventually(t, time.Minute, func() string {
		if n := len(outside.to("pat@out.example")); n != recovered {
			return fmt.Sprintf("%d mails arrived, %d were taken", n, recovered)
		}
		return ""
	})
	g.must("audit", "verify")
}

// TestFailedSyncStopsAcceptance: after an fsync that failed nothing is known
// of what is on the disk, so nothing is accepted any more and /readyz is red
// until a restart. strace makes the calls fail.
func TestFailedSyncStopsAcceptance(t *testing.T) {
	needRoot(t)
	needProgram(t, "strace")
	outside := startSink(t, nil)
	g := newGate(t, settings{routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}}).start()
	mail := mailText("ann@clinic.example", "pat@out.example", "sync", "The garden opens at nine.\n")
	to := []string{"pat@out.example"}
	accepted(t, g.relay, "ann@clinic.example", to, mail)
	outside.wait(t, "pat@out.example", 1)
	trace := exec.Command("strace", "-f", "-qq", "-o", filepath.Join(g.dir, "strace.out"), "-p", fmt.Sprint(g.process.cmd.Process.Pid),
		"-e", "trace=fsync,fdatasync,sync_file_range", "-e", "inject=fsync,fdatasync,sync_file_range:error=EIO")
	tracer := startProcess(t, trace)
	t.Cleanup(tracer.kill)
	eventually(t, 20*time.Second, func() string {
		if _, ended := tracer.exited(0); ended {
			t.Skip("SKIPPED: strace may not attach to a process here")
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.cmd.Process.Pid))
		if err != nil || strings.Contains(string(status), "TracerPid:\t0\n") {
			return "strace is not attached"
		}
		return ""
	})
	for range 5 {
		if r := sendOne(t, g.relay, "ann@clinic.example", to, mail); r.code/100 != 4 {
			t.Errorf("with a disk that does not sync the answer is %v", r)
		}
	}
	if code, body := g.get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz after a failed fsync: %d %s", code, body)
	}
	tracer.kill()
	if r := sendOne(t, g.relay, "ann@clinic.example", to, mail); r.code/100 != 4 {
		t.Errorf("after a failed fsync, without a restart, the answer is %v", r)
	}
	if n := len(outside.to("pat@out.example")); n != 1 {
		t.Errorf("%d mails arrived, one was accepted", n)
	}
	g.kill()
	g.start()
	accepted(t, g.relay, "ann@clinic.example", to, mail)
}
