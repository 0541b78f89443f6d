//go:build unix

package trust

import "golang.org/x/sys/unix"

// allocatable reports whether this process may have n bytes of memory more.
func allocatable(n int) bool {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	unix.Munmap(b)
	return true
}
