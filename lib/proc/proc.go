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
	"os"
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
	Path    string        // PATH of scripts; "" is a plain default
	TempDir string        // where private directories are made; "" is the system's
	Dirs    *Dirs         // keeps directories for scripts that are files already, in place of TempDir; nil: none are kept
	Grace   time.Duration // 0 is Grace
	Env     []string      // further environment, "K=V"
	User    *User         // whom scripts run as; nil: as we do
	Family  *Family       // ends what leaves its group; nil: nobody looks
	Cgroup  *Cgroup       // in which programs are started; nil: in our own
	// Relative has scripts named by the last part of their path alone, which
	// is then what their own messages show.
	Relative bool
	Limits   Limits // beside the budget of each task

	mu    sync.Mutex
	found map[string]string // formats and where their interpreters were last
}

// User is whom a program runs as. Changing it needs the rights of root.
type User struct{ UID, GID uint32 }

// Limits of each run that no budget has; 0 means none.
type Limits struct {
	Processes int64 // of the user that the run has, counting all of them
	Files     int64 // open at once in one process
	FileSize  int64 // bytes of one file
	Nice      int   // added to our own priority
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.found[format]; p != "" && executable(p) {
		return []string{p}, nil
	}
	for _, name := range names {
		for _, dir := range filepath.SplitList(r.path()) {
			if p := filepath.Join(dir, name); executable(p) {
				if r.found == nil {
					r.found = map[string]string{}
				}
				r.found[format] = p
				return []string{p}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoInterpreter, names[0])
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
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
	dir, give, err := r.workDir(t)
	if err != nil {
		return internal("preparing the working directory", err)
	}
	defer give()
	script := filepath.Join(dir, scriptName(t))
	if r.Relative {
		script = filepath.Base(script)
	}
	c := Command{
		Argv: append(append(argv, script), t.Argv...), Dir: dir, Env: r.environment(t, dir), Budget: t.Budget,
		Started: t.Started, Kill: t.Kill, User: r.User, Execution: t.ID,
	}
	if s.Progress != nil {
		c.Env = append(c.Env, "LANDER_PROGRESS_FD=3")
	}
	return r.Exec(ctx, c, s)
}

func (r *Runner) writeScript(path string, payload []byte) error {
	if err := os.WriteFile(path, payload, 0o600); err != nil {
		return err
	}
	if r.User == nil {
		return nil
	}
	return os.Chown(path, int(r.User.UID), int(r.User.GID))
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
	return lastOfEach(append(append(append(env, args...), r.Env...), t.Env...))
}

// lastOfEach leaves out what is named again further on: which of two a program
// takes is not agreed upon.
func lastOfEach(env []string) []string {
	out := env[:0]
	for i, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(env[i+1:], func(w string) bool { return strings.HasPrefix(w, name+"=") }) {
			out = append(out, v)
		}
	}
	return out
}

// Command is a program to run.
type Command struct {
	Argv       []string // the program's path first
	Dir        string
	Env        []string
	ExtraFiles []*os.File // become descriptors 3 and on, or 4 when there is Progress
	Started    func()     // called once it runs, to close the other ends of ExtraFiles
	Budget     job.Budget
	Kill       <-chan struct{} // when closed, it is killed without a grace
	User       *User           // whom it runs as; nil: as we do
	Confines   bool            // it sets its own limits: with a User, nothing stands in front of it that does
	Outlives   bool            // not killed by the kernel when we die: it sees that itself, and has its group to end
	Execution  string          // the id that it carries as LANDER_EXECUTION: what of it leaves the group is found by it
}

// Exec runs a command in a process group of its own until it ends, ctx ends
// or the wall budget is spent, and returns when the group is gone.
func (r *Runner) Exec(ctx context.Context, c Command, s job.Streams) job.Outcome {
	o := r.exec(ctx, c, s)
	if o.Err != nil {
		r.Family.End(c.Execution)
	}
	return o
}

func (r *Runner) exec(ctx context.Context, c Command, s job.Streams) job.Outcome {
	cause := errors.New("") // told apart from the caller's own deadline by identity
	if c.Budget.Wall > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Budget.Wall, cause)
		defer cancel()
	}
	if ctx.Err() != nil {
		return stopped(ctx, c, cause)
	}
	argv := c.Argv
	if c.User != nil && !c.Confines {
		argv = append(r.shellLimits(c.Budget), argv...)
	}
	sealDescriptors()
	pipes, err := connect(s, c.ExtraFiles)
	if err != nil {
		return internal("making pipes", err)
	}
	r.Family.enter(c.Execution)
	p, err := spawn(argv, c, r.Cgroup, pipes.files)
	if err != nil {
		r.Family.leave(c.Execution, 0)
		pipes.abandon()
		return internal("starting "+c.Argv[0], err)
	}
	r.Family.started(p.pid)
	pipes.started()
	if c.Started != nil {
		c.Started()
	}
	if err := r.limitAll(p.pid, c); err != nil {
		p.kill()
		err = fmt.Errorf("setting limits: %w", err)
		p.wait()
		r.Family.leave(c.Execution, p.pid)
		pipes.drain.Wait(ctx)
		return internal("starting "+c.Argv[0], err)
	}
	waited := make(chan ended, 1)
	go func() { waited <- p.wait() }()
	var end ended
	select {
	case end = <-waited:
		err = nil
	case <-ctx.Done():
		err = context.Cause(ctx)
		end = r.stop(p, waited, c.Kill)
	case <-c.Kill:
		err = errKilled
		p.kill()
		end = <-waited
	}
	r.Family.leave(c.Execution, p.pid)
	taken := pipes.drain.Wait(ctx)
	switch {
	case err == errKilled:
		return job.Outcome{Err: job.Errorf(job.CodeInterrupted, "%v", errKilled), Terminated: true}
	case err != nil:
		return stopped(ctx, c, cause)
	case !taken:
		o := stopped(ctx, c, cause)
		o.Err.Message = "it has ended, but nobody took its output: " + o.Err.Message
		return o
	}
	return end.outcome(c.Budget)
}

