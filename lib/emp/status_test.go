package emp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"lander/lib/emp"
	"lander/lib/emp/frame"
)

func TestStatusOf(t *testing.T) {
	_, notThere := os.Open("/nonexistent/file")
	for _, tt := range []struct {
		err    error
		status frame.Status
		text   string
	}{
		{nil, frame.StatusOK, ""},
		{frame.StatusBusy, frame.StatusBusy, ""},
		{frame.StatusOK, frame.StatusUnspecifiedError, ""},
		{fmt.Errorf("config.x: %w", frame.StatusNotFound), frame.StatusNotFound, "config.x: NOT_FOUND (-1)"},
		{frame.Errorf(frame.StatusBadParameter, "no such table"), frame.StatusBadParameter, "no such table"},
		{fmt.Errorf("/var/x: %w", frame.Errorf(frame.StatusIOError, "disk full")), frame.StatusIOError, "disk full"},
		{&frame.TooLargeError{Limit: 5}, frame.StatusBadParameter, "payload of 0 bytes, the limit is 5"},
		{context.DeadlineExceeded, frame.StatusTimeout, ""},
		{fmt.Errorf("x: %w", os.ErrDeadlineExceeded), frame.StatusTimeout, ""},
		{context.Canceled, frame.StatusClosed, ""},
		{io.EOF, frame.StatusClosed, ""},
		{io.ErrUnexpectedEOF, frame.StatusClosed, ""},
		{io.ErrClosedPipe, frame.StatusClosed, ""},
		{os.ErrClosed, frame.StatusClosed, ""},
		{notThere, frame.StatusNotFound, ""},
		{&fs.PathError{Op: "open", Path: "/etc/shadow", Err: syscall.EACCES}, frame.StatusNotPermitted, ""},
		{fs.ErrExist, frame.StatusDuplicate, ""},
		{fs.ErrInvalid, frame.StatusBadParameter, ""},
		{errors.ErrUnsupported, frame.StatusNotImplemented, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, frame.StatusCommunicationError, ""},
		{fmt.Errorf("writing /var/lib/x: %w", syscall.ENOSPC), frame.StatusIOError, ""},
		{syscall.EIO, frame.StatusIOError, ""},
		{&net.DNSError{IsTimeout: true}, frame.StatusTimeout, ""},
		{errors.New("open /etc/shadow"), frame.StatusUnspecifiedError, ""},
	} {
		if s, text := emp.StatusOf(tt.err); s != tt.status || text != tt.text {
			t.Errorf("%v: %v %q, want %v %q", tt.err, s, text, tt.status, tt.text)
		}
	}
}
