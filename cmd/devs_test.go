package cmd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"lander/lib/devs"
	"lander/lib/jacdac"
)

// What became of a device decides the exit code, however deep it is wrapped:
// who retries on 5 must find the device as it was.
func TestDevsExitCodes(t *testing.T) {
	cut := fmt.Errorf("starting the program: %w", jacdac.ErrLost)
	for _, tt := range []struct {
		err  error
		want exitCode
	}{
		{cut, exitUnreachable},
		{&devs.HalfwayError{Device: "d", Err: cut}, exitInterrupted},
		{&devs.EmptyError{Device: "d", Err: cut}, exitInterrupted},
		{&devs.VerifyError{Device: "d"}, exitInterrupted},
		{&devs.RejectedError{Device: "d"}, exitRejected},
		{&devs.PanicError{Device: "d"}, exitScript},
		{&devs.SelectError{Selector: "x"}, exitUnreachable},
		{devs.ErrProgram, exitInvalid},
		{errors.New("another"), exitFailed},
	} {
		if got := classify(context.Background(), devsFault(fmt.Errorf("deploying: %w", tt.err))); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got.name, tt.want.name)
		}
	}
}
