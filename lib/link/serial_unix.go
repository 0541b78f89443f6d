//go:build unix

package link

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

const permissionHint = "add the user to the group that owns it, often dialout"

func deviceName(path string) string { return path }

// openPort opens the device for this process alone. The library sets TIOCEXCL,
// which does not stop root: so a descriptor beside it holds a flock. It is
// opened first, since TIOCEXCL would keep it out later [OTA 4]. It is also
// what reads and writes, if the runtime can wait for it.
func openPort(name string, mode *serial.Mode) (port serial.Port, claim io.Closer, file *os.File, err error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, nil, nil, err
	}
	if st.Mode()&os.ModeCharDevice == 0 {
		return nil, nil, nil, ErrNotSerial
	}
	side, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, nil, nil, ErrBusy
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if err := control(side, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }); err != nil {
		side.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil, nil, ErrBusy
		}
		return nil, nil, nil, fmt.Errorf("locking it: %w", err)
	}
	// The library does not mark its descriptor close-on-exec: no process may
	// be started before that is made good.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	port, err = serial.Open(name, mode)
	if err != nil {
		side.Close()
		return nil, nil, nil, err
	}
	if err := control(side, closeOnExec); err != nil {
		port.Close()
		side.Close()
		return nil, nil, nil, fmt.Errorf("keeping it from child processes: %w", err)
	}
	if side.SetDeadline(time.Time{}) != nil {
		return port, side, nil, nil
	}
	return port, side, side, nil
}

func control(f *os.File, do func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var derr error
	if err := rc.Control(func(fd uintptr) { derr = do(int(fd)) }); err != nil {
		return err
	}
	return derr
}

// closeOnExec marks every descriptor of the device that side is open on.
func closeOnExec(side int) error {
	var want unix.Stat_t
	if err := unix.Fstat(side, &want); err != nil {
		return err
	}
	fds, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Rdev == want.Rdev && st.Ino == want.Ino && st.Dev == want.Dev {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// lineless takes the answer of a pty, and of others that have no modem lines,
// for success [OTA 4].
func lineless(err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

func isGone(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EBADF)
}
