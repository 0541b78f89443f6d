package proc

import (
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

func ignoreGone(err error) error {
	if err == unix.ESRCH {
		return nil // it ended already
	}
	return err
}
