package proc

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that was started, the leader of a group of its own.
// It is started without os/exec, which costs as much as a short script: what
// it does beside is done here once or not needed.
type process struct {
	pid    int
	handle *os.File // polled, so that no thread waits; nil where there is none

	mu     sync.Mutex // guards the id, which is another's after the reap
	reaped bool
}

// end is what a program gets of a pipe, or another file of ours: its
// descriptor alone, since nobody here reads or writes it.
type end int

func endOf(f *os.File) end { return end(f.Fd()) }

func (e end) close() { syscall.Close(int(e)) }

// pipe makes a pipe whose ends no other program gets. Ours, the read end
// unless write says so, does not hold a thread while it waits.
func pipe(write bool) (ours *os.File, theirs end, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return nil, 0, os.NewSyscallError("pipe2", err)
	}
	if write {
		p[0], p[1] = p[1], p[0]
	}
	if err := unblock(p[0]); err != nil {
		syscall.Close(p[0])
		syscall.Close(p[1])
		return nil, 0, err
	}
	return os.NewFile(uintptr(p[0]), "|0"), end(p[1]), nil
}

// unblock sets a descriptor of ours that has no other flags.
func unblock(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return nil
}

// openNull opens the stream of those that have none.
func openNull(flag int) (end, error) {
	fd, err := syscall.Open(os.DevNull, flag|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	return end(fd), nil
}

// spawn starts a program with these files as its descriptors.
func spawn(argv []string, c Command, group *Cgroup, files []end) (*process, error) {
	fd := -1
	attr := &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Sys: &syscall.SysProcAttr{Setpgid: true, PidFD: &fd}}
	if !c.Outlives {
		setDeathSignal(attr.Sys)
	}
	if c.User != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: c.User.UID, Gid: c.User.GID}
	}
	if attr.Env == nil {
		attr.Env = syscall.Environ()
	}
	for _, f := range files {
		attr.Files = append(attr.Files, uintptr(f))
	}
	path := argv[0]
	if !strings.Contains(path, "/") {
		found, err := exec.LookPath(path)
		if err != nil {
			return nil, err
		}
		path = found
	}
	attr.Sys.CgroupFD, attr.Sys.UseCgroupFD = group.descriptor()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err == syscall.EINVAL {
		// An emulator of another machine knows no pidfd.
		attr.Sys.PidFD = nil
		pid, err = syscall.ForkExec(path, argv, attr)
	}
	if err != nil && attr.Sys.UseCgroupFD {
		attr.Sys.UseCgroupFD = false
		if pid, err = syscall.ForkExec(path, argv, attr); err == nil {
			group.disable() // that was it
		}
	}
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: argv[0], Err: err}
	}
	p := &process{pid: pid}
	if fd >= 0 {
		if unblock(fd) == nil {
			p.handle = os.NewFile(uintptr(fd), "process")
		} else {
			syscall.Close(fd)
		}
	}
	return p, nil
}

// signal sends a signal to the group, as long as the id is its own.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		unix.Kill(-p.pid, s)
	}
}

func (p *process) terminate() { p.signal(unix.SIGTERM) }
func (p *process) kill()      { p.signal(unix.SIGKILL) }

// wait waits for the leader, and sweeps the group before the leader is
// reaped: until then its id cannot belong to anybody else. Whoever of the
// group still lives belongs to a run that is over, and holds its pipes open.
func (p *process) wait() ended {
	if p.handle != nil {
		p.poll()
		p.handle.Close()
	}
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	unix.Kill(-p.pid, unix.SIGKILL)
	var ws unix.WaitStatus
	var ru unix.Rusage
	for {
		_, err := unix.Wait4(p.pid, &ws, 0, &ru)
		if err == unix.EINTR {
			continue
		}
		p.reaped = true
		return ended{err: err, code: ws.ExitStatus(), signal: signalOf(ws), cpu: time.Duration(ru.Utime.Nano() + ru.Stime.Nano())}
	}
}

// poll returns when the leader has ended, or at once when that cannot be
// polled.
func (p *process) poll() {
	c, err := p.handle.SyscallConn()
	if err != nil {
		return
	}
	c.Read(func(fd uintptr) bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		return err == nil && info.Signo != 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
}

func signalOf(ws unix.WaitStatus) syscall.Signal {
	if ws.Signaled() {
		return ws.Signal()
	}
	return 0
}
