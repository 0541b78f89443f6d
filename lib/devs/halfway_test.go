package devs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/jacdactest"
	"lander/lib/jacdac/packet"
)

// A device that knows the document alone may be silent about a register that
// is not in it.
func TestSilentAboutWhatItLacks(t *testing.T) {
	bubble(t, "deploy", func(t *testing.T) {
		m, _ := bench(t, devs.BoardConfig{Quirks: devs.BoardQuirks{NoExtensions: true, NoLogging: true, Silent: true}}, 0)
		r, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")})
		if err != nil || !r.Changed || !r.Running {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// cutter is a link that is lost at the first frame that holds a packet.
type cutter struct {
	jacdac.Transport
	packet []byte
	cut    atomic.Bool
}

func (c *cutter) WriteFrame(b []byte) error {
	if bytes.Contains(b[packet.FrameHeader:], c.packet) {
		c.cut.Store(true)
		c.Transport.Close()
		return io.ErrClosedPipe
	}
	return c.Transport.WriteFrame(b)
}

// Once something has been changed, a link that is lost leaves the device in a
// state that nobody knows.
func TestLinkLostHalfWay(t *testing.T) {
	for name, at := range map[string][]byte{
		"while it is stopped":             {1, 1, 0x80, 0x20, 0},
		"while it is started":             {1, 1, 0x80, 0x20, 1},
		"while autostart is given back":   {1, 1, 0x81, 0x20, 1},
		"while it is asked if it is well": {0, 1, 0x03, 0x11},
	} {
		bubble(t, name, func(t *testing.T) {
			add := jacdactest.Bus(t)
			board, err := devs.NewBoard(add(nil), devs.BoardConfig{ID: boardID})
			if err != nil {
				t.Fatal(err)
			}
			defer board.Close()
			host := add(func(tr jacdac.Transport) jacdac.Transport { return &cutter{Transport: tr, packet: at} })
			m, err := devs.Select(t.Context(), host, boardID.String(), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			_, err = deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")})
			if _, ok := errors.AsType[*devs.HalfwayError](err); !ok || !errors.Is(err, jacdac.ErrLost) {
				t.Errorf("%v", err)
			}
		})
	}
}

// So does the end of the time that the whole operation has; who set it is told.
func TestTimeHalfWay(t *testing.T) {
	bubble(t, "a deadline", func(t *testing.T) {
		m, board := bench(t, devs.BoardConfig{}, 0)
		d := devs.Deploy{Program: program(t, "hello.devs"), Watch: time.Minute}
		p, err := m.Plan(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, why)
		defer cancel()
		_, err = m.Deploy(ctx, d, p)
		if _, ok := errors.AsType[*devs.HalfwayError](err); !ok || !errors.Is(err, why) {
			t.Errorf("while it is watched: %v", err)
		}
		board.Close()
		ctx, cancel = context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, err := m.Plan(ctx, d); !errors.Is(err, why) {
			t.Errorf("before anything is changed: %v", err)
		}
	})
}

// deaf is a link on which the frames that hold a packet never arrive.
type deaf struct {
	jacdac.Transport
	packet []byte
}

func (d *deaf) WriteFrame(b []byte) error {
	if bytes.Contains(b[packet.FrameHeader:], d.packet) {
		return nil
	}
	return d.Transport.WriteFrame(b)
}

// Who is interrupted leaves no device that a panic would end for good.
func TestInterruptedGivesAutostartBack(t *testing.T) {
	for name, tt := range map[string]struct {
		lost    []byte
		running bool
	}{
		"while it is stopped": {[]byte{1, 1, 0x80, 0x20, 0}, true},
		"while it is started": {[]byte{1, 1, 0x80, 0x20, 1}, false}, // its timer starts it
	} {
		bubble(t, name, func(t *testing.T) {
			add := jacdactest.Bus(t)
			board, err := devs.NewBoard(add(nil), devs.BoardConfig{ID: boardID})
			if err != nil {
				t.Fatal(err)
			}
			defer board.Close()
			host := add(func(tr jacdac.Transport) jacdac.Transport { return &deaf{tr, tt.lost} })
			m, err := devs.Select(t.Context(), host, boardID.String(), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := deploy(ctx, m, devs.Deploy{Program: program(t, "hello.devs")}); err == nil {
				t.Fatal("done, without the frame")
			}
			s, err := m.State(t.Context())
			if err != nil || !s.Autostart || s.Running != tt.running {
				t.Errorf("%+v, %v", s, err)
			}
			time.Sleep(10 * time.Second)
			if s, err := m.State(t.Context()); err != nil || !s.Running {
				t.Errorf("later: %+v, %v", s, err)
			}
		})
	}
}

// A device that goes down with its program is no success, whether it comes
// back or not, and however long that takes.
func TestWatchSeesTheDeviceGoDown(t *testing.T) {
	watched := func(t *testing.T, off time.Duration) error {
		add := jacdactest.Bus(t)
		down := make(chan struct{})
		cfg := devs.BoardConfig{ID: boardID, Behaviour: func(ctx context.Context, p *devs.Process) { close(down) }}
		board, err := devs.NewBoard(add(nil), cfg)
		if err != nil {
			t.Fatal(err)
		}
		m, err := devs.Select(t.Context(), add(nil), boardID.String(), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // its restart counter is well above one
		next := add(nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			<-down
			time.Sleep(time.Second)
			board.Close()
			time.Sleep(off)
			again, err := devs.NewBoard(next, devs.BoardConfig{ID: boardID})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { again.Close() })
		}()
		_, err = deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs"), Watch: 10 * time.Second})
		<-done
		return err
	}
	bubble(t, "it comes back at once", func(t *testing.T) {
		if err := watched(t, time.Second); !isPanic(err) {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "it was taken for gone", func(t *testing.T) {
		if err := watched(t, 5*time.Second); !isPanic(err) {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "it stays away", func(t *testing.T) {
		err := watched(t, time.Hour)
		if _, ok := errors.AsType[*devs.HalfwayError](err); !ok || !errors.Is(err, jacdac.ErrNoAnswer) || !strings.Contains(err.Error(), boardID.String()) {
			t.Errorf("%v", err)
		}
	})
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*devs.PanicError](err)
	return ok
}

// slowBoard is silent for five seconds when it is reset.
type slowBoard struct {
	class  uint32
	node   *jacdac.Node
	resets atomic.Int32
}

func (b *slowBoard) Class() uint32 { return b.class }

func (b *slowBoard) Command(r *jacdac.Request) bool {
	if r.Command != devs.CmdControlReset || b.class != jacdac.ClassControl {
		return false
	}
	b.resets.Add(1)
	b.node.Mute(true)
	time.AfterFunc(5*time.Second, func() {
		b.node.Restart()
		b.node.Mute(false)
		b.node.Announce()
	})
	return true
}

// A board with a network to join is silent for longer than it takes to be
// taken for gone.
func TestResetOfASlowBoard(t *testing.T) {
	bubble(t, "five seconds", func(t *testing.T) {
		add := jacdactest.Bus(t)
		control := &slowBoard{class: jacdac.ClassControl}
		control.node = add(nil).Attach(boardID, control, &slowBoard{class: devs.ClassManager})
		m, err := devs.Select(t.Context(), add(nil), boardID.String(), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := m.Reset(t.Context()); err != nil || control.resets.Load() != 1 {
			t.Errorf("%d resets, %v", control.resets.Load(), err)
		}
	})
}
