package provision_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
)

// cutConn ends a stream for good after so many bytes came or went; below 0:
// never.
type cutConn struct {
	net.Conn
	in, out int
	seen    *bytes.Buffer // what came
	sent    *bytes.Buffer // what went
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.in >= 0 && len(b) > c.in {
		b = b[:c.in]
	}
	if c.in == 0 {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(b)
	if c.in >= 0 {
		c.in -= n
	}
	if c.seen != nil {
		c.seen.Write(b[:n])
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.sent != nil {
		c.sent.Write(b)
	}
	if c.out < 0 {
		return c.Conn.Write(b)
	}
	part := b[:min(len(b), c.out)]
	c.out -= len(part)
	if n, err := c.Conn.Write(part); err != nil || len(part) == len(b) {
		return n, err
	}
	c.Close()
	return len(part), io.ErrClosedPipe
}

// cutTree is small, so that every byte can be cut, and has all kinds of change.
func cutTree(v string) map[string]string {
	return map[string]string{
		"default.json": `{` + secretLine + `,"release":"` + v + `","files":["main.lua","part.lua","a.txt","gone` + v + `.txt"]}`,
		"main.lua":     app(v), "part.lua": "return '" + v + "'\n", "a.txt": strings.Repeat(v, 40), "gone" + v + ".txt": v,
	}
}

// state says which release's files are on a flash: "1", "2" or "mixed".
func state(files map[string]string, compiled func(string) string) string {
	is := func(v string) bool {
		return files["main.lc"] == compiled(app(v)) && files["part.lc"] == compiled("return '"+v+"'\n") &&
			files["a.txt"] == strings.Repeat(v, 40) && files["gone"+v+".txt"] == v
	}
	_, gone1 := files["gone1.txt"]
	switch {
	case is("1"):
		return "1"
	case is("2") && !gone1:
		return "2"
	}
	return "mixed"
}

func simCompiled(src string) string { return lc + src }

// moves finds where in the server's bytes the first and the last rename ends.
func moves(seen []byte) (first, last int) {
	at := 0
	for rest := seen; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return first, last
		}
		at += i + 1
		if bytes.HasPrefix(rest, []byte(`{"a":"mv"`)) {
			if first == 0 {
				first = at
			}
			last = at
		}
		rest = rest[i+1:]
	}
}

// The stream of an update is cut at every byte, in either direction. With the
// original client the flash is mixed only between the first and the last rename;
// whatever happened, the next boots bring the new release.
func TestCutAtEveryByteOriginal(t *testing.T) {
	r := newRig(t, cutTree("1"), nil)
	const probe = 1
	first := board("s3cret")
	r.settle(probe, first)
	r.retree(cutTree("2"), nil)
	seen, sent := &bytes.Buffer{}, &bytes.Buffer{}
	d, err := luaotatest.Boot(probe, first)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := d.Run(&cutConn{r.dial(), -1, -1, seen, sent}); err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	firstMove, lastMove := moves(seen.Bytes())
	hello := bytes.IndexByte(sent.Bytes(), '\n') + 1
	if firstMove == 0 || lastMove <= firstMove || seen.Len() < 400 {
		t.Fatalf("%d bytes, renames from %d to %d", seen.Len(), firstMove, lastMove)
	}
	total := seen.Len() + sent.Len()
	stride := 7
	if os.Getenv("LANDER_LONG") == "1" {
		stride = 1
	}
	boards := make([]*luaotatest.Flash, total)
	r.retree(cutTree("1"), nil)
	for n := 0; n < total; n += stride {
		boards[n] = board("s3cret")
		r.settle(int64(100+n), boards[n])
	}
	r.retree(cutTree("2"), nil)
	mixed := 0
	for n := 0; n < total; n += stride {
		id, flash := int64(100+n), boards[n]
		in, out := n, -1
		if n >= seen.Len() {
			in, out = -1, n-seen.Len()
		}
		d, err := luaotatest.Boot(id, flash)
		if err != nil {
			t.Fatal(err)
		}
		d.Run(&cutConn{r.dial(), in, out, nil, nil}) // that it fails is the point
		switch state(flash.Files(), simCompiled) {
		case "mixed":
			mixed++
			if in >= 0 && (in < firstMove || in >= lastMove) {
				t.Errorf("cut after %d bytes: mixed outside of the renames, %d to %d", in, firstMove, lastMove)
			}
			if out >= 0 && out < hello {
				t.Errorf("cut after %d bytes of the HI: mixed", out)
			}
		}
		r.settle(id, flash)
		if s := state(flash.Files(), simCompiled); s != "2" {
			t.Fatalf("cut at %d/%d: afterwards the flash is %s: %q", in, out, s, flash.Files())
		}
	}
	t.Logf("%d bytes, %d cuts mixed, renames at %d to %d of %d bytes", total, mixed, firstMove, lastMove, seen.Len())
}

