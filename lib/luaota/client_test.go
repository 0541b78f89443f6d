package luaota_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
)

const appSource = `return {entry = function(why) print("app " .. tostring(why)) end}`

const baseConfig = `{"app":"main","ssid":"lab","spwd":"w1fi","server":"ota.example","port":8266,"secret":"s3cret"}`

// eachLua runs a test with the Lua of either firmware.
func eachLua(t *testing.T, test func(t *testing.T, lua string)) {
	for _, lua := range []string{"lua5.1", "lua5.3"} {
		t.Run(lua, func(t *testing.T) { test(t, lua) })
	}
}

// client is a board with our client and an application.
func client(t *testing.T, lua string, serve func(net.Conn)) *luaotatest.Board {
	t.Helper()
	luaotatest.NeedLua(t, lua, os.Getenv("LANDER_INTEROP") == "1")
	flash := luaotatest.NewFlash(map[string]string{"main.lua": appSource, luaota.ConfigName: baseConfig + "\n"})
	luaotatest.Install(flash)
	return &luaotatest.Board{Lua: lua, ID: 1122867, Flash: flash, Scale: 0.05, Dial: func(host, port string) (net.Conn, error) {
		if serve == nil {
			return nil, errors.New("nobody there")
		}
		dev, srv := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer srv.Close()
			serve(srv)
		}()
		t.Cleanup(func() { dev.Close(); <-done })
		return dev, nil
	}}
}

// plainServer answers the HI, with what serve does.
func plainServer(o luaota.ServerOptions, secret string, serve func(*luaota.Server) error) func(net.Conn) {
	return func(conn net.Conn) {
		s := luaota.NewServer(conn, o)
		if _, err := s.Hello(); err != nil {
			return
		}
		if _, err := s.Verify(luaotatest.Keys(secret)); err != nil {
			return
		}
		serve(s)
		s.Linger(lingerTime)
	}
}

func bootOnce(t *testing.T, b *luaotatest.Board) luaotatest.BoardEnd {
	t.Helper()
	e, err := b.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// How each kind of silence and refusal ends: the application starts.
func TestClientEndings(t *testing.T) { eachLua(t, clientEndings) }

func clientEndings(t *testing.T, lua string) {
	plain, strong := luaota.ServerOptions{Plain: true}, luaota.ServerOptions{}
	ok := func(s *luaota.Server) error { return s.NoUpdate() }
	raw := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			b := make([]byte, 2000)
			c.Read(b)
			c.Write([]byte(text))
			for {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		serve  func(net.Conn)
		change func(*luaotatest.Board)
		want   string
	}{
		{"no update", plainServer(plain, "s3cret", ok), nil, luaota.MessageOK},
		{"no update, strongly", plainServer(strong, "s3cret", ok), nil, luaota.MessageOK},
		{"no hex functions", plainServer(strong, "s3cret", ok), func(b *luaotatest.Board) { b.Options = "nohex" }, luaota.MessageOK},
		{"no SHA-2", plainServer(strong, "s3cret", ok), func(b *luaotatest.Board) { b.Options = "nosha" }, luaota.MessageOK},
		{"static timers", plainServer(strong, "s3cret", ok), func(b *luaotatest.Board) { b.Options = "static" }, luaota.MessageOK},
		{"OK that nobody signed", raw("{\"r\":\"OK!\"}000000\n"), nil, "OK: No valid answer of the provision service"},
		{"plain, and strict", plainServer(plain, "s3cret", ok), strict, "OK: No valid answer of the provision service"},
		{"strong, and strict", plainServer(strong, "s3cret", ok), strict, luaota.MessageOK},
		{"garbage", raw(strings.Repeat("x", 5000)), nil, "Invalid record"},
		{"wrong tag", raw("{\"a\":\"ls\"}000000\n"), nil, "OK: No valid answer of the provision service"},
		{"too short", raw("{}x\n"), nil, "OK: No valid answer of the provision service"},
		{"closed", func(net.Conn) {}, nil, luaota.MessageClosed},
		{"other secret", plainServer(plain, "other", ok), nil, luaota.MessageClosed},
		{"mute", raw(""), nil, luaota.MessageTimeout},
		{"nobody there", nil, nil, luaota.MessageClosed},
		{"no WiFi", nil, func(b *luaotatest.Board) { b.Options = "nowifi" }, "OK: Timeout on waiting for wifi station setup"},
		{"no configuration", nil, func(b *luaotatest.Board) {
			b.Flash.Put(luaota.ConfigName, `{"app":"main"}`)
		}, "Invalid configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := client(t, lua, c.serve)
			if c.change != nil {
				c.change(b)
			}
			e := bootOnce(t, b)
			if e.How != "idle" || len(e.Printed) != 1 || e.Printed[0] != "app "+c.want {
				t.Errorf("%s %s, printed %q; want %q", e.How, e.Text, e.Printed, c.want)
			}
			if e.Left != "package.loaded.main" {
				t.Errorf("left %q", e.Left)
			}
		})
	}
}

