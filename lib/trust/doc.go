// Package trust decides whose scripts are let in: minisign keys and
// signatures, the trust store with its policy, the words of a signed comment,
// and the serial numbers that keep old scripts from coming back.
//
// Signatures are minisign's, prehashed ("ED": Ed25519 over BLAKE2b-512); the
// legacy kind ("Ed") is refused by name. What Lander adds travels in the
// trusted comment, as Statement describes.
//
// Most callers read a Store with OpenStore, parse the signature text with
// ParseSignature and ask Store.Check; package bundle does this for a whole
// bundle. A no is a *Refusal, a malformed input an error that wraps
// ErrInvalid; everything else is a fault of the machine.
package trust

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is wrapped by each error about an input that is malformed: key
// file, signature text, signed words, policy, key list.
var ErrInvalid = errors.New("invalid")

// invalidf makes an error that wraps ErrInvalid without showing the word.
//
//go:noinline // many call it, none in a hurry: each copy is size
func invalidf(format string, args ...any) error {
	return &invalidError{fmt.Errorf(format, args...)}
}

type invalidError struct{ error }

func (e *invalidError) Is(target error) bool { return target == ErrInvalid }
func (e *invalidError) Unwrap() error        { return errors.Unwrap(e.error) }

// The reasons of a Refusal, which also begin the answers over M3DA.
const (
	ReasonSignature    = "signature"           // unknown or unusable key, or the signature is wrong
	ReasonExpired      = "expired"             // outside its window, or the clock is not set
	ReasonTarget       = "not-for-this-device" // other target
	ReasonReplayed     = "replayed"            // an older serial, or the same with other content
	ReasonCapability   = "capability"          // asks for more than it may have
	ReasonBadArguments = "bad-arguments"       // arguments where none are allowed
	ReasonFormat       = "load"                // a format that this door does not run
)

// Refusal is a no: the input is well formed, and policy says that it may not
// be used. Nothing was run or recorded.
type Refusal struct {
	Reason  string // one of the Reason words
	Message string // what is wrong, in one line
	Hint    string // what to do about it, or ""
}

func (r *Refusal) Error() string { return r.Message }

// Text is how devices answer it: the word of the reason and the message.
func (r *Refusal) Text() string {
	return r.Reason + ": " + strings.TrimPrefix(r.Message, r.Reason+": ")
}

//go:noinline // many call it, none in a hurry: each copy is size
func refuse(reason, hint, format string, args ...any) error {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...), Hint: hint}
}
