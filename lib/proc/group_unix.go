//go:build unix

package proc

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"lander/lib/job"
)

func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	setDeathSignal(cmd.SysProcAttr)
}

// setUser has the program run as u, without any other group.
func setUser(cmd *exec.Cmd, u *User) {
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
	}
}

func terminateGroup(pid int) { unix.Kill(-pid, unix.SIGTERM) }
func killGroup(pid int)      { unix.Kill(-pid, unix.SIGKILL) }

// outcome words how a program ended that nobody stopped.
func outcome(err error, st *os.ProcessState, b job.Budget) job.Outcome {
	if err == nil {
		return job.Outcome{ExitCode: new(int)}
	}
	ee, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return internal("waiting for the program", err)
	}
	ws, ok := ee.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		code := st.ExitCode()
		return job.Outcome{ExitCode: &code, Err: job.Errorf(job.CodeExit, "exit code %d", code)}
	}
	sig := ws.Signal()
	spent := b.CPU > 0 && st.UserTime()+st.SystemTime() >= b.CPU
	if sig == syscall.SIGXCPU || sig == syscall.SIGKILL && spent {
		return job.Outcome{Err: job.Errorf(job.CodeCPU, "more than %s of processor time used", b.CPU), Terminated: true}
	}
	return job.Outcome{Err: job.Errorf(job.CodeSignal, "killed by signal %d (%s)", int(sig), unix.SignalName(sig)), Terminated: true}
}
