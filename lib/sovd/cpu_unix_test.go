//go:build unix

package sovd_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// used is the processor time of this process and of its children that have
// ended.
func used(t testing.TB) (sum time.Duration) {
	t.Helper()
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
