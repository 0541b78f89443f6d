//go:build unix

package luavm

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a program in a process group of its own, all of which is
// killed when the run ends.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

func waitStatus(e *exec.ExitError) int {
	if s, ok := e.Sys().(syscall.WaitStatus); ok {
		return int(s)
	}
	return e.ExitCode()
}
