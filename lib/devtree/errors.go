package devtree

import "lander/lib/emp/frame"

// reason is a sentinel that knows the status it is answered with [EMP 3].
type reason struct {
	status frame.Status
	text   string
}

func (r *reason) Error() string { return r.text }

func (r *reason) Unwrap() error { return r.status }

// Why a change is refused. They come inside an *Error.
var (
	ErrNoMapping    error = &reason{frame.StatusUnspecifiedError, "no mapping found"}
	ErrNotWritable  error = &reason{frame.StatusUnspecifiedError, "subtree is not writable"}
	ErrNotPermitted error = &reason{frame.StatusNotPermitted, "not permitted: set by the agent itself"}
	ErrBadPath      error = &reason{frame.StatusBadParameter, "bad path"}
	ErrTooLarge     error = &reason{frame.StatusBadParameter, "value is too large"}
	ErrFull         error = &reason{frame.StatusNoMemory, "the tree is full"}
	ErrNotSaved     error = &reason{frame.StatusIOError, "the change could not be saved"}
	ErrClosed       error = &reason{frame.StatusClosed, "the tree is closed"}
	ErrNoWatch      error = &reason{frame.StatusUnspecifiedError, "no such registration"}
)

// Error is a refused change: "update subtree is not writable". It wraps one
// of the sentinels, and through it the frame.Status.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string {
	switch {
	case e.Err == ErrNotWritable:
		return rootOf(e.Path) + " " + e.Err.Error()
	case e.Path == "":
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }
