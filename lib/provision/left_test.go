package provision_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/link"
	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/provision"
)

// What waits on the flash for a release that never came to be goes with the next.
func TestBrokenOffReleaseLeavesNothing(t *testing.T) {
	r, flash, first := brokenOff(t)
	if _, there := flash.Files()["~b.dat"]; !there {
		t.Fatal("b.dat does not wait")
	}
	r.retree(map[string]string{"default.json": `{` + secretLine + `,"files":["c.dat"]}`}, nil)
	r.settle(7, flash)
	same(t, flash, map[string]string{"c.dat": first["c.dat"]})
}

// The original client's listing has the files in the place of anything else.
func TestListings(t *testing.T) {
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["s","a.txt"]}`, "s": "a file", "a.txt": "x"}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	own := strings.Repeat("y", 20)
	for i := range 400 {
		flash.Put(fmt.Sprintf("%s%03d", own, i), "1")
	}
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	r.retree(map[string]string{"s": "a new file"}, nil)
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	if got := flash.Files()["s"]; got != "a new file" {
		t.Errorf("s is %q", got)
	}
}

// A board escapes quotes but no backslashes.
func TestPasswordsOfBoards(t *testing.T) {
	for _, c := range []struct {
		password string
		boots    int
	}{
		{`w1"fi`, 1}, {`"`, 1}, {`""quoted""`, 1}, {`tab	tab`, 1}, {`w1\fi`, 0}, {`"\`, 0},
	} {
		t.Run(c.password, func(t *testing.T) {
			r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x"}, nil)
			flash := luaotatest.NewFlash(map[string]string{
				luaota.ConfigName: `{"ssid":"lab","spwd":` + strconv.Quote(c.password) + `,"server":"127.0.0.1","port":8266,"secret":"s3cret"}`,
			})
			if n := r.settle(7, flash); n != c.boots {
				t.Errorf("%d boots, want %d", n, c.boots)
			}
			if d := r.device(7); (d.Result == provision.ResultHeld) != (c.boots == 0) {
				t.Errorf("%s: %s", d.Result, d.Reason)
			}
		})
	}
}

// The session's own files are in nobody's way.
func TestFileNamedX(t *testing.T) {
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["x","y.txt"]}`, "x": "the file x", "y.txt": "y"}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	strong := func(d *luaota.Device) { d.Nonce = strings.Repeat("ab", 16) }
	if e, err := r.boot(7, flash, strong); err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	if got := flash.Files()["luaOTA/todo"]; !strings.Contains(got, "\tx\n") {
		t.Errorf("the list is %q", got)
	}
	for _, line := range strings.Split(flash.Files()["luaOTA/todo"], "\n") {
		if w := strings.Split(line, "\t"); w[0] == "mv" && w[2] == "x" && flash.Files()[w[1]] != "the file x" {
			t.Errorf("%s holds %q", w[1], flash.Files()[w[1]])
		}
	}
}

// A file whose name is too long to wait under it waits under one of its own,
// which is nobody else's and which the original client takes.
func TestLongNamesWait(t *testing.T) {
	files := map[string]string{
		"1.dat": "one", "0.lua": "return 0", "abcdefghijklmnopqrstuvwxyz1.dat": "long", "ABCDEFGHIJKLMNOPQRSTUVWXYZ1.dat": "LONG",
		".abcdefghijklmnopqrstuvwxyz1234": "an ending alone", "-module-of-thirty-one-bytes.lua": "return 1",
	}
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["0.lua",` +
		`"abcdefghijklmnopqrstuvwxyz1.dat","ABCDEFGHIJKLMNOPQRSTUVWXYZ1.dat","1.dat",".abcdefghijklmnopqrstuvwxyz1234","-module-of-thirty-one-bytes.lua"]}`}
	for name, text := range files {
		tree[name] = text
	}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	r.settle(7, flash)
	for _, name := range []string{"0.lua", "-module-of-thirty-one-bytes.lua"} {
		files[strings.TrimSuffix(name, "ua")+"c"] = lc + files[name]
		delete(files, name)
	}
	same(t, flash, files)
}

// Bytecode that somebody left on the flash does not hide a module that comes as
// source; what is not loaded in its place stays.
func TestSourceIsNotHidden(t *testing.T) {
	tree := map[string]string{
		"default.json": `{` + secretLine + `,"files":["a.txt",{"path":"m.lua","mode":"source"},{"path":"i.lua","name":"init.lua","mode":"source"},{"path":"m.lua","name":"n.lua","mode":"raw"}]}`,
		"m.lua":        "return 2\n", "i.lua": "require 'm'\n", "a.txt": "x",
	}
	want := map[string]string{"a.txt": "x", "m.lua": "return 2\n", "n.lua": "return 2\n", "init.lua": "require 'm'\n", "init.lc": "old", "x.lc": "old"}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	for _, name := range []string{"m.lc", "n.lc", "init.lc", "x.lc"} {
		flash.Put(name, "old")
	}
	r.settle(7, flash)
	same(t, flash, want)
	flash = board("s3cret")
	flash.Put("m.lc", "old")
	if e, err := r.boot(8, flash, func(d *luaota.Device) { d.Nonce = strings.Repeat("ab", 16) }); err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	if got := flash.Files()["luaOTA/todo"]; !strings.Contains(got, "rm\tm.lc\n") || strings.Contains(got, "init.lc") {
		t.Errorf("the list is %q", got)
	}
}

// fewRecords ends a stream behind so many records of the service.
type fewRecords struct {
	net.Conn
	left int
}

func (c *fewRecords) Read(b []byte) (int, error) {
	if c.left--; c.left < 0 {
		c.Close()
		return 0, io.EOF
	}
	return c.Conn.Read(b)
}

