package blob

import (
	"errors"

	"golang.org/x/sys/unix"
)

// punch frees size octets of a file from off on, fallocate(2).
func punch(fd uintptr, off, size int64) error {
	err := unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
