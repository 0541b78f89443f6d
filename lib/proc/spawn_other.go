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

// end is what a program gets of a pipe, or another file of ours.
type end struct{ *os.File }

func endOf(f *os.File) end { return end{f} }

func (e end) close() { e.Close() }

func pipe(write bool) (ours *os.File, theirs end, err error) {
	r, w, err := os.Pipe()
	if write {
		r, w = w, r
	}
	return r, end{w}, err
}

func openNull(flag int) (end, error) {
	f, err := os.OpenFile(os.DevNull, flag, 0)
	return end{f}, err
}

// spawn starts a program with these files as its descriptors.
func spawn(argv []string, c Command, _ *Cgroup, files []end) (*process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0].File, files[1].File, files[2].File
	for _, f := range files[3:] {
		cmd.ExtraFiles = append(cmd.ExtraFiles, f.File)
	}
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
