package flash_test

import (
	"context"
	"testing"
	"time"

	"lander/lib/flash"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

// clientFiles are the four modules of the client, as the original has them.
func clientFiles() []flash.File {
	var out []flash.File
	for _, f := range flash.Client() {
		switch f.Name {
		case "luaOTA/check.lua", "luaOTA/_init.lua", "luaOTA/_doTick.lua", "luaOTA/_provision.lua":
			out = append(out, f)
		}
	}
	return out
}

// wireTime is how long the lines of data take at a rate, echoes and all else
// left out: nothing can be faster with this method.
func wireTime(files []flash.File, baud int) time.Duration {
	n := nodemcu.Wire([]byte(configText))
	for _, f := range files {
		n += nodemcu.Wire(f.Content)
	}
	return time.Duration(n) * 10 * time.Second / time.Duration(baud)
}

// idle lets a board start.
func idle(w *nodemcutest.Wire) { typed(w, "") }

// The four files and config.json, each hashed on the board before and after it
// got its name, take at most 1.35 times what the wire takes for them; a run
// that finds them there takes less than 0.2 s. The board's time is simulated: the
// numbers are the same on any machine.
func TestTimeOnTheWire(t *testing.T) {
	for _, baud := range []int{115200, 460800} {
		b := &nodemcutest.Board{ID: 7}
		w := power(t, b)
		idle(w)
		o := quiet(t, w)
		o.Files, o.NoInit = clientFiles(), true
		if baud != 115200 {
			o.Fast = []int{baud}
		}
		r, err := flash.Run(context.Background(), w, o)
		if err != nil {
			t.Fatal(err)
		}
		least := wireTime(o.Files, baud)
		took := time.Duration(r.ElapsedMS) * time.Millisecond
		t.Logf("%d baud: %d bytes in %v, the wire alone takes %v: %.2f times", baud, r.Sent, took, least.Round(time.Millisecond), took.Seconds()/least.Seconds())
		if r.Sent < 9000 || len(r.Files) != 5 {
			t.Errorf("%d files with %d bytes", len(r.Files), r.Sent)
		}
		if baud == 115200 && took > least*135/100 {
			t.Errorf("more than 1.35 times the least")
		}
		w = nodemcutest.NewWire(b)
		o.Now, o.Fast = w.Now, nil
		if r, err = flash.Run(context.Background(), w, o); err != nil || r.Sent != 0 {
			t.Fatalf("%d bytes, %v", r.Sent, err)
		}
		t.Logf("unchanged: %d ms", r.ElapsedMS)
		if r.ElapsedMS >= 200 {
			t.Errorf("unchanged, and took %d ms", r.ElapsedMS)
		}
	}
}
