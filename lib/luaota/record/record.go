// Package record speaks luaOTA's records: JSON text, a tag of 6 hex digits, a
// line feed, and with some commands raw data [OTA 2]. Both directions have the
// same shape; the key of the tag is not here.
package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	// MaxRecord is the largest record in bytes, data included, that the
	// original client takes: what arrives in one segment.
	MaxRecord = 1460
	// MaxLine is the longest line in bytes, its line feed included, that is
	// read from a device that has proved nothing yet. The original has no
	// limit.
	MaxLine = 8 << 10
	// MaxAnswer is the same for a device whose HI was verified: the listing
	// of a full flash is long.
	MaxAnswer = 64 << 10
	// TagBytes is the size of the tag, 6 hex digits on the wire.
	TagBytes = 3
	// SealBytes is the size of the MAC in the stronger mode.
	SealBytes = 32
	// MinJSON is the shortest text that the original client accepts:
	// with the tag 16 characters.
	MinJSON = 10
)

// ErrRecord is wrapped by the error about a line that is no record.
var ErrRecord = errors.New("not a luaOTA record")

// Record is the line of a record: the JSON text exactly as sent, and the tag
// or seal behind it.
type Record struct {
	JSON []byte
	Tag  []byte // TagBytes or SealBytes
}

// Append appends the line with its line feed.
func Append(dst []byte, r Record) []byte {
	dst = append(dst, r.JSON...)
	dst = hex.AppendEncode(dst, r.Tag)
	return append(dst, '\n')
}

// Parse splits the line at the start of b, whose tag is of width bytes; rest is
// what follows the line feed. JSON shares b's memory. That the tag is right is
// not checked here, nor that the text is JSON.
func Parse(b []byte, width int) (r Record, rest []byte, err error) {
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0:
		return Record{}, nil, fmt.Errorf("%w: no line feed", ErrRecord)
	case end >= MaxAnswer:
		return Record{}, nil, fmt.Errorf("%w: longer than %d bytes", ErrRecord, MaxAnswer)
	case end < 2*width+2:
		return Record{}, nil, fmt.Errorf("%w: %d bytes are too short", ErrRecord, end)
	}
	cut := end - 2*width
	tag := make([]byte, width)
	for i := range tag {
		hi, lo := nibble(b[cut+2*i]), nibble(b[cut+2*i+1])
		if hi < 0 || lo < 0 {
			return Record{}, nil, fmt.Errorf("%w: it does not end in %d lower-case hex digits", ErrRecord, 2*width)
		}
		tag[i] = byte(hi<<4 | lo)
	}
	return Record{JSON: b[:cut:cut], Tag: tag}, b[end+1:], nil
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
