package agent

import (
	"errors"
	"fmt"
	"testing"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/remote"
	"lander/lib/trust"
)

// What keeps a script from being fetched is told in words alone; whether it
// may pass is told by the status.
func TestRefusalText(t *testing.T) {
	for _, c := range []struct {
		err    error
		status frame.Status
		text   string
	}{
		{fmt.Errorf("reading the bundle: %w", fetch.ErrUnreachable), frame.StatusCommunicationError, "download: reading the bundle: unreachable"},
		{&fetch.StatusError{URL: "http://h/x", Code: 503}, frame.StatusCommunicationError, "download: downloading http://h/x: the server answered 503 service unavailable"},
		{&remote.UnjournalledError{Err: fmt.Errorf("%w: no bundle", trust.ErrInvalid), Journal: errors.New("/state/journal: disk full")}, frame.StatusNotPermitted, "signature: invalid: no bundle"},
		{&fetch.StatusError{URL: "http://h/x", Code: 404}, frame.StatusNotPermitted, "download: downloading http://h/x: the server answered 404 not found"},
	} {
		err := refusal(c.err)
		if status, text := emp.StatusOf(err); status != c.status || text != c.text || passing(err) != (status == frame.StatusCommunicationError) {
			t.Errorf("%v: %v %q", c.err, status, text)
		}
	}
}
