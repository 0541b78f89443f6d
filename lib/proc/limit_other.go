//go:build !linux

package proc

import (
	"syscall"

	"lander/lib/job"
)

func setDeathSignal(*syscall.SysProcAttr) {}

// sealDescriptors does nothing: Go marks what it opens itself.
func sealDescriptors() {}

// limit does nothing: only Linux can limit another process. The wall budget
// and the process group still bound a run.
func limit(int, job.Budget) error { return nil }
