package store

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// What passes by itself is asked again, and what a cluster means is not.
func TestFinal(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{ErrConflict, true},
		{fmt.Errorf("no answer"), false},
		{&jetstream.APIError{Code: 503, Description: "no leader"}, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10005, Description: "no suitable peers for placement, peer offline"}, false},
		{&jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant}, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10158}, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10025, Description: "bad request"}, true},
	} {
		if got := final(fmt.Errorf("putting: %w", c.err)); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
