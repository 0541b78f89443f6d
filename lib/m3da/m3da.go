// Package m3da is both ends of an M3DA session over any stream: envelopes
// back to back without framing, plain or secured by a shared password, with
// nonces, challenges and the registration that gives a device its password
// [M3DA 3, 4].
//
// A Device sends envelopes and gets one reply for each; a server's Session
// answers them, and may send one of its own accord to a device that can take
// it. What crypto there is comes in as Keys: this package knows only where it
// goes.
//
// What Lander adds is in header fields that other servers and devices do not
// have, and is used only towards a side that has announced lander=1: an
// envelope that is sent again carries the same `batch`, and the server may
// send commands at any time.
package m3da

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"lander/lib/m3da/envelope"
)

// Port is where servers listen.
const Port = 44900

// DefaultServerID is the server's name where nothing is configured.
const DefaultServerID = "AIRVANTAGE"

// The defaults of options.
const (
	DefaultReply = 60 * time.Second
	DefaultMax   = 4 << 20
)

// Header fields of M3DA and of Lander.
const (
	fieldID        = "id"
	fieldStatus    = "status"
	fieldNonce     = "nonce"
	fieldChallenge = "challenge"
	fieldMAC       = "mac"
	FieldLander    = "lander" // 1: speaks Lander's additions
	FieldBatch     = "batch"  // text: an envelope with the same one is the same envelope
)

// What a session can end with.
var (
	// ErrSecurity is a side that could not prove who it is, or wants less
	// security than is configured.
	ErrSecurity = errors.New("M3DA security")
	// ErrClosed is a session that is over.
	ErrClosed = errors.New("the session is closed")
)

// StatusError is an answer that is not 2xx: what was sent counts as not sent.
type StatusError struct{ Status int64 }

func (e *StatusError) Error() string {
	text := map[int64]string{
		envelope.StatusMalformed: "malformed", envelope.StatusUnauthorized: "wrong credentials", envelope.StatusForbidden: "forbidden",
		envelope.StatusAuthentication: "authentication needed", envelope.StatusTimeout: "timeout", envelope.StatusEncryption: "encryption needed",
		envelope.StatusServerFault: "server fault", envelope.StatusUnavailable: "not available",
	}[e.Status]
	if text == "" {
		return fmt.Sprintf("the server answers with status %d", e.Status)
	}
	return fmt.Sprintf("the server answers with status %d (%s)", e.Status, text)
}

// Refused reports whether an error is a no of the server, which the same
// question will get again: about who is who, and not about what it can do now.
func Refused(err error) bool {
	if errors.Is(err, ErrSecurity) {
		return true
	}
	s, ok := errors.AsType[*StatusError](err)
	return ok && s.Status >= 400 && s.Status < 500 && s.Status != envelope.StatusTimeout
}

// Keys are the keys of one pair of device and server, seen from one side.
type Keys interface {
	Auth() string                              // the word that challenges name
	Cipher() string                            // "": payloads are not enciphered
	Nonce() string                             // a new one
	MAC(payload, nonce string) string          // of what this side sends
	Verify(payload, nonce, mac string) bool    // what the other side sent
	Seal(nonce, plain string) string           // enciphers what this side sends
	Open(nonce, sealed string) (string, error) // deciphers what was verified
}

// State is what a secured side remembers of the other.
type State struct {
	// Send is the nonce for the next envelope to it: from its last one that
	// was verified. "": none.
	Send string
	// Given are the nonces that it has got from us and not used.
	Given []string
	// Known says that it has answered before, and Lander that it announced
	// lander=1 then.
	Known, Lander bool
}

// Store keeps a State. A state that is lost costs a challenge, one that is
// older than what was sent lets an old envelope in once more: Save returns
// when it lasts.
type Store interface {
	Load() (State, error)
	Save(State) error
}

// Memory is a Store for one process.
type Memory struct {
	mu sync.Mutex
	s  State
}

// Load implements Store.
func (m *Memory) Load() (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s, nil
}

// Save implements Store.
func (m *Memory) Save(s State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s = s
	return nil
}

// lander reports whether a header announces our additions.
func lander(f envelope.Fields) bool {
	n, _ := f.Int(FieldLander)
	return n == 1
}

// text is a header field of raw bytes.
func text(name, value string) envelope.Field { return envelope.Text(name, value) }
