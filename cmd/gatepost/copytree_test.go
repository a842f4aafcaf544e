package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A restore takes plain files only, and keeps them to itself.
func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	if err := os.Mkdir(filepath.Join(from, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "sub", "file"), []byte("octets"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(to, from); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"sub": 0o700, "sub/file": 0o600} {
		info, err := os.Stat(filepath.Join(to, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(from, "evil")); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(filepath.Join(t.TempDir(), "to"), from); err == nil {
		t.Error("a link in a backup was followed or copied")
	}
}
