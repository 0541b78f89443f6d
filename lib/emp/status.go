package emp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"lander/lib/emp/frame"
)

// statuses is the table of the errors that do not know their status
// themselves. The first row that errors.Is finds counts.
var statuses = []struct {
	err    error
	status frame.Status
}{
	{context.DeadlineExceeded, frame.StatusTimeout},
	{os.ErrDeadlineExceeded, frame.StatusTimeout},
	{context.Canceled, frame.StatusClosed},
	{io.EOF, frame.StatusClosed},
	{io.ErrUnexpectedEOF, frame.StatusClosed},
	{io.ErrClosedPipe, frame.StatusClosed},
	{fs.ErrClosed, frame.StatusClosed},
	{fs.ErrNotExist, frame.StatusNotFound},
	{fs.ErrPermission, frame.StatusNotPermitted},
	{fs.ErrExist, frame.StatusDuplicate},
	{fs.ErrInvalid, frame.StatusBadParameter},
	{errors.ErrUnsupported, frame.StatusNotImplemented},
	{syscall.ECONNREFUSED, frame.StatusCommunicationError},
	{syscall.ECONNRESET, frame.StatusCommunicationError},
	{syscall.EPIPE, frame.StatusCommunicationError},
	{syscall.ENOMEM, frame.StatusNoMemory},
	{syscall.ENOSPC, frame.StatusIOError},
}

// StatusOf is the status that an error is answered with, and the text for
// people beside it, "" for none. An error that wraps a *frame.Error or a
// frame.Status says both itself; every other one is answered by the table
// and without its text, which may hold names of files that are nobody's
// business on the other side [EMP 3].
func StatusOf(err error) (frame.Status, string) {
	if err == nil {
		return frame.StatusOK, ""
	}
	if e, ok := errors.AsType[*frame.Error](err); ok {
		return meant(e.Status), e.Text
	}
	if s, ok := errors.AsType[frame.Status](err); ok {
		if err == error(s) {
			return meant(s), ""
		}
		return meant(s), err.Error()
	}
	for _, row := range statuses {
		if errors.Is(err, row.err) {
			return row.status, ""
		}
	}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return frame.StatusTimeout, ""
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return frame.StatusIOError, ""
	}
	return frame.StatusUnspecifiedError, ""
}

// meant keeps an error from being answered as success.
func meant(s frame.Status) frame.Status {
	if s == frame.StatusOK {
		return frame.StatusUnspecifiedError
	}
	return s
}
