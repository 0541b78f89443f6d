package cmd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"lander/lib/devs"
	"lander/lib/jacdac"
)

// What became of a device decides the exit code, not what cut it off: who
// retries on 5 must find the device as it was.
func TestDevsExitCodes(t *testing.T) {
	cut := fmt.Errorf("starting the program: %w", jacdac.ErrLost)
	late := &fault{exit: exitUnreachable, msg: "not done within 1s"}
	for _, tt := range []struct {
		err  error
		want exitCode
	}{
		{cut, exitUnreachable},
		{&devs.HalfwayError{Device: "d", Err: cut}, exitInterrupted},
		{&devs.EmptyError{Device: "d", Err: cut}, exitInterrupted},
		{&devs.HalfwayError{Device: "d", Err: late}, exitInterrupted},
		{&devs.EmptyError{Device: "d", Err: late}, exitInterrupted},
		{late, exitUnreachable},
		{&fault{exit: exitPartial, cause: &devs.EmptyError{Device: "d", Err: cut}}, exitPartial},
		{&devs.VerifyError{Device: "d"}, exitInterrupted},
		{&devs.RejectedError{Device: "d"}, exitRejected},
		{&devs.PanicError{Device: "d"}, exitScript},
		{&devs.SelectError{Selector: "x"}, exitUnreachable},
		{devs.ErrProgram, exitInvalid},
		{errors.New("another"), exitFailed},
	} {
		if got := classify(context.Background(), devsFault(tt.err)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got.name, tt.want.name)
		}
	}
}
