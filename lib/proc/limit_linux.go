package proc

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/job"
)

// setDeathSignal has the kernel kill the program when we die. It fires when
// the thread that forked ends, which Go's threads do only with the process
// unless a goroutine locked to one returns; none of ours is.
func setDeathSignal(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// sealDescriptors keeps descriptors that we inherited ourselves, without
// close-on-exec, from reaching a program. Go's own all have it.
func sealDescriptors() {
	if unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// limit sets the limits from outside, right after the start: the program has
// not come beyond its dynamic loader, and a process in front of each start
// that set them from inside would cost more than the script.
func limit(pid int, b job.Budget) error {
	set := func(what int, soft, hard uint64) error {
		return ignoreGone(unix.Prlimit(pid, what, &unix.Rlimit{Cur: soft, Max: hard}, nil))
	}
	if err := set(unix.RLIMIT_CORE, 0, 0); err != nil {
		return err
	}
	if b.CPU > 0 {
		s := uint64((b.CPU + time.Second - 1) / time.Second)
		if err := set(unix.RLIMIT_CPU, s, s+1); err != nil {
			return err
		}
	}
	if b.Memory > 0 {
		if err := set(unix.RLIMIT_AS, uint64(b.Memory), uint64(b.Memory)); err != nil {
			return err
		}
	}
	return nil
}

// restrict sets the limits that hold for every run of a runner.
func restrict(pid int, l Limits) error {
	for _, x := range []struct {
		what int
		n    int64
	}{{unix.RLIMIT_NPROC, l.Processes}, {unix.RLIMIT_NOFILE, l.Files}, {unix.RLIMIT_FSIZE, l.FileSize}} {
		if x.n <= 0 {
			continue
		}
		if err := ignoreGone(unix.Prlimit(pid, x.what, &unix.Rlimit{Cur: uint64(x.n), Max: uint64(x.n)}, nil)); err != nil {
			return err
		}
	}
	if l.Nice == 0 {
		return nil
	}
	return ignoreGone(unix.Setpriority(unix.PRIO_PGRP, pid, l.Nice))
}

// NoNewPrivileges keeps this process and all that it starts from gaining
// rights by an exec: set-user-id programs run as whoever starts them. In a
// program that was built with cgo it cannot: it does not know all its threads.
func NoNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP {
		return errors.New("not possible in a program that was built with cgo")
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func ignoreGone(err error) error {
	if err == unix.ESRCH {
		return nil // it ended already
	}
	return err
}
