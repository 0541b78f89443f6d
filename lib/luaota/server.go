package luaota

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"lander/lib/luaota/record"
)

// ServerOptions are the limits of a Server; zero fields mean the defaults.
type ServerOptions struct {
	Hello  time.Duration    // how long to wait for the HI; 0: 5 s
	Answer time.Duration    // how long to wait for an answer; 0: 15 s
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // of nonces; nil: crypto/rand
	Plain  bool             // never speak the stronger mode
}

// Server is the server's end of one session. It is for one goroutine.
type Server struct {
	wire
	o     ServerOptions
	hello Hello
	text  []byte // of the HI, as sent
	tag   []byte
	keys  Keys

	nonce    string // ours, due in the next record
	in, outs *seal  // nil: the plain mode
	records  int
	bytes    int64
}

// Hello is what a device says first.
type Hello struct {
	ID     int64
	Fields record.Object // all members, a and id too
	Chk    string        // fingerprint of what it has, "" when none
	Strong bool          // it announced the stronger mode
}

// Answer is what a device says to a command.
type Answer struct {
	Status string // "OK" where it was done
	Fields record.Object
	Data   []byte // of an ul; valid until the next command
}

// StatusError is an answer that is not OK.
type StatusError struct {
	Action string
	Status string // as the device says it: "write failed", "compile fail", "Rename failed"
	Text   string // the device's own explanation, or ""
}

func (e *StatusError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("the device answered %s with %q: %s", e.Action, e.Status, e.Text)
	}
	return fmt.Sprintf("the device answered %s with %q", e.Action, e.Status)
}

