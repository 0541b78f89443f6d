// Package luaota speaks both ends of luaOTA, the provisioning protocol of
// NodeMCU boards: Server drives a device, Device obeys. Each end is a state
// machine over one stream; the dialogue alternates strictly, one record
// outstanding [OTA 1].
//
// A record is one write of at most record.MaxRecord bytes: the original client
// takes what one segment brings and never joins two [OTA 2].
//
// # The stronger mode
//
// The plain protocol tags the JSON text alone, with 24 bits, and knows no nonce.
// A device of ours announces more by the member "sx" of its HI, a nonce of 32
// hex digits. A server that has it too answers with the member "n", its own
// nonce, and from that record on every record of both sides carries in place of
// the tag 64 hex digits of HMAC-SHA256 over direction, number, JSON text and
// data, under a key made of the secret, the HI's text and both nonces. Nothing
// of it can be replayed or changed. A server that does not know "sx" sees one
// member more to echo.
package luaota

import (
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"time"

	"lander/lib/luaota/record"
)

// Stream is what both ends speak over; a net.Conn is one.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Keys are the functions of one device's secret. They are made by trust and are
// for one goroutine.
type Keys struct {
	// Tag gives the legacy tag of a text.
	Tag func(text []byte) [record.TagBytes]byte
	// Session gives the MAC of the stronger mode for a transcript. Nil: the
	// stronger mode is not spoken.
	Session func(transcript []byte) func(parts ...[]byte) [record.SealBytes]byte
}

// What ends a dialogue, beside faults of the stream.
var (
	ErrHello = errors.New("not a luaOTA HI")           // the first record is something else
	ErrTag   = errors.New("wrong tag")                 // the record is not signed with the secret
	ErrSize  = errors.New("record too large")          // it would not fit one segment
	ErrMode  = errors.New("the stronger mode is gone") // strict, and the peer speaks plainly
)

// MaxID is the largest chip id: a device prints it as an integer.
const MaxID = 1<<53 - 1

// ParseID reads a chip id from a HI: an integer, or its decimal digits as a
// text. Anything else is none, so that no id is ever a path [OTA 8].
func ParseID(v record.Value) (int64, bool) {
	text := string(v)
	if s, ok := v.Text(); ok {
		text = s
	}
	if len(text) == 0 || len(text) > 16 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n <= MaxID
}

// nonceLen is the length of a nonce in hex digits.
const nonceLen = 32

func isNonce(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(s) == nonceLen && hex.EncodeToString(b) == s
}

func transcript(hello []byte, nonce string) []byte {
	b := append([]byte("luaOTA sx1\n"), hello...)
	b = append(b, '\n')
	return append(b, nonce...)
}

// seal is one direction of the stronger mode.
type seal struct {
	mac  func(parts ...[]byte) [record.SealBytes]byte
	side byte // 's' or 'd'
	n    int64
}

func (s *seal) next(text, data []byte) [record.SealBytes]byte {
	head := strconv.AppendInt([]byte{s.side}, s.n, 10)
	s.n++
	return s.mac(append(head, '\n'), text, []byte{'\n'}, data)
}

// wire is what both ends share: lines in, records out.
type wire struct {
	stream Stream
	now    func() time.Time
	max    int // bytes of a line
	buf    []byte
	have   int    // bytes in buf
	out    []byte // reused for what is written
}

func newWire(s Stream, now func() time.Time, max int) wire {
	if now == nil {
		now = time.Now
	}
	if max == 0 {
		max = record.MaxLine
	}
	return wire{stream: s, now: now, max: max}
}

// errLong is a line that does not end.
var errLong = errors.New("the line is too long")

// line reads up to the next line feed and returns it with the feed. It is valid
// until the next read.
func (w *wire) line(wait time.Duration) ([]byte, error) {
	if err := w.stream.SetReadDeadline(w.now().Add(wait)); err != nil {
		return nil, err
	}
	for from := 0; ; {
		for i := from; i < w.have; i++ {
			if w.buf[i] == '\n' {
				return w.buf[:i+1], nil
			}
		}
		from = w.have
		if w.have >= w.max {
			return nil, errLong
		}
		if err := w.more(w.max); err != nil {
			return nil, err
		}
	}
}

// more reads on, growing the buffer up to limit bytes.
func (w *wire) more(limit int) error {
	if w.have == len(w.buf) {
		grown := make([]byte, min(limit, max(512, 2*len(w.buf))))
		copy(grown, w.buf[:w.have])
		w.buf = grown
	}
	n, err := w.stream.Read(w.buf[w.have:])
	w.have += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// data reads n bytes that follow a line of length used, and returns them.
func (w *wire) data(used, n int) ([]byte, error) {
	for w.have < used+n {
		if err := w.more(used + n); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return w.buf[used : used+n], nil
}

// drop forgets the first n bytes.
func (w *wire) drop(n int) {
	copy(w.buf, w.buf[n:w.have])
	w.have -= n
}

func (w *wire) write(b []byte, wait time.Duration) error {
	if err := w.stream.SetWriteDeadline(w.now().Add(wait)); err != nil {
		return err
	}
	_, err := w.stream.Write(b)
	return err
}
