package frame

import (
	"encoding/binary"
	"strings"
)

// Response is the payload of a response: a status and JSON text [EMP 2].
// Body is empty when the other side sent the two bytes of the status alone,
// which is to be read as null.
type Response struct {
	Status Status
	Body   []byte

	// RequestID is the id in the header of the frame that the payload came
	// in, where a peer filled it in. It is no part of the payload.
	RequestID uint8
}

// ParseResponse splits a payload. Body shares the bytes of payload and is not
// looked at. A payload of fewer than 2 bytes is a StatusBadFormat error: the
// original clients disagree on its meaning.
func ParseResponse(payload []byte) (Response, error) {
	if len(payload) < 2 {
		return Response{}, Errorf(StatusBadFormat, "response of %d bytes has no status", len(payload))
	}
	return Response{Status: Status(binary.BigEndian.Uint16(payload)), Body: payload[2:]}, nil
}

// AppendResponse adds status and body; an empty body is sent as null, because
// a C client frees garbage after a bare status [EMP, second fact].
func AppendResponse(dst []byte, r Response) []byte {
	dst = AppendStatus(dst, r.Status)
	if len(r.Body) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, r.Body...)
}

// AppendStatus adds the two bytes of the status.
func AppendStatus(dst []byte, s Status) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(s))
}

// Value parses the body.
func (r Response) Value() (Value, error) { return ParseValue(r.Body) }

// Err is nil for StatusOK, else an *Error with the text of the body: its
// string, or its JSON text when it is something else than a string or null.
func (r Response) Err() error {
	if r.Status == StatusOK {
		return nil
	}
	e := &Error{Status: r.Status}
	v, err := r.Value()
	if s, ok := v.Str(); ok {
		e.Text = s
	} else if err == nil && !v.IsNull() {
		e.Text = v.String()
	}
	e.Text = strings.ToValidUTF8(e.Text, "\ufffd")
	return e
}
