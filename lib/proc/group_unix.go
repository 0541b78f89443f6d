//go:build unix && !linux

package proc

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// setGroup gives the program a group of its own, and has it run as u, without
// any other group.
func setGroup(cmd *exec.Cmd, u *User) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
	}
	return nil
}

func terminateGroup(pid int) { unix.Kill(-pid, unix.SIGTERM) }
func killGroup(pid int)      { unix.Kill(-pid, unix.SIGKILL) }

func signalOf(st *os.ProcessState) syscall.Signal {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal()
	}
	return 0
}
