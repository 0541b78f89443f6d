package nodemcu_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"lander/lib/luaota/luaotatest"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

var digests = []nodemcu.Digest{
	{Alg: "sha256", Sum: func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	{Alg: "sha1", Sum: func(b []byte) []byte { s := sha1.Sum(b); return s[:] }},
	{Alg: "md5", Sum: func(b []byte) []byte { s := md5.Sum(b); return s[:] }},
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// attach powers a board and gets its prompt.
func attach(t testing.TB, b *nodemcutest.Board) (*nodemcu.Console, *nodemcutest.Wire) {
	t.Helper()
	w := nodemcutest.NewWire(b)
	t.Cleanup(func() {
		b.Off()
		if err := b.Err(); err != nil {
			t.Errorf("the simulation: %v", err)
		}
	})
	c, err := nodemcu.Attach(context.Background(), w, nodemcu.Options{Now: w.Now, Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestProbeAndUpload(t *testing.T) {
	for name, options := range map[string]string{
		"3.x": "", "2.x": "v2 info8 static", "no file objects": "oldfile v2 info8", "esp32": "esp32", "without crypto": "no-crypto", "without sha-2": "nohex",
	} {
		t.Run(name, func(t *testing.T) {
			b := &nodemcutest.Board{ID: 1122867, Options: options, Flash: luaotatest.NewFlash(map[string]string{"stray": "x", "~of.9": "old"})}
			c, _ := attach(t, b)
			ctx := context.Background()
			info, err := c.Probe(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", info)
			if info.Chip != "1122867" && name != "esp32" {
				t.Errorf("chip %q", info.Chip)
			}
			all := noise(3000)
			for i := range 256 {
				all = append(all, byte(i))
			}
			all = append(all, "\r\nNodeMCU 3.0\r\n> ~L\n~F\n~W1\n"...)
			retries, err := c.Upload(ctx, "luaOTA/all.bin", all, nil)
			if err != nil || retries != 0 {
				t.Fatalf("%d retries, %v", retries, err)
			}
			if got := b.Flash.Files()["luaOTA/all.bin"]; got != string(all) {
				t.Errorf("stored %d bytes of %d, and others", len(got), len(all))
			}
			d := info.Choose(digests)
			got, err := c.Hash(ctx, d, "luaOTA/all.bin", "nope", "stray")
			if err != nil || got["luaOTA/all.bin"] != d.Of(all) || got["stray"] != d.Of([]byte("x")) || len(got) != 2 {
				t.Errorf("%s: %v, %v, want %s", d.Alg, got, err, d.Of(all))
			}
			if got, err := c.Replace(ctx, d, "luaOTA/all.bin", "stray", "~of.9"); err != nil || got != d.Of(all) {
				t.Errorf("%s, %v", got, err)
			}
			files, err := c.Files(ctx, "")
			if err != nil || len(files) != 1 || files[0] != "stray" {
				t.Errorf("%v, %v", files, err)
			}
			back, ok, err := c.Read(ctx, "stray", 1024)
			if err != nil || !ok || string(back) != string(all[:1024]) {
				t.Errorf("read back %d bytes, %v, %v", len(back), ok, err)
			}
			if _, ok, err := c.Read(ctx, "nope", 10); ok || err != nil {
				t.Errorf("read what is not there: %v, %v", ok, err)
			}
			if b.Lost > 0 || b.Overlong > 0 {
				t.Errorf("%d bytes lost, %d lines too long", b.Lost, b.Overlong)
			}
		})
	}
}
