package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// What a download ends with. Each error that Get or a read returns matches
// exactly one of these, or is a *StatusError, or is the end of the caller's
// context. ErrUnreachable and ErrTimeout may be gone at the next try.
var (
	ErrURL         = errors.New("not an http or https URL")                       // the URL, or one that a redirect names
	ErrAddress     = errors.New("address not allowed")                            // loopback, link-local and such
	ErrRedirect    = errors.New("redirect refused")                               // too many, or from https to http
	ErrCertificate = errors.New("certificate not trusted")                        // TLS
	ErrTooLarge    = errors.New("too large")                                      // more than Options.MaxBytes
	ErrUnreachable = errors.New("unreachable")                                    // no name, no connection, connection lost
	ErrTimeout     = fmt.Errorf("download timed out: %w", os.ErrDeadlineExceeded) // Options.Timeout or Options.Stall
)

// StatusError is an answer that is no 2xx.
type StatusError struct {
	URL  string // as in Body.URL
	Code int    // 404

	put bool // of an upload
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: the server answered %d %s", doing(e.put), e.URL, e.Code, strings.ToLower(http.StatusText(e.Code)))
}

// doing is the verb that stands before a URL.
func doing(put bool) string {
	if put {
		return "uploading to"
	}
	return "downloading"
}

// wrap sorts a transport's error and says what was being done.
func (c *client) wrap(shown string, err error) error {
	ctx, verb := c.ctx, doing(c.put != nil)
	// The transport words the end of a context in many ways.
	switch {
	case ctx.Err() == nil:
	case errors.Is(context.Cause(ctx), ErrTimeout):
		err = ErrTimeout
	default:
		err = ctx.Err()
	}
	kind := ErrUnreachable
	ne, isNet := errors.AsType[net.Error](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, ErrTimeout), errors.Is(err, ErrAddress), errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%s %s: %w", verb, shown, err)
	case isCert:
		kind = ErrCertificate
	case isNet && ne.Timeout():
		kind = ErrTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = errors.New("the server closed the connection")
	}
	return fmt.Errorf("%s %s: %w: %w", verb, shown, kind, err)
}