// A client that comes as source in the place of bytecode, or the other way round,
// is on the flash in one of the two forms whenever the power fails.
func TestClientChangesItsForm(t *testing.T) {
	form := func(v, mode string) map[string]string {
		return map[string]string{
			"default.json": `{` + secretLine + `,"release":"` + v + `","files":["a.txt",{"path":"check.lua","name":"luaOTA/check.lua","mode":"` + mode + `"}]}`,
			"check.lua":    "return " + v + "\n", "a.txt": v,
		}
	}
	for _, way := range [][]string{{"compiled", "source"}, {"source", "compiled"}} {
		for n := 1; ; n++ {
			r := newRig(t, form("1", way[0]), nil)
			flash := board("s3cret")
			r.settle(7, flash)
			r.retree(form("2", way[1]), nil)
			d, err := luaotatest.Boot(7, flash)
			if err != nil {
				t.Fatal(err)
			}
			e, err := d.Run(&fewRecords{r.dial(), n})
			if err != nil {
				t.Fatal(err)
			}
			files := flash.Files()
			if files["luaOTA/check.lua"] == "" && files["luaOTA/check.lc"] == "" {
				t.Errorf("%v: no client after %d records: %q", way, n, files)
			}
			r.settle(7, flash)
			files = flash.Files()
			_, source := files["luaOTA/check.lua"]
			_, code := files["luaOTA/check.lc"]
			if source != (way[1] == "source") || code == source || files["a.txt"] != "2" {
				t.Errorf("%v: after a cut behind record %d: %q", way, n, files)
			}
			r.stop()
			if e.Reboot {
				break
			}
		}
	}
}

// Two releases that were broken off, one after the other, leave nothing behind
// and nothing that stops the third: no file is renamed to its own name, and what
// was sent last, with an answer that nobody read, is not taken for what waited
// under its name before.
func TestBrokenOffTwice(t *testing.T) {
	release := func(version string, files ...string) map[string]string {
		list := `"` + strings.Join(files, `","`) + `"`
		return map[string]string{"default.json": `{` + secretLine + `,"files":[` + list + `]}`, "main.lua": "return " + version, "a.dat": "a" + version, "b.dat": "b", "c.dat": "c"}
	}
	first, second := release("1", "main.lua", "a.dat"), release("2", "main.lua", "b.dat")
	third := []map[string]string{release("3", "main.lua", "a.dat", "c.dat"), first}
	for n := range 25 {
		for _, last := range third {
			r := newRig(t, first, nil)
			flash := board("s3cret")
			for i, records := range []int{2 + n/5, 1 + n%5} {
				if i == 1 {
					r.retree(second, nil)
				}
				d, err := luaotatest.Boot(7, flash)
				if err == nil {
					_, err = d.Run(&fewRecords{r.dial(), records})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			r.retree(last, nil)
			r.settle(7, flash)
			want := map[string]string{"main.lc": lc + last["main.lua"], "a.dat": last["a.dat"]}
			if strings.Contains(last["default.json"], "c.dat") {
				want["c.dat"] = "c"
			}
			same(t, flash, want)
			if t.Failed() {
				t.Fatalf("broken off behind %d and %d records", 2+n/5, 1+n%5)
			}
			r.stop()
		}
	}
}

// onMove calls do when the first rename arrives.
type onMove struct {
	net.Conn
	do func()
}

func (c *onMove) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.do != nil && bytes.Contains(b[:n], []byte(`"a":"mv"`)) {
		c.do()
		c.do = nil
	}
	return n, err
}

// A service that ends leaves no board between two releases.
func TestEndBetweenRenames(t *testing.T) {
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt","b.txt","c.txt"]}`, "a.txt": "a", "b.txt": "b", "c.txt": "c"}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	d, err := luaotatest.Boot(7, flash)
	if err != nil {
		t.Fatal(err)
	}
	silent := r.dial() // is closed when the service ends
	defer silent.Close()
	var end sync.WaitGroup
	e, err := d.Run(&onMove{r.dial(), func() {
		end.Go(r.stop)
		silent.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the silent stream: %v", err)
		}
	}})
	end.Wait()
	if err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	delete(tree, "default.json")
	same(t, flash, tree)
}

// With Once the service ends with the first board's session, and tells what broke
// it. What is no board does not count.
func TestOnce(t *testing.T) {
	r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x"}, nil)
	r.stop()
	for _, c := range []struct {
		name   string
		secret string
		cut    int // bytes that reach the board
		fault  string
	}{{"refused", "another", -1, "board 7: the HI of 7: wrong tag"}, {"broken", "s3cret", 30, "board 7: sending a.txt"}, {"whole", "s3cret", -1, ""}} {
		t.Run(c.name, func(t *testing.T) {
			svc, err := provision.New(t.Context(), provision.Options{Tree: os.DirFS(r.dir), Load: provision.LoadOptions{Check: check}, Store: r.store, Percent: 100, Poll: -1, Once: true})
			if err != nil {
				t.Fatal(err)
			}
			l, err := link.Listen(t.Context(), link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- svc.Serve(ctx, []*link.Listener{l}) }()
			dial := func() net.Conn {
				conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Address().Port)))
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			scan := dial()
			scan.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
			scan.Read(make([]byte, 1))
			scan.Close()
			d, err := luaotatest.Boot(7, board(c.secret))
			if err != nil {
				t.Fatal(err)
			}
			d.Run(&cutConn{dial(), c.cut, -1, nil, nil})
			err = <-done
			if ctx.Err() != nil || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, %v", err, ctx.Err())
			}
		})
	}
}
