// Package frame speaks the bytes of EMP, the Embedded Micro Protocol between
// an agent and the applications of its device: the 8-byte header, the command
// ids, the status numbers, the JSON values, and the typed payload of every
// command in both directions.
//
// The package is pure: it neither opens nor keeps a connection. Parse and
// Append are exact inverses up to a canonical form: reserved type bits are
// cleared, JSON is written without blanks, synonyms of fields are written in
// both spellings, missing policies by their default name.
//
// Values that came from outside never make a function panic, and memory stays
// below a constant times the size of the input.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the length of the header in bytes [EMP 2].
const HeaderSize = 8

// DefaultLimit is the greatest payload in bytes that a Reader takes when it is
// given no other limit [EMP 2].
const DefaultLimit = 16 << 20

// ErrShort means that the bytes end inside a frame: more may follow.
var ErrShort = errors.New("frame is not complete")

// Header is the first 8 bytes of a frame [EMP 2]: command id (2 bytes, big
// endian), type (1 byte, bit 0: response), request id (1 byte), payload size
// (4 bytes, big endian, without the header).
type Header struct {
	Command   Command
	Response  bool
	RequestID uint8
	Size      uint32
}

// Append adds the 8 bytes of the header to dst. Reserved type bits are 0: the
// original C client takes any other value for a response.
func (h Header) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Command))
	dst = append(dst, typeByte(h.Response), h.RequestID)
	return binary.BigEndian.AppendUint32(dst, h.Size)
}

// ParseHeader reads the first 8 bytes of b. Only bit 0 of the type is looked
// at. Its one error is ErrShort.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, ErrShort
	}
	return Header{
		Command:   Command(binary.BigEndian.Uint16(b)),
		Response:  b[2]&1 != 0,
		RequestID: b[3],
		Size:      binary.BigEndian.Uint32(b[4:]),
	}, nil
}

func typeByte(response bool) byte {
	if response {
		return 1
	}
	return 0
}

// Frame is one command or response. Payload is JSON text for a command and
// status plus JSON text for a response; see ParseResponse.
type Frame struct {
	Command   Command
	Response  bool
	RequestID uint8
	Payload   []byte
}

// Append adds the frame to dst. A payload of 4 GiB or more cannot be framed:
// that is the caller's fault, and panics.
func Append(dst []byte, f Frame) []byte {
	dst = Header{f.Command, f.Response, f.RequestID, size32(len(f.Payload))}.Append(dst)
	return append(dst, f.Payload...)
}

// Begin adds a header whose size is not known yet and returns its place, to
// be handed to End when the payload has been appended.
func Begin(dst []byte, c Command, response bool, id uint8) (out []byte, place int) {
	place = len(dst)
	return Header{Command: c, Response: response, RequestID: id}.Append(dst), place
}

// End writes the size of everything after the header at place.
func End(dst []byte, place int) {
	binary.BigEndian.PutUint32(dst[place+4:], size32(len(dst)-place-HeaderSize))
}

func size32(n int) uint32 {
	if uint64(n) > 1<<32-1 {
		panic(fmt.Sprintf("frame: payload of %d bytes", n))
	}
	return uint32(n)
}

// Parse takes the first frame off b. The payload shares the bytes of b. The
// error is ErrShort when b ends inside the frame, or a *TooLargeError when
// the header announces more than limit bytes (0: DefaultLimit).
func Parse(b []byte, limit int) (f Frame, rest []byte, err error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Frame{}, nil, err
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	if uint64(h.Size) > uint64(limit) {
		return Frame{}, nil, &TooLargeError{h, limit}
	}
	end := HeaderSize + int(h.Size)
	if len(b) < end {
		return Frame{}, nil, ErrShort
	}
	return Frame{h.Command, h.Response, h.RequestID, b[HeaderSize:end:end]}, b[end:], nil
}

// TooLargeError is a header that announces a payload beyond the limit. The
// stream is lost after it: the payload is neither read nor skipped.
type TooLargeError struct {
	Header Header
	Limit  int // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("payload of %d bytes, the limit is %d", e.Header.Size, e.Limit)
}

// Unwrap gives the status that such a frame is answered with.
func (e *TooLargeError) Unwrap() error { return StatusBadParameter }
