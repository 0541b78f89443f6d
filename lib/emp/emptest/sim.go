package emptest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"lander/lib/emp/frame"
)

// Patience is how long Call waits in real time before a test has failed.
const Patience = 20 * time.Second

// ErrBusy means that the dialect has no request id left.
var ErrBusy = errors.New("no free request id")

// Handler answers a command. When ok is false nothing is sent.
type Handler func(payload []byte) (s frame.Status, body frame.Value, ok bool)

// Sim is one simulated program on a connection. It notes every fault of the
// other side; a test asks for Faults at its end.
type Sim struct {
	d   Dialect
	rwc io.ReadWriteCloser
	end chan struct{}

	wmu sync.Mutex     // one write per frame
	wg  sync.WaitGroup // handlers

	mu       sync.Mutex
	handlers map[frame.Command]Handler
	waiting  map[uint8]*wait
	faults   []error
	got      []frame.Frame
	more     chan struct{} // closed and replaced at each command
	ended    bool
}

type wait struct {
	cmd frame.Command
	ch  chan frame.Response
}

// New starts a program that speaks the dialect on rwc. It ends when rwc does.
func New(rwc io.ReadWriteCloser, d Dialect) *Sim {
	s := &Sim{d: d, rwc: rwc, end: make(chan struct{}), handlers: map[frame.Command]Handler{},
		waiting: map[uint8]*wait{}, more: make(chan struct{})}
	go s.read()
	return s
}

// Handle sets the answer to a command.
func (s *Sim) Handle(c frame.Command, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[c] = h
}

// Call sends a command as the dialect writes it and waits for the response.
func (s *Sim) Call(c frame.Command, payload frame.Value) (frame.Response, error) {
	return s.CallRaw(c, s.d.encode(payload))
}

// CallRaw is Call with the payload's bytes as they are.
func (s *Sim) CallRaw(c frame.Command, payload []byte) (frame.Response, error) {
	w := &wait{c, make(chan frame.Response, 1)}
	s.mu.Lock()
	id := 0
	for id < s.d.IDs && s.waiting[uint8(id)] != nil {
		id++
	}
	if id == s.d.IDs {
		s.mu.Unlock()
		return frame.Response{}, ErrBusy
	}
	if s.ended {
		s.mu.Unlock()
		return frame.Response{}, io.EOF
	}
	s.waiting[uint8(id)] = w
	s.mu.Unlock()
	if err := s.Write(frame.Frame{Command: c, RequestID: uint8(id), Payload: payload}); err != nil {
		return frame.Response{}, err
	}
	select {
	case r := <-w.ch:
		return r, nil
	case <-s.end:
		select {
		case r := <-w.ch:
			return r, nil
		default:
			return frame.Response{}, io.EOF
		}
	case <-time.After(Patience):
		return frame.Response{}, fmt.Errorf("%v, request id %d: no response", c, id)
	}
}

// Write sends a frame as it is.
func (s *Sim) Write(f frame.Frame) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	_, err := s.rwc.Write(frame.Append(nil, f))
	return err
}

// Close ends the connection and waits for the reader and the handlers.
func (s *Sim) Close() error {
	err := s.rwc.Close()
	<-s.end
	s.wg.Wait()
	return err
}

// Faults are the errors of the other side so far.
func (s *Sim) Faults() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}

// Commands waits until n commands have come and returns all of them.
func (s *Sim) Commands(n int) ([]frame.Frame, error) {
	limit := time.After(Patience)
	for {
		s.mu.Lock()
		got, more := slices.Clone(s.got), s.more
		s.mu.Unlock()
		if len(got) >= n {
			return got, nil
		}
		select {
		case <-more:
		case <-s.end:
			return got, io.EOF
		case <-limit:
			return got, fmt.Errorf("%d commands have come, %d are awaited", len(got), n)
		}
	}
}

func (s *Sim) fault(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Errorf(format, a...))
}

func (s *Sim) read() {
	defer close(s.end)
	defer func() {
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
	}()
	for {
		var h [8]byte
		if n, err := io.ReadFull(s.rwc, h[:]); err != nil {
			if n > 0 {
				s.fault("the stream ends inside a header: %x", h[:n])
			}
			return
		}
		f := frame.Frame{Command: frame.Command(binary.BigEndian.Uint16(h[:])), Response: h[2] == 1, RequestID: h[3]}
		if h[2] > 1 {
			s.fault("type byte %#x: the reserved bits are not 0", h[2])
		}
		size := binary.BigEndian.Uint32(h[4:])
		if size > 64<<20 {
			s.fault("payload of %d bytes", size)
			return
		}
		f.Payload = make([]byte, size)
		if _, err := io.ReadFull(s.rwc, f.Payload); err != nil {
			s.fault("the stream ends inside a payload")
			return
		}
		if f.Response {
			s.response(f)
		} else {
			s.command(f)
		}
	}
}

func (s *Sim) response(f frame.Frame) {
	s.mu.Lock()
	w := s.waiting[f.RequestID]
	if w != nil && (s.d.MatchesID || w.cmd == f.Command) {
		delete(s.waiting, f.RequestID)
	} else {
		w = nil
	}
	s.mu.Unlock()
	if w == nil {
		s.fault("response to %v, request id %d, that is not awaited", f.Command, f.RequestID)
		return
	}
	if w.cmd != f.Command {
		s.fault("response to %v says %v", w.cmd, f.Command)
	}
	if len(f.Payload) < 2 {
		s.fault("response to %v has %d bytes", f.Command, len(f.Payload))
		return
	}
	body := f.Payload[2:]
	if _, err := frame.ParseValue(body); err != nil || len(body) == 0 || !utf8.Valid(body) {
		s.fault("body of the response to %v is %q: %v", f.Command, body, err)
	}
	w.ch <- frame.Response{Status: frame.Status(int16(binary.BigEndian.Uint16(f.Payload))), Body: body}
}

func (s *Sim) command(f frame.Frame) {
	if _, err := frame.ParseValue(f.Payload); err != nil {
		s.fault("payload of %v is %q: %v", f.Command, f.Payload, err)
	}
	s.mu.Lock()
	s.got = append(s.got, f)
	close(s.more)
	s.more = make(chan struct{})
	h := s.handlers[f.Command]
	s.mu.Unlock()
	if h == nil && s.d.SilentUnhandled {
		return
	}
	if h == nil {
		h = func([]byte) (frame.Status, frame.Value, bool) {
			return frame.StatusNotFound, frame.String("cannot find callback"), true
		}
	}
	s.wg.Go(func() {
		status, body, ok := h(f.Payload)
		if !ok {
			return
		}
		if s.d.AlwaysOK {
			status = frame.StatusOK
		}
		payload := frame.AppendStatus(nil, status)
		if !s.d.BareStatus {
			payload = s.d.shape(body).Append(payload)
		}
		s.Write(frame.Frame{Command: f.Command, Response: true, RequestID: f.RequestID, Payload: payload})
	})
}
