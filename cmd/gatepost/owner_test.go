package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// as runs f in a thread of another user.
func as(t *testing.T, uid uintptr, f func()) {
	t.Helper()
	done := make(chan unix.Errno)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const keep = ^uintptr(0)
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uid, keep)
		if errno == 0 {
			f()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Skipf("cannot become another user: %v", errno)
	}
}

// TestRootPoisonsNothing: no command of root's touches the installation of
// another user, serve and restore included.
func TestRootPoisonsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	r := newRig(t, "127.0.0.1:9").start()
	backup := filepath.Join(t.TempDir(), "backup")
	r.must("backup", backup)
	if _, errs, code := r.run("restore", filepath.Join(r.dir, "absent")); code != exitTemporary || !strings.Contains(errs, "a server is running for this data_dir: stop it first") {
		t.Errorf("restore beside a server: %d %s", code, errs)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.replaceData()
	if err := os.Mkdir(r.data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{r.data, r.keys} {
		if err := os.Chown(dir, 4711, 4711); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"serve"}, {"user", "list"}, {"restore", backup}} {
			if _, errs, code := r.run(args...); code != exitNoPerm || !strings.Contains(errs, dir+" belongs to uid 4711") {
				t.Errorf("%v: %d %s", args, code, errs)
			}
		}
		if made, err := os.ReadDir(r.data); err != nil || len(made) > 0 {
			t.Errorf("something was written: %v %v", made, err)
		}
		if err := os.Chown(dir, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignKeysTurnHealthRed: a key file or a directory that the server
// cannot use is found before it is needed.
func TestForeignKeysTurnHealthRed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	groups := filepath.Join(dir, "keyring", "groups")
	if err := os.MkdirAll(groups, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(groups, "x.key")
	writeFile(t, file, "secret")
	const uid = 4711
	for _, path := range []string{dir, filepath.Dir(groups), groups, file} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil { // root's, and no fault
		t.Fatal(err)
	}
	var k keyWatch
	look := func() (changed bool) {
		as(t, uid, func() { changed = k.look(dir) })
		return changed
	}
	if look() || k.healthy() != nil {
		t.Fatalf("all is well: %v", k.healthy())
	}
	for _, path := range []string{file, groups} {
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
		if changed, err := look(), k.healthy(); !changed || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s of root's: %v %v", path, changed, err)
		}
		if look() {
			t.Error("the same is said again")
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
		if changed := look(); !changed || k.healthy() != nil {
			t.Errorf("mended: %v %v", changed, k.healthy())
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if look(); k.healthy() == nil {
		t.Error("a key_dir that is gone is well")
	}
}

// TestReadyzKnowsKeys: readyz has a part for the keys.
func TestReadyzKnowsKeys(t *testing.T) {
	r := newRig(t, "127.0.0.1:9").start()
	if code, body := fetch(t, http.DefaultClient, "http://"+r.admin+"/readyz"); code != 200 || !strings.Contains(body, `"keys":"ok"`) {
		t.Errorf("%d %s", code, body)
	}
}