// Where renames were cut off, a client that can tell what a file holds is asked,
// and what it holds counts: only the rest is sent once more.
func TestStrongAfterACut(t *testing.T) {
	r := newRig(t, cutTree("1"), nil)
	probe := board("s3cret")
	r.settle(1, probe)
	const cuts = 7
	var boards []*luaotatest.Flash
	for n := range cuts {
		boards = append(boards, board("s3cret"))
		r.settle(int64(2+n), boards[n])
	}
	r.retree(cutTree("2"), nil)
	seen := &bytes.Buffer{}
	d, err := luaotatest.Boot(1, probe)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := d.Run(&cutConn{r.dial(), -1, -1, seen, nil}); err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	first, last := moves(seen.Bytes())
	mixed := 0
	for n, flash := range boards {
		id := int64(2 + n)
		d, err := luaotatest.Boot(id, flash)
		if err != nil {
			t.Fatal(err)
		}
		before := r.over(id)
		d.Run(&cutConn{r.dial(), first + (last-first)*n/cuts, -1, nil, nil}) // that it fails is the point
		for end := time.Now().Add(30 * time.Second); r.over(id) == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("board %d: its session goes on", id)
			}
		}
		if state(flash.Files(), simCompiled) == "mixed" {
			mixed++
		}
		for range 3 {
			e, err := r.boot(id, flash, func(d *luaota.Device) { d.Nonce = strings.Repeat("ab", 16) })
			if err != nil {
				t.Fatal(err)
			}
			// What the client does with the list when it boots.
			for line := range strings.Lines(flash.Files()["luaOTA/todo"]) {
				switch w := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); w[0] {
				case "mv":
					flash.Put(w[2], flash.Files()[w[1]])
					flash.Remove(w[1])
				case "rm":
					flash.Remove(w[1])
				case "end":
					flash.Remove("luaOTA/todo")
				}
			}
			if !e.Reboot {
				break
			}
		}
		if s := state(flash.Files(), simCompiled); s != "2" {
			t.Errorf("cut %d: afterwards the flash is %s: %q", n, s, flash.Files())
		}
	}
	if mixed < 3 {
		t.Errorf("%d cuts left a mixture", mixed)
	}
}