// NewServer begins a session on a stream that was just accepted.
func NewServer(s Stream, o ServerOptions) *Server {
	if o.Hello == 0 {
		o.Hello = 5 * time.Second
	}
	if o.Answer == 0 {
		o.Answer = 15 * time.Second
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Server{wire: newWire(s, o.Now, record.MaxLine), o: o}
}

// Hello reads the HI. Nothing in it is verified: the id only says which secret
// Verify needs.
func (s *Server) Hello() (Hello, error) {
	line, err := s.line(s.o.Hello)
	if err != nil {
		return Hello{}, fmt.Errorf("waiting for the HI: %w", err)
	}
	r, _, err := record.Parse(line, record.TagBytes)
	if err != nil {
		return Hello{}, fmt.Errorf("%w: %w", ErrHello, err)
	}
	o, err := record.ParseObject(r.JSON)
	if err != nil {
		return Hello{}, fmt.Errorf("%w: %w", ErrHello, err)
	}
	id, ok := ParseID(o.Get("id"))
	if !ok || o.Text("a") != ActHello {
		return Hello{}, fmt.Errorf("%w: no a=HI with a chip id", ErrHello)
	}
	s.text, s.tag = append([]byte(nil), r.JSON...), r.Tag
	s.drop(len(line))
	s.hello = Hello{ID: id, Fields: o, Chk: o.Text("chk"), Strong: isNonce(o.Text("sx"))}
	return s.hello, nil
}

// Verify checks the HI's tag against each of the keys and returns which one
// fits, or ErrTag. The session goes on under that one.
func (s *Server) Verify(keys ...Keys) (int, error) {
	found := -1
	for i, k := range keys {
		tag := k.Tag(s.text)
		if subtle.ConstantTimeCompare(tag[:], s.tag) == 1 && found < 0 {
			found = i
		}
	}
	if found < 0 {
		return -1, fmt.Errorf("the HI of %d: %w", s.hello.ID, ErrTag)
	}
	s.keys, s.max = keys[found], record.MaxAnswer
	if s.hello.Strong && s.keys.Session != nil && !s.o.Plain {
		raw := make([]byte, nonceLen/2)
		if _, err := io.ReadFull(s.o.Rand, raw); err != nil {
			return -1, fmt.Errorf("making a nonce: %w", err)
		}
		s.nonce = hex.EncodeToString(raw)
		mac := s.keys.Session(transcript(s.text, s.nonce))
		s.in, s.outs = &seal{mac: mac, side: 'd'}, &seal{mac: mac, side: 's'}
	}
	return found, nil
}

// Strong reports whether the session speaks the stronger mode.
func (s *Server) Strong() bool { return s.outs != nil }

// Records and Bytes count what was sent.
func (s *Server) Records() int { return s.records }

// Bytes counts the bytes of all records sent.
func (s *Server) Bytes() int64 { return s.bytes }

// NoUpdate tells the device to go on with what it has.
func (s *Server) NoUpdate() error {
	o := record.Object{{Key: "r", Value: record.String("OK!")}}
	if s.nonce != "" {
		o = append(o, record.Member{Key: "n", Value: record.String(s.nonce)})
		s.nonce = ""
	}
	s.out = o.Append(s.out[:0])
	return s.send("OK!", nil)
}

// Do sends a command and waits for its answer. An answer other than OK is a
// *StatusError beside the Answer.
//
// In the stronger mode the first command is ActStrong, sent by Do itself: a
// replayed HI learns nothing but a nonce.
func (s *Server) Do(c Command) (Answer, error) {
	if s.nonce != "" {
		if _, err := s.do(Command{Action: ActStrong}); err != nil {
			return Answer{}, err
		}
	}
	return s.do(c)
}

func (s *Server) do(c Command) (Answer, error) {
	s.out = c.text(s.out[:0], s.nonce)
	s.nonce = ""
	if err := s.send(c.Action, c.Data); err != nil {
		return Answer{}, err
	}
	a, err := s.answer(c.Reads)
	if err != nil {
		return Answer{}, fmt.Errorf("waiting for the answer to %s: %w", c.Action, err)
	}
	if c.Action == ActList && a.Status == "" {
		// The original client adds its files to the answer: one named s
		// takes the place of the status [OTA 4].
		if _, size := a.Fields.Get("s").Int(); size {
			a.Status = "OK"
		}
	}
	if a.Status != "OK" {
		return a, &StatusError{Action: c.Action, Status: a.Status, Text: a.Fields.Text("err")}
	}
	return a, nil
}

// RestartSize is the size in bytes of the restart record that fields make.
func RestartSize(fields record.Object, strong bool) int {
	width := record.TagBytes
	if strong {
		width = record.SealBytes
	}
	return len(Command{Action: ActRestart, Fields: fields}.text(nil, "")) + 2*width + 1
}

// Restart sends the device its new configuration; it writes it and reboots
// without an answer.
func (s *Server) Restart(fields record.Object) error {
	if s.nonce != "" {
		if _, err := s.do(Command{Action: ActStrong}); err != nil {
			return err
		}
	}
	s.out = Command{Action: ActRestart, Fields: fields}.text(s.out[:0], "")
	return s.send(ActRestart, nil)
}

// send signs the text in s.out and writes the record, in one write.
func (s *Server) send(what string, data []byte) error {
	text := s.out
	if s.outs != nil {
		sum := s.outs.next(text, data)
		s.out = hex.AppendEncode(s.out, sum[:])
	} else {
		tag := s.keys.Tag(text)
		s.out = hex.AppendEncode(s.out, tag[:])
	}
	s.out = append(append(s.out, '\n'), data...)
	if len(s.out) > record.MaxRecord {
		return fmt.Errorf("sending %s: %w: %d bytes", what, ErrSize, len(s.out))
	}
	s.records++
	s.bytes += int64(len(s.out))
	if err := s.write(s.out, s.o.Answer); err != nil {
		return fmt.Errorf("sending %s: %w", what, err)
	}
	return nil
}

func (s *Server) answer(reads int) (Answer, error) {
	line, err := s.line(s.o.Answer)
	if err != nil {
		return Answer{}, err
	}
	used := len(line)
	width := record.TagBytes
	if s.in != nil {
		width = record.SealBytes
	}
	r, _, err := record.Parse(line, width)
	if err != nil {
		return Answer{}, err
	}
	data, err := s.data(used, reads)
	if err != nil {
		return Answer{}, err
	}
	text := s.buf[:used-2*width-1] // data may have moved the buffer
	var want []byte
	if s.in != nil {
		sum := s.in.next(text, data)
		want = sum[:]
	} else {
		tag := s.keys.Tag(text)
		want = tag[:]
	}
	if subtle.ConstantTimeCompare(want, r.Tag) != 1 {
		return Answer{}, ErrTag
	}
	o, err := record.ParseObject(text)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: o.Text("s"), Fields: o}
	if reads > 0 {
		a.Data = append([]byte(nil), data...)
	}
	s.drop(used + reads)
	return a, nil
}

// Linger waits until the device has closed the stream, at most d: a server that
// closes first looks like a broken session to it. What it says is dropped.
func (s *Server) Linger(d time.Duration) error {
	if err := s.stream.SetReadDeadline(s.now().Add(d)); err != nil {
		return err
	}
	scrap := make([]byte, 256)
	for total := 0; total < record.MaxLine; {
		n, err := s.stream.Read(scrap)
		total += n
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errLong
}