func strict(b *luaotatest.Board) {
	b.Flash.Put(luaota.ConfigName, strings.Replace(baseConfig, `"port"`, `"strict":true,"port"`, 1))
}

const lingerTime = 5e9

// After "no update" the heap is within 1 KB of what the application alone has.
func TestClientLeavesNothing(t *testing.T) { eachLua(t, clientLeavesNothing) }

func clientLeavesNothing(t *testing.T, lua string) {
	b := client(t, lua, plainServer(luaota.ServerOptions{}, "s3cret", func(s *luaota.Server) error { return s.NoUpdate() }))
	with := bootOnce(t, b)
	b.Flash.Put("init.lua", `stopOTA = 1 stopOTA = nil package.loaded["luaOTA.check"] = 1 package.loaded["luaOTA.check"] = nil tmr.create() local s = net.createConnection() s:connect(1,"x") s:close() node.task.post(function() require("main").entry("x") end)`)
	without := bootOnce(t, b)
	t.Logf("heap: %d bytes with luaOTA, %d without", with.Heap, without.Heap)
	if d := with.Heap - without.Heap; d > 1024 {
		t.Errorf("luaOTA leaves %d bytes", d)
	}
	if !slices.Contains(with.Calls, "wifi 0") {
		t.Errorf("the WiFi was not switched off: %q", with.Calls)
	}
}

// From the prompt, with all parameters.
func TestClientPrompt(t *testing.T) { eachLua(t, clientPrompt) }

func clientPrompt(t *testing.T, lua string) {
	b := client(t, lua, plainServer(luaota.ServerOptions{}, "other", func(s *luaota.Server) error { return s.NoUpdate() }))
	host := ""
	dial := b.Dial
	b.Dial = func(h, p string) (net.Conn, error) { host = h + ":" + p; return dial(h, p) }
	b.Flash.Put("init.lua", "DEBUG = true")
	for _, ns := range []string{"ns", "nsserver"} {
		b.Prompt = `require "luaOTA.check":_init {ssid="else", spwd="pw", server="198.51.100.1", port=9, secret="other", leave=true, espip="192.0.2.9", gw="192.0.2.1", nm="255.255.255.0", ` + ns + `="192.0.2.53"}`
		e := bootOnce(t, b)
		if last := e.Printed[len(e.Printed)-1]; e.How != "idle" || last != "app "+luaota.MessageOK {
			t.Fatalf("%+v", e)
		}
		if !strings.HasPrefix(e.Printed[0], "luaOTA") {
			t.Errorf("DEBUG prints %q", e.Printed)
		}
		for _, want := range []string{"station else pw", "setip 192.0.2.9 192.0.2.1 255.255.255.0", "dns 192.0.2.53 0"} {
			if !slices.Contains(e.Calls, want) {
				t.Errorf("no %q in %q", want, e.Calls)
			}
		}
		if slices.Contains(e.Calls, "wifi 0") || host != "198.51.100.1:9" {
			t.Errorf("calls %q, host %s", e.Calls, host)
		}
	}
}

// stopOTA ends it, before and after the start; then it can be started by hand.
func TestClientStop(t *testing.T) { eachLua(t, clientStop) }

