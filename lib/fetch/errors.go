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
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("downloading %s: the server answered %d %s", e.URL, e.Code, strings.ToLower(http.StatusText(e.Code)))
}

// wrap sorts a transport's error and says what was being downloaded.
func wrap(ctx context.Context, shown string, err error) error {
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
		return fmt.Errorf("downloading %s: %w", shown, err)
	case isCert:
		kind = ErrCertificate
	case isNet && ne.Timeout():
		kind = ErrTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = errors.New("the server closed the connection")
	}
	return fmt.Errorf("downloading %s: %w: %w", shown, kind, err)
}
