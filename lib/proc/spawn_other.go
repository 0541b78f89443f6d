//go:build !linux

package proc

import (
	"errors"
	"os"
	"os/exec"
)

// process is a program that was started, the leader of a group of its own
// where there are groups.
type process struct {
	cmd *exec.Cmd
	pid int
}

func pipe(bool) (r, w *os.File, err error) { return os.Pipe() }

func openNull(flag int) (*os.File, error) { return os.OpenFile(os.DevNull, flag, 0) }

// spawn starts a program with these files as its descriptors.
func spawn(argv []string, c Command, files []*os.File) (*process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = files[0], files[1], files[2], files[3:]
	if err := setGroup(cmd, c.User); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd, cmd.Process.Pid}, nil
}

func (p *process) terminate() { terminateGroup(p.pid) }
func (p *process) kill()      { killGroup(p.pid) }

// wait waits for the leader and then sweeps its group. Without a wait that
// does not reap, the sweep can only come after.
func (p *process) wait() ended {
	err := p.cmd.Wait()
	killGroup(p.pid)
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil
	}
	st := p.cmd.ProcessState
	if st == nil {
		return ended{err: err}
	}
	return ended{err: err, code: st.ExitCode(), signal: signalOf(st), cpu: st.UserTime() + st.SystemTime()}
}
