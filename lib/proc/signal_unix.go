//go:build unix

package proc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// overCPU is the signal of a spent processor budget.
const overCPU = syscall.SIGXCPU

func signalName(s syscall.Signal) string { return unix.SignalName(s) }
