package proc

import (
	"errors"
	"os"
	"os/exec"

	"lander/lib/job"
)

func setGroup(*exec.Cmd) {}

// setUser is refused where it could not be done.
func setUser(cmd *exec.Cmd, u *User) {
	if u != nil {
		cmd.Err = errors.New("running as another user is not possible on this system")
	}
}

// Windows has no process groups of this kind: only the program itself ends.
func terminateGroup(pid int) { killGroup(pid) }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
	}
}

func outcome(err error, st *os.ProcessState, _ job.Budget) job.Outcome {
	if err == nil {
		return job.Outcome{ExitCode: new(int)}
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return internal("waiting for the program", err)
	}
	code := st.ExitCode()
	return job.Outcome{ExitCode: &code, Err: job.Errorf(job.CodeExit, "exit code %d", code)}
}
