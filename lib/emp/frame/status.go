package frame

import (
	"errors"
	"fmt"
)

// Status is the signed 16-bit result of a command (rc_ReturnCode_t) [EMP 3].
// It is an error, so that a function can return the number that shall go on
// the wire and errors.Is can ask for it.
type Status int16

// The status numbers [EMP 3].
const (
	StatusOK                 Status = 0
	StatusNotFound           Status = -1
	StatusOutOfRange         Status = -2
	StatusNoMemory           Status = -3
	StatusNotPermitted       Status = -4
	StatusUnspecifiedError   Status = -5
	StatusCommunicationError Status = -6
	StatusTimeout            Status = -7
	StatusWouldBlock         Status = -8
	StatusDeadlock           Status = -9
	StatusBadFormat          Status = -10
	StatusDuplicate          Status = -11
	StatusBadParameter       Status = -12
	StatusClosed             Status = -13
	StatusIOError            Status = -14
	StatusNotImplemented     Status = -15
	StatusBusy               Status = -16
	StatusNotInitialized     Status = -17
	StatusEnd                Status = -18
	StatusNotAvailable       Status = -19
)

var statusNames = [...]string{
	"OK", "NOT_FOUND", "OUT_OF_RANGE", "NO_MEMORY", "NOT_PERMITTED",
	"UNSPECIFIED_ERROR", "COMMUNICATION_ERROR", "TIMEOUT", "WOULD_BLOCK",
	"DEADLOCK", "BAD_FORMAT", "DUPLICATE", "BAD_PARAMETER", "CLOSED",
	"IO_ERROR", "NOT_IMPLEMENTED", "BUSY", "NOT_INITIALIZED", "END",
	"NOT_AVAILABLE",
}

// Name is the wire's spelling, "BAD_PARAMETER", or "STATUS_n" for a number
// without a name: old agents send positive ones.
func (s Status) Name() string {
	if n := -int(s); n >= 0 && n < len(statusNames) {
		return statusNames[n]
	}
	return fmt.Sprintf("STATUS_%d", int16(s))
}

// Error implements error: "BAD_PARAMETER (-12)".
func (s Status) Error() string { return fmt.Sprintf("%s (%d)", s.Name(), int16(s)) }

// Error is a status with the text for people that travels beside it.
type Error struct {
	Status Status
	Text   string // may be empty
}

func (e *Error) Error() string {
	if e.Text == "" {
		return e.Status.Error()
	}
	return e.Text
}

// Unwrap gives the Status, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Status }

// Errorf makes an Error of the given status.
//
//go:noinline // many call it, none in a hurry: each copy is size
func Errorf(s Status, format string, args ...any) *Error {
	return &Error{s, fmt.Sprintf(format, args...)}
}

// badf is the answer to a payload that is not what the command wants.
//
//go:noinline // many call it, none in a hurry: each copy is size
func badf(format string, args ...any) error {
	return Errorf(StatusBadParameter, format, args...)
}

// within names the place of a fault that a deeper parser found.
func within(place string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{e.Status, place + ": " + e.Text}
	}
	return fmt.Errorf("%s: %w", place, err)
}