// The same with our client, run by real Lua: after a cut it boots the old or the
// new release, never a mixture. So does a power cut before any change of the
// flash.
func TestCutOurClient(t *testing.T) {
	luaotatest.NeedLua(t, "lua5.1", interop())
	stride := 61
	if os.Getenv("LANDER_LONG") == "1" {
		stride = 1
	}
	r := newRig(t, cutTree("1"), nil)
	at1, golden := ourBoard(t, r, 1)
	r.retree(cutTree("2"), nil)
	compiled := map[string]string{}
	for _, v := range []string{"1", "2"} {
		compiled[app(v)], compiled["return '"+v+"'\n"] = "", ""
	}
	// What the release looks like on this board's compiler.
	probe := luaotatest.NewFlash(at1)
	r.copyDevice(1, 2)
	seen, sent := &bytes.Buffer{}, &bytes.Buffer{}
	b := newBoard(r, 2, probe)
	b.Dial = func(string, string) (net.Conn, error) { return &cutConn{r.dial(), -1, -1, seen, sent}, nil }
	probe.CutAfter(0)
	if e, err := b.Boot(t.Context()); err != nil || e.How != "reboot" {
		t.Fatalf("%+v, %v", e, err)
	}
	inBytes, outBytes := seen.Len(), sent.Len()
	changes := probe.Changes()
	bootAll(t, b)
	new := probe.Files()
	compiled[app("1")], compiled["return '1'\n"] = golden["main.lc"], golden["part.lc"]
	compiled[app("2")], compiled["return '2'\n"] = new["main.lc"], new["part.lc"]
	look := func(src string) string { return compiled[src] }

	cuts := 0
	try := func(what string, n int, prepare func(*luaotatest.Board, *luaotatest.Flash)) {
		t.Helper()
		cuts++
		id := int64(1000 + cuts)
		flash := luaotatest.NewFlash(at1)
		r.copyDevice(1, id)
		b := newBoard(r, id, flash)
		prepare(b, flash)
		e, err := b.Boot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		flash.CutAfter(0)
		if e.How == "idle" && len(e.Printed) == 1 && !strings.HasPrefix(e.Printed[0], "app 1 1 ") && !strings.HasPrefix(e.Printed[0], "app 2 2 ") {
			t.Errorf("%s at %d: the application says %q", what, n, e.Printed)
		}
		if e.How == "panic" {
			t.Errorf("%s at %d: panic: %s", what, n, e.Text)
		}
		// With nobody to ask, it boots one or the other.
		alone := luaotatest.NewFlash(flash.Files())
		lone := newBoard(r, id, alone)
		lone.Dial = func(string, string) (net.Conn, error) { return nil, io.EOF }
		if _, e := bootAll(t, lone); len(e.Printed) != 1 || !strings.HasPrefix(e.Printed[0], "app 1 1 ") && !strings.HasPrefix(e.Printed[0], "app 2 2 ") {
			t.Errorf("%s at %d: the next boot says %q", what, n, e.Printed)
		}
		if s := state(alone.Files(), look); s == "mixed" {
			t.Errorf("%s at %d: the flash is mixed", what, n)
		}
		b.Dial = newBoard(r, id, flash).Dial
		if _, e := bootAll(t, b); e.Printed[0] != "app 2 2 "+luaota.MessageOK {
			t.Errorf("%s at %d: in the end the application says %q", what, n, e.Printed)
		}
	}
	for n := 0; n < inBytes; n += stride {
		try("bytes in", n, func(b *luaotatest.Board, _ *luaotatest.Flash) {
			b.Dial = func(string, string) (net.Conn, error) { return &cutConn{r.dial(), n, -1, nil, nil}, nil }
		})
	}
	for n := 0; n < outBytes; n += stride {
		try("bytes out", n, func(b *luaotatest.Board, _ *luaotatest.Flash) {
			b.Dial = func(string, string) (net.Conn, error) { return &cutConn{r.dial(), -1, n, nil, nil}, nil }
		})
	}
	for n := 1; n <= changes; n += 1 + stride/20 {
		try("flash changes", n, func(_ *luaotatest.Board, f *luaotatest.Flash) { f.CutAfter(n) })
	}
	t.Logf("%d cuts: %d bytes in, %d out, %d changes of the flash", cuts, inBytes, outBytes, changes)
}

// ourBoard is a board with our client that has the tree's release; its flash is
// returned twice.
func ourBoard(t testing.TB, r *rig, id int64) (files, again map[string]string) {
	t.Helper()
	flash := board("s3cret")
	luaotatest.Install(flash)
	bootAll(t, newBoard(r, id, flash))
	return flash.Files(), flash.Files()
}
