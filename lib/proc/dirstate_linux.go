package proc

import (
	"os"
	"syscall"
	"time"
)

// settledAfter is how old the last change of a directory must be before it is
// sure that another one shows: the clock of a file system goes in steps.
const settledAfter = 100 * time.Millisecond

// dirState is when a directory was changed last; zero: another change may not
// show. A program cannot set this time.
type dirState struct{ ctime syscall.Timespec }

func stateOf(st os.FileInfo) (s dirState) {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && time.Since(time.Unix(sys.Ctim.Unix())) > settledAfter {
		s.ctime = sys.Ctim
	}
	return s
}

// same reports whether nothing has changed since s.
func (s dirState) same(st os.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && s != dirState{} && sys.Ctim == s.ctime
}
