package rom_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"lander/lib/nodemcu/nodemcutest"
	"lander/lib/nodemcu/rom"
)

func image(n int) []byte {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// connect makes a loader and its port.
func connect(t *testing.T, r *nodemcutest.ROM) (*rom.Loader, *nodemcutest.Lined, error) {
	t.Helper()
	port, wait := r.Pipe()
	t.Cleanup(func() {
		port.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
	l, err := rom.Connect(context.Background(), port, rom.Options{})
	return l, port, err
}

func TestWrite(t *testing.T) {
	for name, c := range map[string]struct {
		esp32  bool
		offset uint32
		size   int
	}{
		"esp8266, a block":            {false, 0x10000, 0x10000},
		"esp8266, one byte":           {false, 0x3000, 1},
		"esp8266, before a block":     {false, 0xE000, 0x5001},
		"esp8266, within a block":     {false, 0x11000, 0x3000},
		"esp8266, up to a block":      {false, 0x1A000, 0x6000},
		"esp8266, from an odd sector": {false, 0x7000, 100_000},
		"esp32":                       {true, 0x8000, 70_001},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits, most of the time
			r := nodemcutest.NewROM(c.esp32, 1<<20)
			copy(r.Flash, bytes.Repeat([]byte{0x5A}, len(r.Flash)))
			l, port, err := connect(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if l.Chip().HasMD5() != c.esp32 || !port.Loader() {
				t.Errorf("chip %+v, loader %v", l.Chip(), port.Loader())
			}
			content := image(c.size)
			last := 0
			if err := l.Write(context.Background(), c.offset, content, func(done int) { last = done }); err != nil {
				t.Fatal(err)
			}
			if last != len(content) {
				t.Errorf("showed %d of %d", last, len(content))
			}
			if c.esp32 {
				got, err := l.MD5(context.Background(), c.offset, uint32(c.size))
				if want := md5.Sum(content); err != nil || !bytes.Equal(got, want[:]) {
					t.Errorf("MD5 %x, %v, want %x", got, err, want)
				}
			}
			if err := errors.Join(l.Flush(context.Background()), l.Reset(context.Background())); err != nil {
				t.Error(err)
			}
			if port.Loader() {
				t.Error("the board is in its loader still")
			}
			if !bytes.Equal(r.Flash[c.offset:int(c.offset)+c.size], content) {
				t.Error("another content")
			}
			// What is before and behind is what it was: the erased part ends
			// with a sector, on an ESP8266 one later at most.
			if i := bytes.IndexByte(r.Flash[:c.offset], 0xFF); i >= 0 {
				t.Errorf("erased at %#x, before the image", i)
			}
			end := (int(c.offset) + c.size + rom.Sector - 1) / rom.Sector * rom.Sector
			if !c.esp32 {
				end += rom.Sector
			}
			if i := bytes.IndexByte(r.Flash[end:], 0xFF); i >= 0 {
				t.Errorf("erased at %#x, behind the image", end+i)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	ctx := context.Background()
	t.Run("packets again", func(t *testing.T) {
		t.Parallel()
		r := nodemcutest.NewROM(false, 1<<20)
		r.Fail = map[int]byte{5: 7}
		r.Mute = map[int]bool{6: true}
		l, _, err := connect(t, r)
		if err != nil {
			t.Fatal(err)
		}
		content := image(8 * rom.Packet)
		if err := l.Write(ctx, 0, content, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.Flash[:len(content)], content) {
			t.Error("another content")
		}
	})
	t.Run("a late answer is not the next one's", func(t *testing.T) {
		r := nodemcutest.NewROM(false, 1<<20)
		b := &nodemcutest.Board{}
		defer b.Off()
		port := nodemcutest.NewChip(b, r)
		l, err := rom.Connect(ctx, port, rom.Options{Now: port.Now})
		if err != nil {
			t.Fatal(err)
		}
		at := r.Requests()
		r.Late = map[int]bool{at + 3: true}
		r.Fail = map[int]byte{at + 8: 7}
		content := image(8 * rom.Packet)
		if err := l.Write(ctx, 0, content, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.Flash[:len(content)], content) {
			t.Error("another content")
		}
	})
	t.Run("commands that change nothing again", func(t *testing.T) {
		t.Parallel()
		r := nodemcutest.NewROM(true, 1<<20)
		r.Mute = map[int]bool{2: true, 4: true, 6: true}
		l, _, err := connect(t, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(ctx, 0, image(rom.Packet), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		r := nodemcutest.NewROM(true, 1<<20)
		l, _, err := connect(t, r)
		if err != nil {
			t.Fatal(err)
		}
		err = l.Write(ctx, 0xFF000, image(2*rom.Sector), nil)
		if se, ok := errors.AsType[*rom.StatusError](err); !ok || se.Op != rom.OpFlashBegin {
			t.Errorf("%v", err)
		}
		if err := l.Write(ctx, 100, image(10), nil); err == nil {
			t.Error("wrote in the midst of a sector")
		}
	})
	t.Run("another chip", func(t *testing.T) {
		t.Parallel()
		r := nodemcutest.NewROM(true, 1<<20)
		r.Magic = 0x1B31506F
		_, _, err := connect(t, r)
		if ce, ok := errors.AsType[*rom.ChipError](err); !ok || ce.Magic != r.Magic || ce.Hint() == "" {
			t.Errorf("%v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		r := nodemcutest.NewROM(false, 1<<20)
		port, wait := r.Pipe()
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		if _, err := rom.Connect(ctx, port, rom.Options{}); !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
		port.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrames(t *testing.T) {
	for _, c := range []struct{ name, payload, frame string }{
		{"plain", "0102", "c00102c0"},
		{"an end within", "01c002", "c001dbdc02c0"},
		{"an escape within", "db", "c0dbddc0"},
		{"read register", "000a04000000000000100040", "c0000a04000000000000100040c0"},
	} {
		if got := rom.AppendFrame(nil, unhex(t, c.payload)); hex.EncodeToString(got) != c.frame {
			t.Errorf("%s: %x", c.name, got)
		}
		got, rest, ok, err := rom.CutFrame(append([]byte("boot text"), append(unhex(t, c.frame), 1, 2)...))
		if err != nil || !ok || hex.EncodeToString(got) != c.payload || len(rest) != 2 {
			t.Errorf("%s: %x, %x, %v, %v", c.name, got, rest, ok, err)
		}
	}
	for _, bad := range []string{"c0db01c0", "c001dbc0"} {
		if got, _, ok, err := rom.CutFrame(unhex(t, bad)); ok || !errors.Is(err, rom.ErrFrame) || got != nil {
			t.Errorf("%s: %x, %v, %v", bad, got, ok, err)
		}
	}
	if _, rest, ok, err := rom.CutFrame(unhex(t, "0000c001")); ok || err != nil || hex.EncodeToString(rest) != "c001" {
		t.Errorf("%x, %v, %v", rest, ok, err)
	}
	if s := rom.Sum([]byte{1, 2, 4}); s != 0xEF^7 {
		t.Errorf("sum %02x", s)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("\xc0\x01\xdb\xdc\xc0\xc0"))
	f.Add([]byte("text\xc0\xc0\x00\x08\x00\x00\x00\x00\x00\x00\xc0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, rest, ok, err := rom.CutFrame(b)
		if len(rest) > len(b) || err != nil && (ok || payload != nil) {
			t.Fatalf("%x, %x, %v, %v", payload, rest, ok, err)
		}
		if !ok {
			return
		}
		again, _, ok, err := rom.CutFrame(rom.AppendFrame(nil, payload))
		if !ok || err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x became %x, %v, %v", payload, again, ok, err)
		}
		if q, err := rom.ParseRequest(payload); err == nil && !bytes.Equal(rom.AppendRequest(nil, q), payload) {
			t.Fatalf("request %x became %x", payload, rom.AppendRequest(nil, q))
		}
		if a, err := rom.ParseResponse(payload); err == nil && !bytes.Equal(rom.AppendResponse(nil, a), payload) {
			t.Fatalf("response %x became %x", payload, rom.AppendResponse(nil, a))
		}
	})
}
