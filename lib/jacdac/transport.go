package jacdac

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"lander/lib/jacdac/packet"
)

// Transport carries frames' bytes. A Bus reads in one goroutine and writes in
// another; Close wakes both.
type Transport interface {
	// ReadFrame waits for the next message. The bytes are good until the next
	// call; whether they are a frame is for the caller to check.
	ReadFrame() ([]byte, error)
	// WriteFrame takes a whole frame. It may lie until Flush.
	WriteFrame(b []byte) error
	Flush() error
	Close() error
}

// Pace is what a transport wants of those who send over it.
type Pace struct {
	Window int           // frames of a pipe under way at once
	Settle time.Duration // how long after the first device's answer another may still answer
	Budget time.Duration // how long a frame is sent again before it is given up
}

// paced is a Transport that knows its own Pace.
type paced interface{ pace() Pace }

func paceOf(t Transport) Pace {
	if p, ok := t.(paced); ok {
		return p.pace()
	}
	return streamPace
}

// Flash erase blocks a board for a second or two, so neither gives up before
// three.
var (
	streamPace = Pace{Window: 4, Settle: 30 * time.Millisecond, Budget: 4 * time.Second}
	serialPace = Pace{Window: 1, Settle: 150 * time.Millisecond, Budget: 6 * time.Second}
)

// TCP is the stream of a hub: each frame behind its length. [JD 3]
type TCP struct {
	rwc io.ReadWriteCloser
	r   *packet.TCPReader
	w   *bufio.Writer
	buf []byte
}

// NewTCP speaks over rwc, which should not delay small writes.
func NewTCP(rwc io.ReadWriteCloser) *TCP {
	return &TCP{rwc: rwc, r: packet.NewTCPReader(rwc), w: bufio.NewWriterSize(rwc, 16<<10)}
}

// ReadFrame implements Transport.
func (t *TCP) ReadFrame() ([]byte, error) { return t.r.Next() }

// WriteFrame implements Transport.
func (t *TCP) WriteFrame(b []byte) error {
	t.buf = packet.AppendTCP(t.buf[:0], b)
	_, err := t.w.Write(t.buf)
	return err
}

// Flush implements Transport.
func (t *TCP) Flush() error { return t.w.Flush() }

// Close implements Transport.
func (t *TCP) Close() error { return t.rwc.Close() }

// MessageConn is a connection that keeps messages apart, as a WebSocket does.
type MessageConn interface {
	// ReadMessage gives the next binary message.
	ReadMessage() ([]byte, error)
	WriteMessage(b []byte) error
	Close() error
}

// Messages carries one frame a message.
type Messages struct{ conn MessageConn }

// NewMessages speaks over conn.
func NewMessages(conn MessageConn) *Messages { return &Messages{conn} }

// ReadFrame implements Transport.
func (t *Messages) ReadFrame() ([]byte, error) { return t.conn.ReadMessage() }

// WriteFrame implements Transport.
func (t *Messages) WriteFrame(b []byte) error { return t.conn.WriteMessage(b) }

// Flush implements Transport.
func (t *Messages) Flush() error { return nil }

// Close implements Transport.
func (t *Messages) Close() error { return t.conn.Close() }

// Serial is the line to one board: escaped frames, and log text between them.
// Frames are off until they are asked for. [JD 3]
type Serial struct {
	rwc  io.ReadWriteCloser
	p    packet.Serial
	in   []byte
	got  [][]byte // frames that came with one read
	at   int
	out  []byte
	text func([]byte)
}

// classBridge is the service class that serial settings are broadcast to.
const classBridge = 0x18f61a4a

const (
	cmdEnablePackets = 0x81
	cmdEnableLog     = 0x83
)

// NewSerial speaks over rwc, a raw 8N1 line or a pipe of its bytes.
func NewSerial(rwc io.ReadWriteCloser) *Serial {
	s := &Serial{rwc: rwc, in: make([]byte, 4<<10)}
	s.p.Frame = func(b []byte) { s.got = append(s.got, append([]byte(nil), b...)) }
	s.p.Text = func(b []byte) {
		if s.text != nil {
			s.text(b)
		}
	}
	return s
}

func (t *Serial) pace() Pace { return serialPace }

// onText sets who gets the log text. It is called by ReadFrame.
func (t *Serial) onText(f func([]byte)) { t.text = f }

// wake are the frames that make a board talk in frames.
func (t *Serial) wake() []packet.Frame {
	var out []packet.Frame
	for _, cmd := range []uint16{cmdEnablePackets, cmdEnableLog} {
		f, err := packet.New(packet.FlagCommand|packet.FlagBroadcast|packet.FlagLoopback, packet.ClassID(classBridge),
			packet.Packet{Service: packet.IndexBroadcast, Command: cmd})
		if err == nil {
			out = append(out, f)
		}
	}
	return out
}

// ReadFrame implements Transport.
func (t *Serial) ReadFrame() ([]byte, error) {
	for t.at == len(t.got) {
		t.got, t.at = t.got[:0], 0
		n, err := t.rwc.Read(t.in)
		t.p.Write(t.in[:n])
		if err != nil && len(t.got) == 0 {
			return nil, err
		}
	}
	t.at++
	return t.got[t.at-1], nil
}

// WriteFrame implements Transport.
func (t *Serial) WriteFrame(b []byte) error {
	t.out = packet.AppendSerial(t.out, b)
	return nil
}

// Flush implements Transport.
func (t *Serial) Flush() error {
	_, err := t.rwc.Write(t.out)
	t.out = t.out[:0]
	return err
}

// Close implements Transport.
func (t *Serial) Close() error { return t.rwc.Close() }

// lostError says what ended a bus.
func lostError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the other end closed it", ErrLost)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
