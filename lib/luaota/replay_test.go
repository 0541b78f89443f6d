package luaota_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
)

// piece is one write of a captured dialogue.
type piece struct {
	device bool
	bytes  []byte
}

// capture reads a dialogue between the original's client and server.
func capture(t testing.TB, name string) []piece {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []piece
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		dir, rest, _ := strings.Cut(line, " ")
		// No JSON text of the captures holds an escaped line feed.
		out = append(out, piece{dir == ">>", []byte(strings.ReplaceAll(rest, `\n`, "\n"))})
	}
	return out
}

// The server's end, told to send what the original sent, sends the same bytes.
func TestServerReplaysTheCaptures(t *testing.T) {
	for _, name := range []string{"first", "noupdate", "touched", "scripted"} {
		t.Run(name, func(t *testing.T) {
			pieces := capture(t, name)
			if name == "scripted" { // the capture begins behind the HI
				hello := []byte(`{"a":"HI","id":1122867}`)
				tag := luaotatest.Keys("s3cret").Tag(hello)
				pieces = append([]piece{{true, record.Append(nil, record.Record{JSON: hello, Tag: tag[:]})}}, pieces...)
			}
			dev, srv := net.Pipe()
			got := make(chan error, 1)
			go func() { got <- playDevice(dev, pieces) }()
			if err := serveCapture(luaota.NewServer(srv, luaota.ServerOptions{}), pieces[1:]); err != nil {
				t.Error(err)
			}
			srv.Close()
			if err := <-got; err != nil {
				t.Error(err)
			}
		})
	}
}

// playDevice writes the device's pieces and compares what comes between.
func playDevice(s net.Conn, pieces []piece) error {
	defer s.Close()
	for _, p := range pieces {
		if p.device {
			if _, err := s.Write(p.bytes); err != nil {
				return err
			}
			continue
		}
		// One read: a record must come with one write.
		b := make([]byte, 4096)
		n, err := s.Read(b)
		if err != nil || !bytes.Equal(b[:n], p.bytes) {
			return fmt.Errorf("got %q, %v\nwant %q", b[:n], err, p.bytes)
		}
	}
	return nil
}

func serveCapture(s *luaota.Server, pieces []piece) error {
	if _, err := s.Hello(); err != nil {
		return err
	}
	if _, err := s.Verify(luaotatest.Keys("s3cret")); err != nil {
		return err
	}
	for i, p := range pieces {
		if p.device {
			continue
		}
		r, data, err := record.Parse(p.bytes, record.TagBytes)
		if err != nil {
			return err
		}
		o, err := record.ParseObject(r.JSON)
		if err != nil {
			return err
		}
		c := luaota.Command{Action: o.Text("a"), Fields: o.With("a", ""), Data: data}
		switch {
		case o.Text("r") != "":
			err = s.NoUpdate()
		case c.Action == luaota.ActRestart:
			err = s.Restart(c.Fields)
		default:
			var a luaota.Answer
			if c.Action == luaota.ActUpload {
				c.Reads = len("AAAAAAAAAAAAAAAAAAAAAAAAtail")
			}
			a, err = s.Do(c)
			if se, ok := errors.AsType[*luaota.StatusError](err); ok {
				if se.Status != "compile fail" || !strings.Contains(se.Text, "broken.lua") {
					return err
				}
				err = nil
			}
			if c.Reads > 0 && string(a.Data) != "AAAAAAAAAAAAAAAAAAAAAAAAtail" {
				return fmt.Errorf("uploaded %q", a.Data)
			}
		}
		if err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
	}
	return nil
}

