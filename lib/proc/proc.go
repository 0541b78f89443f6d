// Package proc runs programs: sh, bash and python scripts, or any argument
// vector, as a process group of their own that can be stopped whole.
//
// A program gets a clean environment, a private working directory, no
// descriptor but its three streams, and limits on processor time, memory and
// core files. It is stopped with TERM and, after a grace, KILL; what of its
// group outlives it is killed too, so that nothing of a run remains.
package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
)

// Grace is how long a program may take to end after TERM.
const Grace = 2 * time.Second

// ErrNoInterpreter is wrapped when the interpreter of a format is not
// installed.
var ErrNoInterpreter = errors.New("interpreter not found")

// Runner runs the formats sh, bash and python. It implements job.Runner.
type Runner struct {
	Path    string           // PATH of scripts; "" is a plain default
	TempDir string           // where private directories are made; "" is the system's
	Grace   time.Duration    // 0 is Grace
	Env     []string         // further environment, "K=V"
	Now     func() time.Time // nil means time.Now
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Interpreter returns the program and its leading arguments for a format.
func (r *Runner) Interpreter(format string) ([]string, error) {
	var names []string
	switch format {
	case job.FormatSh:
		names = []string{"sh"}
	case job.FormatBash:
		names = []string{"bash"}
	case job.FormatPython:
		names = []string{"python3", "python"}
	default:
		return nil, fmt.Errorf("format %s is not run by an interpreter", format)
	}
	for _, name := range names {
		for _, dir := range filepath.SplitList(r.path()) {
			p := filepath.Join(dir, name)
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
				return []string{p}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoInterpreter, names[0])
}

// Ready says whether a script of this format can be run: nil, or an error
// that wraps ErrNoInterpreter.
func (r *Runner) Ready(format string) error {
	_, err := r.Interpreter(format)
	return err
}

func (r *Runner) path() string {
	if r.Path != "" {
		return r.Path
	}
	return defaultPath
}

// Need is the capability without which no program runs.
func Need(format string) capability.Set {
	switch format {
	case job.FormatSh, job.FormatBash, job.FormatPython:
		return capability.Set{capability.Exec}
	}
	return nil
}

// Run implements job.Runner. The script is written to a file of mode 0600 in
// a private directory, which is also its working directory and is removed
// afterwards.
func (r *Runner) Run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	if w := t.Capabilities.Missing(Need(t.Format)); w != "" {
		return job.Outcome{Err: job.Errorf(job.CodeCapability, "capability %q not granted: format %s needs it", w, t.Format)}
	}
	argv, err := r.Interpreter(t.Format)
	if err != nil {
		return job.Outcome{Err: job.Errorf(job.CodeLoad, "%v", err)}
	}
	dir, err := os.MkdirTemp(r.TempDir, "lander-run-")
	if err != nil {
		return internal("making a working directory", err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, scriptName(t))
	if err := os.WriteFile(script, t.Payload, 0o600); err != nil {
		return internal("writing the script", err)
	}
	return r.Exec(ctx, Command{Argv: append(argv, script), Dir: dir, Env: r.environment(t, dir), Budget: t.Budget}, s)
}

func internal(doing string, err error) job.Outcome {
	return job.Outcome{Err: job.Errorf(job.CodeInternal, "%s: %v", doing, err)}
}

// scriptName keeps the name of the script for its own messages ($0), but only
// letters that no shell minds.
func scriptName(t job.Task) string {
	base := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			return c
		}
		return '_'
	}, filepath.Base(t.Name))
	if base == "" || base[0] == '.' || base[0] == '-' {
		base = "script" + base
	}
	return base
}

func (r *Runner) environment(t job.Task, dir string) []string {
	env := []string{"PATH=" + r.path(), "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8", "LANDER_EXECUTION=" + t.ID, "LANDER_NAME=" + t.Name}
	var args []string
	for k, v := range t.Args {
		args = append(args, "LANDER_ARG_"+strings.ToUpper(k)+"="+v)
	}
	slices.Sort(args)
	return append(append(env, args...), r.Env...)
}

// Command is a program to run.
type Command struct {
	Argv       []string // the program's path first
	Dir        string
	Env        []string
	ExtraFiles []*os.File // become descriptors 3 and on
	Started    func()     // called once it runs, to close the other ends of ExtraFiles
	Budget     job.Budget
}

