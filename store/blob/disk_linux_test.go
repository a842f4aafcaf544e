package blob_test

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// blocksIn is how many octets of the device the files in dir have.
func blocksIn(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info fs.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
