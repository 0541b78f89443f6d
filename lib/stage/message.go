package stage

import (
	"context"
	"errors"

	"lander/lib/emp/frame"
)

// Message is one thing that goes to the server: data of one path, or an
// acknowledge.
type Message struct {
	Policy string // that waited for it; "" when a table was sent by itself

	// Of data: Columns of equal length at Path, which begins with the asset.
	Path    string
	Columns []Column

	// Of an acknowledge: Ticket is not null.
	Ticket frame.Value
	Status int64
	Text   string
}

// Uplink takes messages to the server, or to whoever stands in for it.
type Uplink interface {
	// Send is one session. nil means that the other side has taken every
	// message: they are dropped here. After an error they all stay, and come
	// again. Without messages it is a session all the same, in which the
	// server can say what it has to say. One Send at a time is called.
	Send(ctx context.Context, messages []Message) error
}

// ErrNoUplink is the end of a session where there is no server.
var ErrNoUplink error = frame.Errorf(frame.StatusCommunicationError, "no server and no sink is configured")

// SessionError is a session that failed; the data it would have sent waits on.
type SessionError struct{ Err error }

func (e *SessionError) Error() string { return "the session with the server failed: " + e.Err.Error() }

// Unwrap gives the reason, and the status of ConnectToServer [EMP 3].
func (e *SessionError) Unwrap() []error { return []error{frame.StatusCommunicationError, e.Err} }

// ErrBusy is the answer where a session is on already.
var ErrBusy = errors.New("connection already in progress")