// The device's end answers what the original's client answered, byte for byte.
func TestDeviceReplaysTheCaptures(t *testing.T) {
	order := []string{"a", "app", "ssid", "entry", "chk", "leave", "port", "files", "spwd", "id", "server"}
	for _, name := range []string{"first", "noupdate", "touched", "scripted"} {
		t.Run(name, func(t *testing.T) {
			pieces := capture(t, name)
			flash := luaotatest.NewFlash(scriptedFlash)
			flash.Order = []string{"luaOTA/_provision.lua", "keep.txt", "old.txt", "luaOTA/default.lua", "luaOTA/check.lua", "luaOTA/_doTick.lua", "luaOTA/_init.lua", "luaOTA/config.json"}
			flash.Code = func(name string, source []byte) ([]byte, error) {
				switch name {
				case "main.lua":
					return make([]byte, 268), nil
				case "broken.lua":
					return nil, errors.New(`[string "broken.lua"]:2: unexpected symbol near '<eof>'`)
				}
				return make([]byte, 99), nil
			}
			config := `{"app":"main","ssid":"lab","entry":"init","leave":true,"port":18400,"spwd":"w1fi","server":"127.0.0.1","secret":"s3cret"}`
			if name == "noupdate" || name == "touched" {
				r, _, err := record.Parse(pieces[0].bytes, record.TagBytes)
				if err != nil {
					t.Fatal(err)
				}
				o, err := record.ParseObject(r.JSON)
				if err != nil {
					t.Fatal(err)
				}
				config = string(o.With("a", "").With("id", "").With("secret", record.String("s3cret")).Value())
			}
			d, err := luaotatest.Original(1122867, config, flash)
			if err != nil {
				t.Fatal(err)
			}
			d.Order = order
			dev, srv := net.Pipe()
			got := make(chan error, 1)
			go func() { got <- playServer(srv, pieces, name == "scripted", flash) }()
			e, err := d.Run(dev)
			if err != nil {
				t.Error(err)
			}
			if err := <-got; err != nil {
				t.Error(err)
			}
			checkAfter(t, name, e, flash.Files())
		})
	}
}

// scriptedFlash has the sizes that the capture's listing shows.
var scriptedFlash = map[string]string{
	"luaOTA/_provision.lua": strings.Repeat("p", 3661), "luaOTA/check.lua": strings.Repeat("c", 2410),
	"luaOTA/_doTick.lua": strings.Repeat("t", 3018), "luaOTA/_init.lua": strings.Repeat("i", 1673),
	"luaOTA/default.lua": strings.Repeat("d", 322), "luaOTA/config.json": strings.Repeat("j", 122),
	"keep.txt": "keep\n", "old.txt": "old\n",
}

func playServer(s net.Conn, pieces []piece, scripted bool, flash *luaotatest.Flash) error {
	defer s.Close()
	r := bufio.NewReader(s)
	if scripted {
		if _, err := r.ReadBytes('\n'); err != nil {
			return err
		}
	}
	for _, p := range pieces {
		if !p.device {
			if bytes.Contains(p.bytes, []byte("new.bin")) {
				flash.Put("new.bin", strings.Repeat("A", 1024)+"tail")
			}
			if _, err := s.Write(p.bytes); err != nil {
				return err
			}
			continue
		}
		b := make([]byte, len(p.bytes))
		if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, p.bytes) {
			return fmt.Errorf("got %q, %v\nwant %q", b, err, p.bytes)
		}
	}
	return nil
}

func checkAfter(t *testing.T, name string, e luaota.Ending, files map[string]string) {
	t.Helper()
	switch name {
	case "noupdate":
		if e.Reboot || e.Message != luaota.MessageOK {
			t.Errorf("ended %+v", e)
		}
	case "scripted":
		if _, there := files["renamed.txt"]; there || files["keep.txt"] != "keep\n" || e.Message != luaota.MessageClosed {
			t.Errorf("renamed.txt is still there, or keep.txt %q; %+v", files["keep.txt"], e)
		}
		if b, there := files["empty.txt"]; !there || b != "" {
			t.Error("no empty.txt")
		}
	default:
		if !e.Reboot || files["www.html"] != "<p>hi</p>\n" {
			t.Errorf("ended %+v with %q", e, files["www.html"])
		}
		if c := files[luaota.ConfigName]; !strings.Contains(c, `"secret":"s3cret"`) || strings.Contains(c, "restart") || !strings.HasSuffix(c, "}\n") {
			t.Errorf("configuration %q", c)
		}
		if name == "first" && files["a.dat"] != strings.Repeat("A", 1024)+"tail" {
			t.Error("a.dat is not whole")
		}
	}
}
