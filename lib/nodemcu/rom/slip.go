package rom

import (
	"encoding/binary"
	"errors"
)

// Bytes of the framing [OTA 5].
const (
	slipEnd    = 0xC0
	slipEsc    = 0xDB
	slipEscEnd = 0xDC
	slipEscEsc = 0xDD
)

// MaxFrame bounds a frame that is read: the largest packet of the loader and
// what is around it.
const MaxFrame = 32 << 10

// ErrFrame is bytes that are no frame.
var ErrFrame = errors.New("not a frame of the ROM loader")

// AppendFrame appends payload as a frame: 0xC0, the payload with 0xC0 and 0xDB
// escaped, 0xC0.
func AppendFrame(dst, payload []byte) []byte {
	dst = append(dst, slipEnd)
	for _, b := range payload {
		switch b {
		case slipEnd:
			dst = append(dst, slipEsc, slipEscEnd)
		case slipEsc:
			dst = append(dst, slipEsc, slipEscEsc)
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, slipEnd)
}

// CutFrame takes the first frame off b. What stands before it is dropped, as is
// an empty frame: the ends of two frames may stand together. ok is false while
// there is no whole frame; rest is what may become one then. A frame that is
// too long, or has an escape that means nothing, is ErrFrame; rest is what
// follows it.
func CutFrame(b []byte) (payload, rest []byte, ok bool, err error) {
	for {
		start := 0
		for start < len(b) && b[start] != slipEnd {
			start++
		}
		b = b[start:]
		end := 1
		for end < len(b) && b[end] != slipEnd {
			end++
		}
		if end >= len(b) {
			if len(b) > 2*MaxFrame {
				return nil, nil, false, ErrFrame
			}
			return nil, b, false, nil
		}
		if end == 1 {
			b = b[1:]
			continue
		}
		payload, err = unescape(b[1:end])
		return payload, b[end+1:], err == nil, err
	}
}

func unescape(b []byte) ([]byte, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == slipEsc {
			i++
			switch {
			case i < len(b) && b[i] == slipEscEnd:
				c = slipEnd
			case i < len(b) && b[i] == slipEscEsc:
				c = slipEsc
			default:
				return nil, ErrFrame
			}
		}
		out = append(out, c)
	}
	if len(out) > MaxFrame {
		return nil, ErrFrame
	}
	return out, nil
}

// Request is a command to the ROM.
type Request struct {
	Op   byte
	Sum  uint32 // of the payload, for the DATA commands
	Data []byte
}

// AppendRequest appends 00, op, the length of the data in 16 bits, the sum in
// 32 bits and the data, little endian.
func AppendRequest(dst []byte, r Request) []byte {
	dst = append(dst, 0, r.Op)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(r.Data)))
	dst = binary.LittleEndian.AppendUint32(dst, r.Sum)
	return append(dst, r.Data...)
}

// ParseRequest reads a request.
func ParseRequest(b []byte) (Request, error) {
	if len(b) < 8 || b[0] != 0 || int(binary.LittleEndian.Uint16(b[2:])) != len(b)-8 {
		return Request{}, ErrFrame
	}
	return Request{Op: b[1], Sum: binary.LittleEndian.Uint32(b[4:]), Data: b[8:]}, nil
}

// Response is the answer of the ROM. Data ends with the status: 2 bytes on an
// ESP8266, 4 on an ESP32; the first is 0 when it is good.
type Response struct {
	Op    byte
	Value uint32
	Data  []byte
}

// AppendResponse appends 01, op, length, value and data, as AppendRequest.
func AppendResponse(dst []byte, r Response) []byte {
	dst = append(dst, 1, r.Op)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(r.Data)))
	dst = binary.LittleEndian.AppendUint32(dst, r.Value)
	return append(dst, r.Data...)
}

// ParseResponse reads a response.
func ParseResponse(b []byte) (Response, error) {
	if len(b) < 8 || b[0] != 1 || int(binary.LittleEndian.Uint16(b[2:])) != len(b)-8 {
		return Response{}, ErrFrame
	}
	return Response{Op: b[1], Value: binary.LittleEndian.Uint32(b[4:]), Data: b[8:]}, nil
}

// Sum is the checksum of a DATA command: all bytes and 0xEF, exclusively or-ed.
func Sum(payload []byte) uint32 {
	s := byte(0xEF)
	for _, b := range payload {
		s ^= b
	}
	return uint32(s)
}