// Exec runs a command in a process group of its own until it ends, ctx ends
// or the wall budget is spent, and returns when the group is gone.
func (r *Runner) Exec(ctx context.Context, c Command, s job.Streams) job.Outcome {
	cause := errors.New("") // told apart from the caller's own deadline by identity
	if c.Budget.Wall > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Budget.Wall, cause)
		defer cancel()
	}
	if ctx.Err() != nil {
		return stopped(ctx, c, cause)
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = c.Dir, c.Env, c.ExtraFiles
	setGroup(cmd)
	sealDescriptors()
	pipes, err := connect(cmd, s)
	if err != nil {
		return internal("making pipes", err)
	}
	if err := cmd.Start(); err != nil {
		pipes.abandon()
		return internal("starting "+c.Argv[0], err)
	}
	pipes.started()
	if c.Started != nil {
		c.Started()
	}
	if err := limit(cmd.Process.Pid, c.Budget); err != nil {
		killGroup(cmd.Process.Pid)
		err = fmt.Errorf("setting limits: %w", err)
		cmd.Wait()
		pipes.wait()
		return internal("starting "+c.Argv[0], err)
	}
	waited := make(chan error, 1)
	go func() { waited <- reap(cmd) }()
	var werr error
	select {
	case werr = <-waited:
		err = nil
	case <-ctx.Done():
		err = context.Cause(ctx)
		werr = r.stop(cmd.Process.Pid, waited)
	}
	pipes.wait()
	if err != nil {
		return stopped(ctx, c, cause)
	}
	return outcome(werr, cmd.ProcessState, c.Budget)
}

// stop ends the group: TERM, the grace, KILL.
func (r *Runner) stop(pid int, waited <-chan error) error {
	grace := r.Grace
	if grace == 0 {
		grace = Grace
	}
	terminateGroup(pid)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-waited:
		return err
	case <-timer.C:
		killGroup(pid)
		return <-waited
	}
}

func stopped(ctx context.Context, c Command, wall error) job.Outcome {
	err := job.Errorf(job.CodeInterrupted, "stopped from outside")
	switch cause := context.Cause(ctx); {
	case cause == wall:
		err = job.Errorf(job.CodeTimeout, "not done within %s", c.Budget.Wall)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = job.Errorf(job.CodeTimeout, "not done in time")
	}
	return job.Outcome{Err: err, Terminated: true}
}

// connected are the parent's ends of a program's streams.
type connected struct {
	child  []*os.File
	parent []*os.File
	stdin  io.Reader
	stdinW *os.File
	copies []func()
	wg     sync.WaitGroup
}

// connect gives the command pipes of its own. The copying is ours, not
// os/exec's: Wait must not hang on a grandchild that holds a pipe.
func connect(cmd *exec.Cmd, s job.Streams) (*connected, error) {
	c := &connected{stdin: s.Stdin}
	for _, out := range []struct {
		to  io.Writer
		set func(*os.File)
	}{{s.Stdout, func(f *os.File) { cmd.Stdout = f }}, {s.Stderr, func(f *os.File) { cmd.Stderr = f }}} {
		if out.to == nil {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			c.abandon()
			return nil, err
		}
		c.parent, c.child = append(c.parent, r), append(c.child, w)
		out.set(w)
		c.copies = append(c.copies, func() { io.Copy(out.to, r); r.Close() })
	}
	if s.Stdin == nil {
		return c, nil
	}
	if f, ok := s.Stdin.(*os.File); ok {
		cmd.Stdin = f
		return c, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		c.abandon()
		return nil, err
	}
	c.child, c.stdinW = append(c.child, r), w
	cmd.Stdin = r
	return c, nil
}

func (c *connected) abandon() {
	for _, f := range append(c.child, c.parent...) {
		f.Close()
	}
	if c.stdinW != nil {
		c.stdinW.Close()
	}
}

func (c *connected) started() {
	for _, f := range c.child {
		f.Close()
	}
	for _, cp := range c.copies {
		c.wg.Go(cp)
	}
	if c.stdinW != nil {
		// Not waited for: the source may never deliver. It ends when the
		// source does or the pipe breaks.
		go func() { io.Copy(c.stdinW, c.stdin); c.stdinW.Close() }()
	}
}

// wait returns when all output was copied. The group is dead by now; only a
// process that left the group can still hold a pipe, and it is given up.
func (c *connected) wait() {
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		for _, f := range c.parent {
			f.SetReadDeadline(time.Now())
		}
		<-done
	}
}
