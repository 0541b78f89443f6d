package luavm

import (
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"lander/lib/capability"
)

// programPath is where programs of os.execute and io.popen are found; the
// host's environment is not theirs.
const programPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command makes the process of a shell command line, which ends with the run
// together with what it started. Its input is empty: the script's own would
// be read ahead, and lost to the script.
func (r *run) command(line string) *exec.Cmd {
	c := exec.CommandContext(r.ctx, "/bin/sh", "-c", line)
	c.Env = append([]string{programPath, "LC_ALL=C"}, r.c.Env...)
	if r.c.Execution != "" {
		c.Env = append(c.Env, "LANDER_EXECUTION="+r.c.Execution)
	}
	if runtime.GOOS == "windows" {
		c = exec.CommandContext(r.ctx, "cmd.exe", "/c", line)
	}
	c.Stderr = &sink{r: r, which: 1}
	c.WaitDelay = time.Second
	if r.c.Execution == "" {
		ownGroup(c)
	}
	return c
}

func (r *run) mayExec(th *thread) {
	if !r.c.Capabilities.Allows(capability.Exec) {
		th.raiseErr(denied(capability.Exec))
	}
}

// sink is a stream of the script given to a program. A spent output budget
// is kept for the script's own goroutine to find.
type sink struct {
	r     *run
	which int
	err   error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.r.write(s.which, p)
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// osExecute returns the exit status as C's system gives it: the code times
// 256, or the number of the signal.
func osExecute(th *thread) int {
	r := th.st.run
	r.mayExec(th)
	if th.arg(1).p == nil {
		return th.retNumber(1)
	}
	c := r.command(th.checkString(1))
	out := &sink{r: r}
	c.Stdout = out
	err := c.Run()
	if r.ctx.Err() != nil {
		panic(&fatal{stopped(r.ctx)})
	}
	if out.err != nil {
		th.raiseErr(out.err)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return th.retNumber(0)
	case errors.As(err, &exit):
		return th.retNumber(float64(waitStatus(exit)))
	}
	return th.retNumber(-1)
}

// process is the program behind a file of io.popen.
type process struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// popen starts a program whose output is read, or whose input is written.
func (r *run) popen(line, mode string) (*file, error) {
	if mode = strings.ReplaceAll(mode, "e", ""); mode != "r" && mode != "w" {
		return nil, syscall.EINVAL
	}
	if r.full() {
		return nil, syscall.EMFILE
	}
	c := r.command(line)
	f := &file{r: r, proc: &process{cmd: c}}
	if mode == "w" {
		c.Stdout = &sink{r: r}
		w, err := c.StdinPipe()
		if err != nil {
			return nil, err
		}
		f.w, f.proc.pipe = w, w
	} else {
		out, err := c.StdoutPipe()
		if err != nil {
			return nil, err
		}
		f.setReader(untilStopped{r, out})
		f.proc.pipe = out
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return f, nil
}

// untilStopped is the output of a program. That it ends because the run was
// stopped, and the program with it, is no end of a file for the script.
type untilStopped struct {
	r   *run
	out io.Reader
}

func (u untilStopped) Read(b []byte) (int, error) {
	n, err := u.out.Read(b)
	if err != nil && u.r.ctx.Err() != nil {
		panic(&fatal{stopped(u.r.ctx)})
	}
	return n, err
}

func (p *process) close() {
	p.pipe.Close()
	p.cmd.Wait()
}
