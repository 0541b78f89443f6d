package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData syncs the bytes of a file whose size and blocks have not changed.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