var errKilled = errors.New("killed from outside")

// limitAll sets the limits of a program that runs as we do.
func (r *Runner) limitAll(pid int, c Command) error {
	if c.User != nil {
		return nil // shellLimits did
	}
	return errors.Join(limit(pid, c.Budget), restrict(pid, r.Limits))
}

// shellLimits is what stands in front of a program that runs as another user:
// the limits of a foreign process take a right that even root may lack.
func (r *Runner) shellLimits(b job.Budget) []string {
	line := "ulimit -c 0"
	if s := int64((b.CPU + time.Second - 1) / time.Second); b.CPU > 0 {
		// First the soft one, whose signal says what it was.
		line += fmt.Sprintf(" && ulimit -S -t %d && ulimit -H -t %d", s, s+1)
	}
	add := func(flag string, n int64) {
		if n > 0 {
			line += fmt.Sprintf(" && ulimit -%s %d", flag, n)
		}
	}
	add("v", b.Memory>>10)
	add("n", r.Limits.Files)
	add("f", (r.Limits.FileSize+511)>>9)
	if r.Limits.Processes > 0 {
		line += fmt.Sprintf(" && { ulimit -u %d 2>&- || ulimit -p %[1]d; }", r.Limits.Processes)
	}
	line += " && exec "
	if r.Limits.Nice != 0 {
		line += fmt.Sprintf("nice -n %d ", r.Limits.Nice)
	}
	return []string{"/bin/sh", "-c", line + `"$@"`, "sh"}
}

// stop ends the group: TERM, the grace, KILL.
func (r *Runner) stop(p *process, waited <-chan ended, kill <-chan struct{}) ended {
	grace := r.Grace
	if grace == 0 {
		grace = Grace
	}
	p.terminate()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case e := <-waited:
		return e
	case <-kill:
	case <-timer.C:
	}
	p.kill()
	return <-waited
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
