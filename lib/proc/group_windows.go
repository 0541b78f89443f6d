package proc

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// setGroup refuses what could not be done.
func setGroup(_ *exec.Cmd, u *User) error {
	if u != nil {
		return errors.New("running as another user is not possible on this system")
	}
	return nil
}

// Windows has no process groups of this kind: only the program itself ends.
func terminateGroup(pid int) { killGroup(pid) }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
	}
}

func signalOf(*os.ProcessState) syscall.Signal { return 0 }

func signalName(syscall.Signal) string { return "" }

// overCPU is the signal of a spent processor budget, which is not sent here.
const overCPU = syscall.Signal(-1)
