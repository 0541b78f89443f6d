package devs_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// The text of a serial line is the console of the one board on it, also where
// a frame lies in the middle of a line; places are those of the program's map.
func TestSerialText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thrower := program(t, "thrower-dbg.json")
		near, far := net.Pipe()
		bus := jacdac.New(jacdac.NewSerial(near), jacdac.Options{})
		defer bus.Close()
		defer far.Close()
		// The other end: a board without log messages, and its text.
		line := &serialEnd{far: far, frames: make(chan []byte, 64)}
		line.p.Frame = func(b []byte) { line.frames <- append([]byte(nil), b...) }
		go io.Copy(&line.p, far)
		there := jacdac.New(line, jacdac.Options{})
		defer there.Close()
		flash := &ram{thrower.Image}
		board, err := devs.NewBoard(there, devs.BoardConfig{ID: boardID, Flash: flash, Quirks: devs.BoardQuirks{NoLogging: true}})
		if err != nil {
			t.Fatal(err)
		}
		defer board.Close()
		if _, err := devs.Select(t.Context(), bus, devs.Any, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		f := devs.Follow(t.Context(), bus, devs.FollowOptions{Maps: []*devs.DebugMap{thrower.Map}})
		defer f.Close(t.Context())
		<-f.Attached()
		far.Write([]byte("> hel"))
		time.Sleep(2 * time.Second) // announcements come between
		far.Write([]byte("lo\n* Exception: TypeError\n*  at inner_F3 (pc:12)\n"))
		all := gather(t, f, func(r devs.Record) bool { return r.Place != nil })
		if len(all) != 3 || all[0].Message != "hello" || all[0].Level != "log" || all[0].Source != devs.SourceSerial || all[0].Device != boardID ||
			all[2].Place.String() != "src/thrower.ts:4" {
			t.Errorf("%+v", all)
		}
	})
}

type ram struct{ image []byte }

func (r *ram) Load() ([]byte, error) { return r.image, nil }
func (r *ram) Save(b []byte) error   { r.image = b; return nil }

// serialEnd is the board's side of a serial line.
type serialEnd struct {
	far    net.Conn
	p      packet.Serial
	frames chan []byte
}

func (s *serialEnd) ReadFrame() ([]byte, error) {
	b, ok := <-s.frames
	if !ok {
		return nil, io.EOF
	}
	return b, nil
}

func (s *serialEnd) WriteFrame(b []byte) error {
	_, err := s.far.Write(packet.AppendSerial(nil, b))
	return err
}

func (s *serialEnd) Flush() error { return nil }

func (s *serialEnd) Close() error {
	close(s.frames)
	return s.far.Close()
}
