// Package envelope is what the two ends of M3DA say to each other: envelopes,
// whose payload is a row of messages and responses or, under security, one
// inner envelope [M3DA 2, 4].
package envelope

import (
	"errors"
	"fmt"

	"lander/lib/m3da/bysant"
)

// ErrMalformed is wrapped by the errors about bytes that are a value and no
// envelope, or no payload. Bytes that are no value give bysant's errors.
var ErrMalformed = errors.New("malformed envelope")

// The status of an envelope [M3DA 3].
const (
	StatusOK             = 200
	StatusMalformed      = 400
	StatusUnauthorized   = 401 // the MAC is wrong
	StatusForbidden      = 403
	StatusAuthentication = 407 // there is no MAC
	StatusTimeout        = 408
	StatusEncryption     = 450 // it must be enciphered
	StatusShortcut       = 451
	StatusServerFault    = 500
	StatusUnavailable    = 503
)

// Envelope is one message of the transport.
type Envelope struct {
	Header  Fields
	Payload string // the bytes of the items, or what they were enciphered to
	Footer  Fields
}

// Fields are a header or a footer: a map, or null.
type Fields struct{ bysant.Value }

// Field is one entry of a header or footer.
type Field = bysant.Member

// Header makes the fields of a header or footer.
func Header(fields ...Field) Fields {
	if len(fields) == 0 {
		return Fields{}
	}
	return Fields{bysant.OfMap(fields...)}
}

// Text is a field that is a string.
func Text(name, value string) Field {
	return Field{Key: bysant.Name(name), Value: bysant.OfString(value)}
}

// Int is a field that is a number.
func Int(name string, n int64) Field {
	return Field{Key: bysant.Name(name), Value: bysant.OfInt(n)}
}

// Text returns a field that is a string, "" when there is none.
func (f Fields) Text(name string) string {
	v, _ := f.Get(name)
	s, _ := v.Str()
	return s
}

// Int returns a field that is a number; ok is false when there is none.
func (f Fields) Int(name string) (n int64, ok bool) {
	v, _ := f.Get(name)
	return v.Int()
}

// ID is who sends.
func (e Envelope) ID() string { return e.Header.Text("id") }

// Status is the status in the header; ok is false when there is none.
func (e Envelope) Status() (n int64, ok bool) { return e.Header.Int("status") }

// Sized is the envelope as the vendor's servers write it: maps with their
// length, and an empty one where there is none. Not every client reads another.
func (e Envelope) Sized() Envelope {
	for _, f := range []*Fields{&e.Header, &e.Footer} {
		if f.IsNull() {
			f.Value = bysant.OfMap()
		}
		f.Value = f.Value.Sized()
	}
	return e
}

// Append writes an envelope. Nothing is written as null.
func (e Envelope) Append(dst []byte) []byte {
	payload := bysant.Value{}
	if e.Payload != "" {
		payload = bysant.OfString(e.Payload)
	}
	dst = append(dst, 0x60+byte(bysant.Envelope))
	dst = bysant.AppendIn(dst, bysant.Listmap, e.Header.Value)
	dst = bysant.AppendIn(dst, bysant.UIS, payload)
	return bysant.AppendIn(dst, bysant.Listmap, e.Footer.Value)
}

// Parse reads one envelope and returns what is behind it.
func Parse(b []byte) (e Envelope, rest []byte, err error) {
	v, rest, err := bysant.Parse(b)
	if err == nil {
		e, err = of(v)
	}
	if err != nil {
		return Envelope{}, nil, err
	}
	return e, rest, nil
}

func of(v bysant.Value) (e Envelope, err error) {
	class, f, ok := v.Object()
	if !ok || class != bysant.Envelope {
		return e, malformed("%s is no envelope", v.Kind())
	}
	if e.Header, err = fieldsOf(f[0]); err != nil {
		return Envelope{}, err
	}
	if e.Footer, err = fieldsOf(f[2]); err != nil {
		return Envelope{}, err
	}
	if e.Payload, ok = f[1].Str(); !ok && !f[1].IsNull() {
		return Envelope{}, malformed("the payload is a number")
	}
	return e, nil
}

// fieldsOf takes a map. An empty list is what the original makes of an empty
// table.
func fieldsOf(v bysant.Value) (Fields, error) {
	if v.Kind() == bysant.List {
		if v.Len() > 0 {
			return Fields{}, malformed("a header or footer that is a list")
		}
		return Fields{}, nil
	}
	return Fields{v}, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
