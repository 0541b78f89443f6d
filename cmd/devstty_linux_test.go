package cmd_test

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// devsLine is a DeviceScript board behind a pty, as behind USB: frames, and
// its console's text between them.
type devsLine struct {
	near  *os.File // the board's end
	slave *os.File // kept open, so that a host may come and go
	mu    sync.Mutex
	bus   *jacdac.Bus
	board *devs.Board
}

func (l *devsLine) Read(b []byte) (int, error) { return l.near.Read(b) }

// Write drops what no host takes, as a USB port does.
func (l *devsLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.near.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return 0, err
	}
	if _, err := l.near.Write(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	return len(b), nil
}

func (l *devsLine) Close() error { return nil }

// ttys are the plugged boards of all scripts, by the paths of their ports.
var ttys sync.Map

// devsTTY LINK plugs a board in, whose port LINK then names; ! devsTTY LINK
// pulls it out. Its program is kept, and prints "tick N" on the console.
func devsTTY(ts *testscript.TestScript, neg bool, args []string) {
	link := ts.MkAbs(args[0])
	if old, ok := ttys.LoadAndDelete(link); ok {
		old.(*devsLine).unplug()
		ts.Check(os.Remove(link))
	}
	if neg {
		return
	}
	near, slave, err := pty.Open()
	ts.Check(err)
	l := &devsLine{near: near, slave: slave}
	l.bus = jacdac.New(jacdac.NewSerial(l), jacdac.Options{})
	ticker := devs.Ticker{Every: 20 * time.Millisecond}
	l.board, err = devs.NewBoard(l.bus, devs.BoardConfig{
		ID: packet.DeviceID{0x12, 0x34}, Flash: fileFlash(link + ".flash"), Behaviour: ticker.Run,
		Quirks: devs.BoardQuirks{NoLogging: true}, Text: func(b []byte) { l.Write(b) },
	})
	ts.Check(err)
	ts.Check(os.Symlink(slave.Name(), link))
	ttys.Store(link, l)
	ts.Defer(func() {
		if _, ok := ttys.LoadAndDelete(link); ok {
			l.unplug()
		}
	})
}

func (l *devsLine) unplug() {
	l.board.Close()
	l.near.Close()
	l.slave.Close()
	l.bus.Close()
}

type fileFlash string

func (f fileFlash) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if os.IsNotExist(err) {
		return nil, nil
	}
	return b, err
}

func (f fileFlash) Save(b []byte) error { return os.WriteFile(string(f), b, 0o600) }
