package devs

import (
	"context"
	"errors"
	"fmt"

	"lander/lib/jacdac"
)

// EmptyError says that a deployment was cut off after the device had erased
// its program: there is no way back, and nothing runs there now.
type EmptyError struct {
	Device string
	Maybe  bool // cut off while the device was asked: it may not have heard of it
	Err    error
}

func (e *EmptyError) Error() string {
	if e.Maybe {
		return fmt.Sprintf("device %s: cut off while the upload began, the device may have no program now: %v", e.Device, e.Err)
	}
	return fmt.Sprintf("device %s: the upload was cut off, the device has no program now: %v", e.Device, e.Err)
}

func (e *EmptyError) Unwrap() error { return e.Err }

// VerifyError says that the device has something else than was sent.
type VerifyError struct{ Device, Message string }

func (e *VerifyError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Message) }

// PanicError says that the program panicked.
type PanicError struct {
	Device string
	Panic  Panic
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("device %s: the program %s", e.Device, e.Panic)
}

// HalfwayError says that a deployment was cut off after it had begun to change
// the device, which still has a program or has it again.
type HalfwayError struct {
	Device string
	Err    error
}

func (e *HalfwayError) Error() string {
	return fmt.Sprintf("device %s: cut off half-way, what it runs now is not known: %v", e.Device, e.Err)
}

func (e *HalfwayError) Unwrap() error { return e.Err }

// halfway makes a silence that came after the first change a HalfwayError,
// where nothing more exact is known.
func (m Manager) halfway(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*EmptyError](err); ok || err == nil {
		return err
	}
	silent := errors.Is(ctx.Err(), context.DeadlineExceeded)
	for _, silence := range []error{jacdac.ErrLost, jacdac.ErrNoAck, jacdac.ErrNoAnswer} {
		silent = silent || errors.Is(err, silence)
	}
	if silent {
		return &HalfwayError{m.Name(), cause(ctx, err)}
	}
	return err
}
