package packet

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// A TCP stream has one length byte before each frame; ff and an u16 announce
// something larger, which is none of ours. [JD 3]
const largeMark = 0xff

// TCPReader reads the frames of a TCP stream.
type TCPReader struct {
	r   *bufio.Reader
	buf [MaxFrame]byte
}

// NewTCPReader reads from r, through a buffer of its own.
func NewTCPReader(r io.Reader) *TCPReader { return &TCPReader{r: bufio.NewReaderSize(r, 32<<10)} }

// Next reads the next message that can be a frame; larger ones are skipped.
// The bytes are good until the next call. The end of the stream between two
// messages is io.EOF.
func (t *TCPReader) Next() ([]byte, error) {
	for {
		n, err := t.r.ReadByte()
		if err != nil {
			return nil, err
		}
		size := int(n)
		if n == largeMark {
			var b [2]byte
			if _, err := io.ReadFull(t.r, b[:]); err != nil {
				return nil, cut(err)
			}
			size = int(binary.LittleEndian.Uint16(b[:]))
		}
		if size > MaxFrame {
			if _, err := t.r.Discard(size); err != nil {
				return nil, cut(err)
			}
			continue
		}
		if _, err := io.ReadFull(t.r, t.buf[:size]); err != nil {
			return nil, cut(err)
		}
		return t.buf[:size], nil
	}
}

func cut(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("jacdac stream: cut inside a message: %w", err)
}

// AppendTCP appends a frame's bytes with their length before them.
func AppendTCP(dst, frame []byte) []byte {
	if len(frame) >= largeMark {
		dst = append(dst, largeMark)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(frame)))
	} else {
		dst = append(dst, byte(len(frame)))
	}
	return append(dst, frame...)
}
