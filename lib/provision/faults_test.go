package provision_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
	"lander/lib/provision"
)

// Everything that ended the original's server [OTA 7]: after each of them a board
// is served as if nothing had been.
func TestWhatKilledTheOriginal(t *testing.T) {
	sign := func(secret, text string) string {
		tag := luaotatest.Keys(secret).Tag([]byte(text))
		return string(record.Append(nil, record.Record{JSON: []byte(text), Tag: tag[:]}))
	}
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x",
		"ESP-1.json": `{"secret":"one","files":["a.txt"]}`, "ESP-2.json": `{"secret":"two","files":["a.txt"]}`,
		"ESP-3.json": `not JSON`, "ESP-4.json": `{"files":["a.txt"]}`, "ESP-5.json": `{` + secretLine + `,"files":["missing.txt"]}`,
		"ESP-6.json": `{"secret":"` + strings.Repeat("long", 20) + `","files":["a.txt"]}`,
	}, nil)
	for i, text := range []string{
		"", "\n", "x\n", "garbage that is longer\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", strings.Repeat("x", 9000), strings.Repeat("\x00", 100) + "\n",
		sign("s3cret", `{"a":"HI"}`), sign("s3cret", `{"a":"HI","id":{}}`), sign("s3cret", `{"a":"HI","id":[1]}`), sign("s3cret", `{"a":"HI","id":"../../etc/passwd"}`),
		sign("s3cret", `{"a":"HI","id":3}`), sign("s3cret", `{"a":"HI","id":4}`), sign("s3cret", `{"a":"HI","id":5}`), sign("s3cret", `{"a":"HI","id":null}`),
		sign("s3cret", `["HI"]`), `{"a":"HI","id":77}000000` + "\n", sign("wrong", `{"a":"HI","id":78}`),
	} {
		conn := r.dial()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if text == "" || i%2 == 0 {
			conn.Close()
		} else {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			b, _ := io.ReadAll(conn)
			if len(b) > 0 && !strings.HasPrefix(string(b), `{"r":"OK!"}`) {
				t.Errorf("%q was answered with %q", cut(text), b)
			}
			conn.Close()
		}
		if n := r.settle(int64(1000+i), board("s3cret")); n != 1 {
			t.Errorf("after %q: %d boots", cut(text), n)
		}
	}
	// Two secrets in the fleet, in turns; a secret of 80 bytes.
	for i := range 3 {
		for id, secret := range map[int64]string{1: "one", 2: "two", 6: strings.Repeat("long", 20)} {
			if n := r.settle(id, board(secret)); n != 1 {
				t.Errorf("round %d, board %d: %d boots", i, id, n)
			}
		}
	}
}

// An ESP with a broken manifest of its own is told OK!, signed with its secret.
func TestBrokenManifestIsAnswered(t *testing.T) {
	r := newRig(t, map[string]string{"ESP-5.json": `{"secret":"five","files":["missing.txt"]}`}, nil)
	if n := r.settle(5, board("five")); n != 0 {
		t.Errorf("%d boots", n)
	}
}

// A tree that changes while it is served is taken when it is quiet; a broken one
// keeps boards as they are.
func TestReload(t *testing.T) {
	r := newRig(t, small("1"), func(o *provision.Options) { o.Poll = 2 * time.Millisecond })
	flash := board("s3cret")
	r.settle(7, flash)
	put := func(name, text string) {
		t.Helper()
		// As an editor does: a new file takes the old one's place.
		tmp := filepath.Join(r.dir, ".new")
		if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 10 s", what)
			}
		}
	}
	put("default.json", `{"secret":"s3cret","release":"broken","files":["none.txt"]}`)
	until("broken", func() bool { return r.svc.Tree().Broken() })
	if n := r.settle(7, flash); n != 0 {
		t.Error("a broken release reached a board")
	}
	put("default.json", `{"secret":`)
	until("worse", func() bool { return r.svc.Tree().Default.Name == "" })
	if n := r.settle(7, flash); n != 0 { // answered with the secret that the manifest had
		t.Error("a broken release reached a board")
	}
	put("a.txt", "content 2")
	put("default.json", `{"secret":"s3cret","release":"2","files":["a.txt"]}`)
	until("fixed", func() bool { return !r.svc.Tree().Broken() && r.svc.Tree().Default.Name == "2" })
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 2"})
}

// A board that is silent after its update counts against the release.
func TestSilence(t *testing.T) {
	r := newRig(t, small("1"), func(o *provision.Options) { o.Silence, o.MaxFailures = 20*time.Millisecond, 1 })
	if e, err := r.boot(7, board("s3cret"), nil); err != nil || !e.Reboot {
		t.Fatalf("%+v, %v", e, err)
	}
	r.clock.add(time.Hour)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(r.log.String(), "a board is silent"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 10 s")
		}
	}
	if n := r.settle(8, board("s3cret")); n != 0 {
		t.Error("the release was not halted")
	}
}

// A later session of a board ends its earlier one, which hangs.
func TestNewSessionEndsTheOld(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	d, err := luaotatest.Boot(7, flash)
	if err != nil {
		t.Fatal(err)
	}
	hung := r.dial()
	defer hung.Close()
	hello := d.Hello()
	tag := d.Keys.Tag(hello)
	if _, err := hung.Write(record.Append(nil, record.Record{JSON: hello, Tag: tag[:]})); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2000)
	if _, err := hung.Read(b); err != nil { // the first record; it is never answered
		t.Fatal(err)
	}
	began := time.Now()
	for range 3 {
		if e, err := d.Run(r.dial()); err != nil || e.Reboot {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it waited %v", took)
	}
	same(t, flash, map[string]string{"a.txt": "content 1"})
	var why []string
	for _, e := range r.eventsOf(provision.EventDone) {
		if e.Result == provision.ResultFailed {
			why = append(why, e.Reason)
		}
	}
	if len(why) != 1 || !strings.HasSuffix(why[0], "the answer to dl: the board came anew, or the service ends") {
		t.Errorf("%q", why)
	}
}

// How a session broke is told without the addresses of its stream.
func TestReasons(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(net.Conn)
		want string
	}{
		{"hangs up", func(c net.Conn) { c.Close() }, "the answer to dl: the board hung up"},
		{"resets", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }, "the answer to dl: the connection broke"},
		{"stays mute", func(net.Conn) {}, "the answer to dl: none in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, small("1"), func(o *provision.Options) { o.Answer = 200 * time.Millisecond })
			d, err := luaotatest.Boot(7, board("s3cret"))
			if err != nil {
				t.Fatal(err)
			}
			conn := r.dial()
			defer conn.Close()
			hello := d.Hello()
			tag := d.Keys.Tag(hello)
			if _, err := conn.Write(record.Append(nil, record.Record{JSON: hello, Tag: tag[:]})); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 2000)); err != nil {
				t.Fatal(err)
			}
			c.end(conn)
			if e := r.wait(provision.EventDone, 1)[0]; !strings.HasSuffix(e.Reason, c.want) || r.device(7).Reason != e.Reason {
				t.Errorf("%q", e.Reason)
			}
		})
	}
}
