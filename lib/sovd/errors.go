package sovd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"lander/lib/store"
)

// Kind says what went wrong, independent of the wire. Its text is the word by
// which an external provider names it.
type Kind string

// The kinds of errors that a provider may answer with.
const (
	KindNotFound    Kind = "not-found"
	KindManaged     Kind = "managed"
	KindRunning     Kind = "running"
	KindNotRunning  Kind = "not-running"
	KindExists      Kind = "exists"
	KindTooLarge    Kind = "too-large"
	KindLimit       Kind = "limit"
	KindParameter   Kind = "parameter"
	KindInput       Kind = "input"
	KindRefused     Kind = "refused"
	KindProximity   Kind = "proximity"
	KindReused      Kind = "reused"
	KindUnsupported Kind = "unsupported"
	KindUnavailable Kind = "unavailable"
	KindInternal    Kind = "internal"
)

// wire is how each kind is answered: the third and last table of errors.
var wire = map[Kind]struct {
	status       int
	code, vendor string
}{
	KindNotFound:    {http.StatusNotFound, "resource-not-found", ""},
	KindManaged:     {http.StatusConflict, "vendor-error", "x-medkit-managed-script"},
	KindRunning:     {http.StatusConflict, "vendor-error", "x-medkit-script-running"},
	KindNotRunning:  {http.StatusConflict, "vendor-error", "x-medkit-script-not-running"},
	KindExists:      {http.StatusConflict, "vendor-error", "x-medkit-script-already-exists"},
	KindTooLarge:    {http.StatusRequestEntityTooLarge, "vendor-error", "x-medkit-script-too-large"},
	KindLimit:       {http.StatusTooManyRequests, "vendor-error", "x-medkit-script-concurrency-limit"},
	KindParameter:   {http.StatusBadRequest, "invalid-parameter", ""},
	KindInput:       {http.StatusBadRequest, "invalid-request", ""},
	KindRefused:     {http.StatusForbidden, "vendor-error", "x-lander-signature-refused"},
	KindProximity:   {http.StatusForbidden, "vendor-error", "x-lander-proximity-proof"},
	KindReused:      {http.StatusUnprocessableEntity, "vendor-error", "x-lander-idempotency-key-reused"},
	KindUnsupported: {http.StatusNotImplemented, "not-implemented", ""},
	KindUnavailable: {http.StatusServiceUnavailable, "vendor-error", "x-lander-unavailable"},
	KindInternal:    {http.StatusInternalServerError, "internal-error", ""},
}

// Error is an error whose text may be shown to a client. Whatever else a
// provider returns is answered as an internal error without its text.
type Error struct {
	Kind       Kind
	Message    string
	Parameters map[string]any

	refused *refused // a bundle: more than the client is told
}

// refused is what the journal has about a bundle that was not let in.
type refused struct {
	why    string
	detail *ScriptDetail // as far as it is known
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
//
//go:noinline // many call it, none in a hurry: each copy is size
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) with(parameters map[string]any) *Error {
	e.Parameters = parameters
	return e
}

// kindOf is the kind of an error, KindInternal when it has none.
func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// genericError is the body of every error but those of authentication
// [SOVD GenericError].
type genericError struct {
	Code       string         `json:"error_code"`
	Vendor     string         `json:"vendor_code,omitempty"`
	Message    string         `json:"message"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// answer is a status with a JSON body. As an error it ends a request.
type answer struct {
	status int
	body   any
	header map[string]string
}

func (a *answer) Error() string { return fmt.Sprintf("status %d", a.status) }

// answerOf turns any error into what is sent.
func answerOf(err error) *answer {
	if a, ok := errors.AsType[*answer](err); ok {
		return a
	}
	if e, ok := errors.AsType[*Error](err); ok {
		w, ok := wire[e.Kind]
		if !ok {
			w = wire[KindInternal]
		}
		a := &answer{status: w.status, body: genericError{Code: w.code, Vendor: w.vendor, Message: e.Message, Parameters: e.Parameters}}
		if e.Kind == KindLimit || e.Kind == KindUnavailable {
			a.header = map[string]string{"Retry-After": "1"}
		}
		return a
	}
	if errors.Is(err, store.ErrUnreachable) {
		return answerOf(Errorf(KindUnavailable, "The gateway's store cannot be reached"))
	}
	return &answer{status: http.StatusInternalServerError, body: genericError{
		Code: "internal-error", Message: "Internal server error", Parameters: map[string]any{"details": "An internal error occurred"},
	}}
}

// plainAnswer is the body of routes that are not there, and its like for
// other faults before a route is reached.
func plainAnswer(status int, message string) *answer {
	return &answer{status: status, body: genericError{Code: "resource-not-found", Message: message, Parameters: map[string]any{"status": status}}}
}

var notFound = plainAnswer(http.StatusNotFound, "Resource not found")

func methodNotAllowed(allow []string) *answer {
	return &answer{
		status: http.StatusMethodNotAllowed,
		body:   genericError{Code: "invalid-request", Message: "Method not allowed", Parameters: map[string]any{"allow": allow}},
		header: map[string]string{"Allow": strings.Join(allow, ", ")},
	}
}

func entityError(code, message string, parameters map[string]any) *answer {
	status := http.StatusBadRequest
	if code == "entity-not-found" {
		status = http.StatusNotFound
	}
	return &answer{status: status, body: genericError{Code: code, Message: message, Parameters: parameters}}
}

// render gives the body's bytes. Texts of a body come from clients and
// scripts: what is no UTF-8 becomes U+FFFD.
func (a *answer) render() []byte {
	b, err := json.Marshal(a.body)
	if err != nil {
		a.status = http.StatusInternalServerError
		return []byte(`{"error_code":"internal-error","message":"Internal server error"}`)
	}
	return b
}
