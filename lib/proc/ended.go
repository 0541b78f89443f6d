package proc

import (
	"syscall"
	"time"

	"lander/lib/job"
)

// ended is how a program ended.
type ended struct {
	err    error          // of the wait itself
	code   int            // its exit code
	signal syscall.Signal // that ended it; 0: none
	cpu    time.Duration  // what it and those it waited for used
}

// outcome words how a program ended that nobody stopped.
func (e ended) outcome(b job.Budget) job.Outcome {
	switch {
	case e.err != nil:
		return internal("waiting for the program", e.err)
	case e.signal == 0 && e.code == 0:
		return job.Outcome{ExitCode: new(int)}
	case e.signal == 0:
		return job.Outcome{ExitCode: &e.code, Err: job.Errorf(job.CodeExit, "exit code %d", e.code)}
	case e.signal == overCPU || e.signal == syscall.SIGKILL && b.CPU > 0 && e.cpu >= b.CPU:
		return job.Outcome{Err: job.Errorf(job.CodeCPU, "more than %s of processor time used", b.CPU), Terminated: true}
	}
	return job.Outcome{Err: job.Errorf(job.CodeSignal, "killed by signal %d (%s)", int(e.signal), signalName(e.signal)), Terminated: true}
}
