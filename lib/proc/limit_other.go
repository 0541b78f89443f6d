//go:build !linux

package proc

import (
	"errors"

	"lander/lib/job"
)

// sealDescriptors does nothing: Go marks what it opens itself.
func sealDescriptors() {}

// limit does nothing: only Linux can limit another process. The wall budget
// and the process group still bound a run.
func limit(int, job.Budget) error { return nil }

func restrict(int, Limits) error { return nil }

// NoNewPrivileges is for Linux only.
func NoNewPrivileges() error { return errors.New("not possible on this system") }
