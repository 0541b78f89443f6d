package luaota_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
)

const nonce = "00112233445566778899aabbccddeeff"

func ourDevice(t *testing.T, flash *luaotatest.Flash) *luaota.Device {
	t.Helper()
	d, err := luaotatest.Original(7, `{"server":"x","secret":"s3cret"}`, flash)
	if err != nil {
		t.Fatal(err)
	}
	d.Nonce, d.Quirks = nonce, luaota.Quirks{}
	return d
}

// session runs a device against what serve does, with change applied to each
// record of the server on its way.
func session(t *testing.T, d *luaota.Device, o luaota.ServerOptions, serve func(*luaota.Server) error, change func(i int, b []byte) []byte) (luaota.Ending, error, error) {
	t.Helper()
	dev, far := net.Pipe()
	near, srv := net.Pipe()
	served := make(chan error, 1)
	go func() {
		s := luaota.NewServer(srv, o)
		defer srv.Close()
		if _, err := s.Hello(); err != nil {
			served <- err
			return
		}
		if _, err := s.Verify(luaotatest.Keys("s3cret")); err != nil {
			served <- err
			return
		}
		served <- serve(s)
	}()
	relayed := make(chan struct{}, 2)
	go func() { relay(near, far, nil); relayed <- struct{}{} }()
	go func() { relay(far, near, change); relayed <- struct{}{} }()
	e, err := d.Run(dev)
	serr := <-served
	<-relayed
	<-relayed
	return e, err, serr
}

func relay(to, from net.Conn, change func(int, []byte) []byte) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 4096)
	for i := 0; ; i++ {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p := bytes.Clone(b[:n])
		if change != nil {
			p = change(i, p)
		}
		if _, err := to.Write(p); err != nil {
			return
		}
	}
}

func update(s *luaota.Server) error {
	for _, c := range []luaota.Command{luaota.Put([]byte("one ")), luaota.File("x", []byte("two")), luaota.Remove("gone"), luaota.Hash("x")} {
		if _, err := s.Do(c); err != nil {
			return err
		}
	}
	return s.Restart(record.Object{{Key: "server", Value: record.String("y")}})
}

func TestStrongUpdate(t *testing.T) {
	flash := luaotatest.NewFlash(map[string]string{"gone": "x"})
	e, err, serr := session(t, ourDevice(t, flash), luaota.ServerOptions{}, func(s *luaota.Server) error {
		if !s.Strong() {
			t.Error("not the stronger mode")
		}
		return update(s)
	}, nil)
	if err != nil || serr != nil || !e.Reboot {
		t.Fatalf("%+v, %v, %v", e, err, serr)
	}
	files := flash.Files()
	if _, there := files["gone"]; there || files["x"] != "one two" || files[luaota.ConfigName] != "{\"server\":\"y\",\"secret\":\"s3cret\"}\n" {
		t.Errorf("files %q", files)
	}
}

func TestStrongNoUpdate(t *testing.T) {
	d := ourDevice(t, luaotatest.NewFlash(nil))
	d.Strict = true
	e, err, serr := session(t, d, luaota.ServerOptions{}, func(s *luaota.Server) error { return s.NoUpdate() }, nil)
	if err != nil || serr != nil || e.Message != luaota.MessageOK {
		t.Errorf("%+v, %v, %v", e, err, serr)
	}
}

// With a plain server the device falls back, unless it is strict.
func TestStrongFallsBack(t *testing.T) {
	for _, strict := range []bool{false, true} {
		flash := luaotatest.NewFlash(nil)
		d := ourDevice(t, flash)
		d.Strict = strict
		e, err, _ := session(t, d, luaota.ServerOptions{Plain: true}, func(s *luaota.Server) error {
			_, err := s.Do(luaota.File("x", []byte("two")))
			return errors.Join(err, s.Restart(nil))
		}, nil)
		if err != nil || e.Reboot == strict || flash.Exists("x") == strict {
			t.Errorf("strict %v: %+v, %v, files %q", strict, e, err, flash.Files())
		}
	}
}

// A server may ask for any part of a file, and get what there is of it; a file
// of the name of the status does not hide that the listing came.
func TestUploadBeyondTheEnd(t *testing.T) {
	d := ourDevice(t, luaotatest.NewFlash(map[string]string{"a": "four", "s": "x"}))
	_, err, serr := session(t, d, luaota.ServerOptions{}, func(s *luaota.Server) error {
		if _, err := s.Do(luaota.List()); err != nil {
			return err
		}
		for _, c := range []struct {
			off, n int64
			want   string
		}{{1, math.MaxInt64, "our"}, {4, math.MaxInt64, ""}, {2, 1, "u"}, {5, 1, ""}, {-1, 2, ""}, {0, -1, ""}} {
			a, err := s.Do(luaota.Command{Action: luaota.ActUpload, Fields: record.Object{{Key: "name", Value: record.String("a")}, {Key: "offset", Value: record.Int(c.off)}, {Key: "len", Value: record.Int(c.n)}}, Reads: len(c.want)})
			if err != nil || string(a.Data) != c.want {
				return fmt.Errorf("%+v: %q, %w", c, a.Data, err)
			}
		}
		return s.NoUpdate()
	}, nil)
	if err != nil || serr != nil {
		t.Errorf("%v, %v", err, serr)
	}
}

