//go:build unix

package emp

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// rawConn reaches the descriptor of a connection to write without waiting
// and to ask whether the other side has hung up.
type rawConn struct {
	rc  syscall.RawConn
	b   []byte
	n   int
	err error
	f   func(fd uintptr) bool
}

// newRawConn returns nil where that cannot be done: where there is no
// descriptor, or one on which a write might wait.
func newRawConn(rwc io.ReadWriteCloser) *rawConn {
	sc, ok := rwc.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	usable := false
	err = rc.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		usable = err == nil && flags&unix.O_NONBLOCK != 0
	})
	if err != nil || !usable {
		return nil
	}
	w := &rawConn{rc: rc}
	w.f = w.try
	return w
}

// write writes as much of b as is taken at once. Only one goroutine may be in
// it.
func (w *rawConn) write(b []byte) (int, error) {
	w.b, w.n, w.err = b, 0, nil
	if err := w.rc.Write(w.f); err != nil {
		return 0, err
	}
	w.b = nil
	return w.n, w.err
}

func (w *rawConn) try(fd uintptr) bool {
	for w.n < len(w.b) {
		n, err := unix.Write(int(fd), w.b[w.n:])
		switch {
		case err == nil && n > 0:
			w.n += n
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return true
		default:
			w.err = err
			if err == nil {
				w.err = io.ErrShortWrite
			}
			return true
		}
	}
	return true
}

// hungUp reports whether the other side has closed its sending direction.
func (w *rawConn) hungUp() bool {
	dead := false
	err := w.rc.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: pollHangUp}}
		if n, err := unix.Poll(p, 0); err == nil && n > 0 && p[0].Revents != 0 {
			dead = true
			return
		}
		// Where the poll does not tell, an end at the front of the input does.
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		dead = err == nil && n == 0 || err == unix.ECONNRESET
	})
	return dead || err != nil
}