func clientStop(t *testing.T, lua string) {
	for name, prompt := range map[string]string{
		"stopOTA": `stopOTA()`, "in the tick": `tmr.create():alarm(100, 0, function() stopOTA() end)`,
	} {
		b := client(t, lua, nil)
		b.Prompt = prompt
		if e := bootOnce(t, b); e.How != "idle" || len(e.Printed) != 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	b := client(t, lua, nil)
	b.Options, b.Prompt = "static", `tmr.alarm(1, 100, 0, function() tmr.stop(0) end)`
	if e := bootOnce(t, b); e.How != "idle" || len(e.Printed) != 0 {
		t.Errorf("tmr.stop(0): %+v", e)
	}
	b = client(t, lua, plainServer(luaota.ServerOptions{}, "s3cret", func(s *luaota.Server) error { return s.NoUpdate() }))
	b.Prompt = `stopOTA() require "luaOTA.check":_init {}`
	if e := bootOnce(t, b); len(e.Printed) != 1 || e.Printed[0] != "app "+luaota.MessageOK {
		t.Errorf("started by hand: %+v", e)
	}
}

// The captured dialogue with the original's server, against our client: each
// record of the server, in whatever pieces it comes, gets the captured answer.
func TestClientReplaysTheCaptures(t *testing.T) { eachLua(t, clientReplaysTheCaptures) }

func clientReplaysTheCaptures(t *testing.T, lua string) {
	for _, name := range []string{"first", "touched", "scripted"} {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprint(name, split), func(t *testing.T) {
				pieces := capture(t, name)
				result := make(chan error, 1)
				b := client(t, lua, func(c net.Conn) { result <- drive(c, pieces, split) })
				for n, text := range map[string]string{"keep.txt": "keep\n", "old.txt": "old\n", "new.bin": strings.Repeat("A", 1024) + "tail"} {
					if name == "scripted" {
						b.Flash.Put(n, text)
					}
				}
				e := bootOnce(t, b)
				if err := <-result; err != nil {
					t.Fatal(err)
				}
				files := b.Flash.Files()
				if name == "scripted" {
					if _, there := files["renamed.txt"]; there || files["keep.txt"] != "keep\n" {
						t.Errorf("flash %q", files)
					}
					return
				}
				if e.How != "reboot" || files["www.html"] != "<p>hi</p>\n" || !strings.Contains(files[luaota.ConfigName], `"secret":"s3cret"`) {
					t.Errorf("%s %s, files %q", e.How, e.Text, files[luaota.ConfigName])
				}
				if name == "first" && (files["a.dat"] != strings.Repeat("A", 1024)+"tail" || !strings.HasPrefix(files["main.lc"], "\x1bLua")) {
					t.Errorf("a.dat or main.lc is wrong")
				}
			})
		}
	}
}

// drive sends the server's pieces and compares the answers. What depends on the
// board, sizes of bytecode and its files, is compared in shape.
func drive(c net.Conn, pieces []piece, split bool) error {
	buf := make([]byte, 8192)
	if _, err := c.Read(buf); err != nil { // the HI
		return err
	}
	for _, p := range pieces {
		if !p.device {
			for i := range p.bytes {
				part := p.bytes[i : i+1]
				if !split {
					part = p.bytes
				}
				if _, err := c.Write(part); err != nil {
					return err
				}
				if !split {
					break
				}
			}
			continue
		}
		if strings.HasPrefix(string(p.bytes), `{"a":"HI"`) || strings.Contains(string(p.bytes), `"id":1122867`) {
			continue
		}
		n, err := c.Read(buf)
		if err != nil {
			return fmt.Errorf("waiting for %q: %w", p.bytes, err)
		}
		got := string(buf[:n])
		if got == string(p.bytes) {
			continue
		}
		rec, rest, err := record.Parse(buf[:n], record.TagBytes)
		if err != nil {
			return err
		}
		tag := luaotatest.Keys("s3cret").Tag(rec.JSON)
		o, err := record.ParseObject(rec.JSON)
		if err != nil || string(tag[:]) != string(rec.Tag) || len(rest) > 0 {
			return fmt.Errorf("got %q, want %q: %v", got, p.bytes, err)
		}
		switch {
		case strings.Contains(string(p.bytes), "lcsize") && o.Get("lcsize") != "" && o.Text("s") == "OK":
		case strings.Contains(string(p.bytes), "old.txt") && o.Get("luaOTA/check.lua") != "" && o.Text("s") == "OK":
		case strings.Contains(string(p.bytes), "compile fail") && o.Text("s") == "compile fail" && strings.Contains(o.Text("err"), `[string "broken.lua"]:2:`):
		default:
			return fmt.Errorf("got %q, want %q", got, p.bytes)
		}
	}
	return nil
}

// Our modules are not larger than the original's, 10,762 bytes, by more than half.
func TestClientSize(t *testing.T) {
	total := 0
	for name, text := range luaota.ClientModules() {
		if name != "luaOTA/default.lua" {
			total += len(text)
		}
	}
	if total == 0 || total > (2410+1673+3018+3661)*3/2 {
		t.Errorf("%d bytes", total)
	}
	t.Logf("%d bytes", total)
}
