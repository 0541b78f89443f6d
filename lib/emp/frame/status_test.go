package frame

import "testing"

// The numbers of the wire and their names [EMP 3].
func TestStatusNumbers(t *testing.T) {
	for n, s := range []Status{
		StatusOK, StatusNotFound, StatusOutOfRange, StatusNoMemory, StatusNotPermitted, StatusUnspecifiedError, StatusCommunicationError,
		StatusTimeout, StatusWouldBlock, StatusDeadlock, StatusBadFormat, StatusDuplicate, StatusBadParameter, StatusClosed, StatusIOError,
		StatusNotImplemented, StatusBusy, StatusNotInitialized, StatusEnd, StatusNotAvailable,
	} {
		if int(s) != -n {
			t.Errorf("%s is %d, want %d", s.Name(), s, -n)
		}
	}
	for s, want := range map[Status]string{0: "OK (0)", -1: "NOT_FOUND (-1)", -12: "BAD_PARAMETER (-12)", -19: "NOT_AVAILABLE (-19)", -20: "STATUS_-20 (-20)", 1: "STATUS_1 (1)"} {
		if got := s.Error(); got != want {
			t.Errorf("%d is %q, want %q", s, got, want)
		}
	}
}
