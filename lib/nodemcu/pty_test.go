//go:build linux || darwin

package nodemcu_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"lander/lib/link"
	"lander/lib/luaota/luaotatest"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

// open opens a board's port as the command does.
func open(t *testing.T, b *nodemcutest.Board, s nodemcutest.Serving) (*nodemcu.Console, link.Conn, error) {
	t.Helper()
	port, err := nodemcutest.NewPty(b, s)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := link.Dial(context.Background(), link.Address{Scheme: link.Serial, Path: port.Path}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := errors.Join(port.Close(), b.Err()); err != nil {
			t.Error(err)
		}
	})
	c, err := nodemcu.Attach(context.Background(), conn, nodemcu.Options{})
	return c, conn, err
}

// The same over a real pty, in real time and at the speed of the wire.
func TestPty(t *testing.T) {
	for name, s := range map[string]nodemcutest.Serving{"as it comes": {}, "paced": {Paced: true}} {
		t.Run(name, func(t *testing.T) {
			b := &nodemcutest.Board{ID: 1122867, Flash: luaotatest.NewFlash(nil)}
			c, _, err := open(t, b, s)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			info, err := c.Probe(ctx)
			if err != nil || info.Chip != "1122867" {
				t.Fatalf("%+v, %v", info, err)
			}
			content := noise(1500)
			if _, err := c.Upload(ctx, "~of.1", content, nil); err != nil {
				t.Fatal(err)
			}
			d := info.Choose(digests)
			got, err := c.Replace(ctx, d, "~of.1", "data.bin")
			if err != nil || got != d.Of(content) {
				t.Errorf("%s, %v", got, err)
			}
			if b.Flash.Files()["data.bin"] != string(content) {
				t.Error("another content")
			}
		})
	}
}

// A cable that is pulled is a LostError, and a cancelled context its own cause.
func TestPtyEnds(t *testing.T) {
	t.Run("unplugged", func(t *testing.T) {
		b := &nodemcutest.Board{OnLine: func(n int) nodemcutest.Action {
			if n == 5 {
				return nodemcutest.Unplug
			}
			return nodemcutest.Go
		}}
		c, _, err := open(t, b, nodemcutest.Serving{})
		for err == nil {
			_, err = c.Probe(context.Background())
		}
		if le, ok := errors.AsType[*nodemcu.LostError](err); !ok || !errors.Is(le, link.ErrGone) {
			t.Errorf("%v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		c, _, err := open(t, &nodemcutest.Board{}, nodemcutest.Serving{})
		if err != nil {
			t.Fatal(err)
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(20*time.Millisecond, func() { cancel(enough) })
		if err := c.Pause(ctx, time.Hour); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
		// The console is of use still.
		if _, err := c.Probe(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