// What is changed, repeated or taken from another session is never obeyed.
func TestStrongRefusesTampering(t *testing.T) {
	var recorded [][]byte
	flash := luaotatest.NewFlash(nil)
	session(t, ourDevice(t, flash), luaota.ServerOptions{}, update, func(_ int, b []byte) []byte {
		recorded = append(recorded, b)
		return b
	})
	if len(recorded) != 6 {
		t.Fatalf("%d records", len(recorded))
	}
	for name, change := range map[string]func(i int, b []byte) []byte{
		"data":     func(_ int, b []byte) []byte { return bytes.Replace(b, []byte("\ntwo"), []byte("\nTWO"), 1) },
		"text":     func(_ int, b []byte) []byte { return bytes.Replace(b, []byte(`"x"`), []byte(`"y"`), 1) },
		"swapped":  func(i int, b []byte) []byte { return recordedAt(recorded, i, b) },
		"repeated": func(i int, b []byte) []byte { return ifRecord(i, 2, recorded[1], b) },
	} {
		flash := luaotatest.NewFlash(nil)
		e, _, serr := session(t, ourDevice(t, flash), luaota.ServerOptions{}, update, change)
		if e.Reboot || serr == nil || len(flash.Files()) != 0 {
			t.Errorf("%s: %+v, server %v, files %q", name, e, serr, flash.Files())
		}
	}
	// Replaying the whole session of the server.
	flash = luaotatest.NewFlash(nil)
	d := ourDevice(t, flash)
	d.Nonce = strings.Repeat("0", 32)
	e, _, _ := session(t, d, luaota.ServerOptions{}, update, func(i int, b []byte) []byte { return recorded[min(i, len(recorded)-1)] })
	if e.Reboot || len(flash.Files()) != 0 {
		t.Errorf("replayed: %+v, %q", e, flash.Files())
	}
}

func recordedAt(recorded [][]byte, i int, b []byte) []byte {
	if i == 1 {
		return recorded[2]
	}
	return b
}

func ifRecord(i, at int, then, otherwise []byte) []byte {
	if i == at {
		return then
	}
	return otherwise
}

func TestHello(t *testing.T) {
	sign := func(text string) string {
		tag := luaotatest.Keys("s3cret").Tag([]byte(text))
		return fmt.Sprintf("%s%x\n", text, tag[:])
	}
	for _, c := range []struct {
		name, line string
		hello, tag error
	}{
		{"good", sign(`{"a":"HI","id":7}`), nil, nil},
		{"id as text", sign(`{"a":"HI","id":"7"}`), nil, nil},
		{"unescaped backslash", sign(`{"a":"HI","id":7,"spwd":"a\q"}`), nil, nil},
		{"no id", sign(`{"a":"HI"}`), luaota.ErrHello, nil},
		{"id an object", sign(`{"a":"HI","id":{}}`), luaota.ErrHello, nil},
		{"id a path", sign(`{"a":"HI","id":"../7"}`), luaota.ErrHello, nil},
		{"id a fraction", sign(`{"a":"HI","id":7.5}`), luaota.ErrHello, nil},
		{"id negative", sign(`{"a":"HI","id":-7}`), luaota.ErrHello, nil},
		{"no HI", sign(`{"a":"HO","id":7}`), luaota.ErrHello, nil},
		{"garbage", "GET / HTTP/1.0\r\n", luaota.ErrHello, nil},
		{"short", "x\n", luaota.ErrHello, nil},
		{"wrong secret", "{\"a\":\"HI\",\"id\":7}000000\n", nil, luaota.ErrTag},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev, srv := net.Pipe()
			defer dev.Close()
			defer srv.Close()
			go dev.Write([]byte(c.line))
			s := luaota.NewServer(srv, luaota.ServerOptions{})
			h, err := s.Hello()
			if !errors.Is(err, c.hello) || err == nil && h.ID != 7 {
				t.Fatalf("%+v, %v", h, err)
			}
			if err != nil {
				return
			}
			if _, err := s.Verify(luaotatest.Keys("other"), luaotatest.Keys("s3cret")); !errors.Is(err, c.tag) {
				t.Error(err)
			}
		})
	}
}

func TestRoom(t *testing.T) {
	if n := luaota.Room("abcdefghijklmnopqrstuvwxyz01234"); n < 1280 || n > 1390 {
		t.Errorf("room %d", n)
	}
}
