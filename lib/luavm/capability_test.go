package luavm

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
)

func words(t *testing.T, list ...string) capability.Set {
	t.Helper()
	s, err := capability.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is not granted raises an error that names the word, and keeps its code
// when nothing catches it.
func TestDenied(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, c := range []struct {
		src   string
		words []string
		want  string
	}{
		{"io.open('/etc/passwd')", nil, "fs:/etc/passwd"},
		{"io.open('/etc/passwd')", []string{"fs:" + dir}, "fs:/etc/passwd"},
		{"io.open('../x')", []string{"fs:" + dir}, "fs:" + filepath.ToSlash(filepath.Dir(dir)) + "/x"},
		{"io.open('new', 'w')", []string{"fs:" + dir + ":ro"}, "fs:" + dir + "/new"},
		{"io.open('new', 'r+')", []string{"fs:" + dir + ":ro"}, "fs:" + dir + "/new"},
		{"io.lines('/etc/passwd')", nil, "fs:/etc/passwd"},
		{"io.input('/etc/passwd')", nil, "fs:/etc/passwd"},
		{"io.output('/tmp/x')", nil, "fs:/tmp/x"},
		{"dofile('/etc/passwd')", nil, "fs:/etc/passwd"},
		{"loadfile('/etc/passwd')", nil, "fs:/etc/passwd"},
		{"os.remove('/tmp/x')", nil, "fs:/tmp/x"},
		{"os.rename('/tmp/x', '/tmp/y')", nil, "fs:/tmp/x"},
		{"os.tmpname()", nil, "fs:/tmp"},
		{"os.tmpname()", []string{"fs:" + dir + ":ro"}, "fs:/tmp"},
		{"os.execute('true')", nil, "exec"},
		{"os.execute()", nil, "exec"},
		{"io.popen('true')", nil, "exec"},
		{"require 'net'", nil, "net:HOST:PORT"},
		{"net.connect('example.org', 80)", []string{"net:127.0.0.1:*"}, "net:example.org:80"},
		{"net.connect('127.0.0.1', 81)", []string{"net:127.0.0.1:80"}, "net:127.0.0.1:81"},
		{"require 'tree'", nil, "tree"},
		{"require 'data'", nil, "data"},
	} {
		_, _, err := runText(t, "local x\n"+c.src, Config{Capabilities: words(t, append([]string{"base"}, c.words...)...)})
		var je *job.Error
		want := `job.lua:2: capability "` + c.want + `" not granted`
		if !errors.As(err, &je) || je.Code != job.CodeCapability || je.Message != want || je.Line != 2 {
			t.Errorf("%s %v: %v, want %s", c.src, c.words, err, want)
		}
	}
	// Caught, it is an error like others.
	out, _, err := runText(t, "print(pcall(io.open, '/etc/passwd'))", Config{Capabilities: words(t, "base")})
	if err != nil || out != "false\tcapability \"fs:/etc/passwd\" not granted\n" {
		t.Errorf("%q %v", out, err)
	}
	// Without base there is nothing but args.
	_, v, err := runText(t, "local n = 0 return args.k, print == nil", Config{Capabilities: capability.Set{"exec"}, Args: map[string]string{"k": "v"}})
	if err != nil || v[0] != "v" || v[1] != true {
		t.Errorf("%v %v", v, err)
	}
}

func TestFiles(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	outside := filepath.ToSlash(t.TempDir())
	for name, text := range map[string]string{
		dir + "/in.txt": "one\ntwo\n", outside + "/secret": "secret", dir + "/mod.lua": "return { v = 42 }",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside+"/secret", dir+"/link"); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, dir+"/dirlink"); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	c := Config{Capabilities: words(t, "base", "fs:"+dir), Args: map[string]string{"dir": dir}}
	out, _, err := runText(t, `
for l in io.lines("in.txt") do io.write("<", l, ">") end
local f = assert(io.open(args.dir .. "/out.txt", "w"))
f:write("x", 1, "\n") f:close()
f = assert(io.open("out.txt", "a+")) f:write("more") f:seek("set") print(f:read("*a")) f:close()
print(os.rename("out.txt", "moved.txt"), io.open("out.txt"))
print(os.remove("moved.txt"), os.remove("moved.txt"))
local n = os.tmpname() print(n:sub(1, #args.dir) == args.dir, os.remove(n))
print(require("mod").v, dofile("mod.lua").v, loadfile("mod.lua")().v)
print(io.open("link"), io.open("dirlink/secret"), (io.open("x/../in.txt")))
print(io.open("a\0b"))
`, c)
	want := "<one><two>x1\nmore\ntrue\tnil\tout.txt: No such file or directory\t2\n" +
		"true\tnil\tmoved.txt: No such file or directory\t2\ntrue\ttrue\n42\t42\t42\n"
	if err != nil || !strings.HasPrefix(out, want) {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := out[len(want):]
	if strings.Contains(rest, "secret\n") || !strings.HasPrefix(rest, "nil\tnil\tfile (") && !strings.Contains(rest, "Permission denied") {
		t.Errorf("out of the root: %s", rest)
	}
	if strings.Count(rest, "file (") != 1 || !strings.Contains(rest, "Invalid argument") {
		t.Errorf("got %s", rest)
	}
	// A word for one file alone, and one for a part of it read only.
	c.Capabilities = words(t, "base", "fs:"+dir+"/in.txt:ro")
	out, _, err = runText(t, `print(io.open(args.dir .. "/in.txt"):read(), pcall(io.open, args.dir .. "/mod.lua"))`, c)
	if err != nil || out != "one\tfalse\tcapability \"fs:"+dir+"/mod.lua\" not granted\n" {
		t.Errorf("%q %v", out, err)
	}
	// Open files end with the run, their buffers written.
	c.Capabilities = words(t, "base", "fs:"+dir)
	if _, _, err := runText(t, `f = io.open("kept", "w") f:write("kept")`, c); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(dir + "/kept"); string(b) != "kept" {
		t.Errorf("%q %v", b, err)
	}
	out, _, err = runText(t, `local t = {} while true do local f, e = io.open("in.txt") if not f then print(e) break end t[#t + 1] = f end`, c)
	if err != nil || !strings.Contains(strings.ToLower(out), "too many open files") {
		t.Errorf("%q %v", out, err)
	}
}

func TestExec(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	c := Config{Capabilities: words(t, "base", "exec"), Stdin: strings.NewReader("the script's own")}
	out, _, err := runText(t, `
print(os.execute("exit 3"), os.execute(), os.execute("echo out; cat"))
local p = io.popen("echo one; echo two") print(p:read(), p:read("*a")) print(p:close())
p = io.popen("cat", "w") p:write("to cat\n") p:close()
print(io.popen("echo $HOME$SECRET"):read())
`, c)
	// The output of a program comes when it runs, before print gets its turn.
	want := "out\n768\t1\t0\none\ttwo\n\ntrue\nto cat\n\n"
	if err != nil || out != want {
		t.Errorf("%v\n%q\n%q", err, out, want)
	}
	for _, src := range []string{"os.execute('sleep 60 & sleep 60')", "io.popen('sleep 60'):read()", "io.popen('sleep 60', 'w'):close()"} {
		begin := time.Now()
		c.Budget.Wall = 100 * time.Millisecond
		_, _, err := runText(t, src, c)
		var je *job.Error
		if !errors.As(err, &je) || je.Code != job.CodeTimeout || time.Since(begin) > 20*time.Second {
			t.Errorf("%s: %v after %v", src, err, time.Since(begin))
		}
	}
}

// What was read ahead does not move where the next write goes, and a file that
// was closed is not among those that are open.
func TestFileInPlace(t *testing.T) {
	dir := t.TempDir()
	c := Config{Capabilities: words(t, "base", "fs:"+dir)}
	out, _, err := runText(t, `
local f = assert(io.open("x", "w")) f:write("abcdefgh") f:close()
f = assert(io.open("x", "r+"))
print(f:read(2), f:write("XY") ~= nil, f:seek("cur"), f:read(1), f:seek("cur", 1), f:read("*a"))
f:close()
print(io.open("x"):read("*a"))
for i = 1, 300 do assert(io.open("x")):close() end
`, c)
	if want := "ab\ttrue\t4\te\t6\tgh\nabXYefgh\n"; err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// A task without limits has those of its runner.
func TestRunnerLimits(t *testing.T) {
	for src, want := range map[string]struct {
		limits job.Budget
		code   string
	}{
		"local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end": {job.Budget{Memory: 4 << 20}, job.CodeMemory},
		"while true do end": {job.Budget{Wall: 10 * time.Millisecond}, job.CodeTimeout},
		"local function f(n) if n == 0 then return 1 end return 1 + f(n - 1) end f(100)": {job.Budget{Depth: 50}, job.CodeDepth},
	} {
		o := (&Runner{Limits: want.limits}).Run(t.Context(), job.Task{Name: "s", Format: job.FormatLua, Payload: []byte(src), Capabilities: words(t, "base")}, job.Streams{})
		if o.Err == nil || o.Err.Code != want.code {
			t.Errorf("%s: %+v, want %s", src, o.Err, want.code)
		}
	}
}

func TestNet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s := bufio.NewScanner(c)
			for s.Scan() && s.Text() != "bye" {
				c.Write([]byte("got " + s.Text() + "\nrest"))
			}
			c.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := Config{Capabilities: words(t, "base", "net:127.0.0.1:"+port), Args: map[string]string{"port": port}}
	out, _, err := runText(t, `
local c = assert(net.connect("127.0.0.1", tonumber(args.port), 5))
print(c:send("hello\n"), c:receive(), c:receive(4))
c:settimeout(0.05) print(c:receive())
c:settimeout(5) c:send("bye\n") print(c:receive("*l")) print(c:receive("*a") == "", c:receive()) print(c:receive(4), c:receive(0))
print(c:close(), c:send("x"), require("net") == net, tostring(c):match("^socket 127") ~= nil)
print(pcall(c.send, 5, "x"))
`, c)
	want := "true\tgot hello\trest\nnil\ttimeout\nnil\tclosed\ntrue\tnil\tclosed\nnil\t\ntrue\tnil\ttrue\ttrue\n" +
		"false\tbad argument #1 to '?' (socket expected, got number)\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	// Waiting for a peer ends with the run.
	c.Budget.Wall = 50 * time.Millisecond
	_, _, err = runText(t, `net.connect("127.0.0.1", tonumber(args.port)):receive()`, c)
	var je *job.Error
	if !errors.As(err, &je) || je.Code != job.CodeTimeout {
		t.Error(err)
	}
}

func TestStreams(t *testing.T) {
	var stdout, stderr strings.Builder
	p, err := Compile("s.lua", []byte(`
print(io.read("*n"), io.read("*l"), io.read(3), io.read())
for l in io.lines() do io.write("[", l, "]") end
print(io.read(), io.read("*a"), io.read(0))
io.stderr:write("to stderr") io.stdout:write("to stdout", 1, "\n")
print(io.stdout:close()) io.output():write("still\n")
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(context.Background(), Config{
		Capabilities: capability.Default(), Stdin: strings.NewReader("42 rest\nabcdef\nx\n\ny"), Stdout: &stdout, Stderr: &stderr,
	})
	want := "42\t rest\tabc\tdef\n[x][][y]nil\t\tnil\nto stdout1\nnil\tcannot close standard file\nstill\n"
	if err != nil || stdout.String() != want || stderr.String() != "to stderr" {
		t.Errorf("%v\n%q\n%q", err, stdout.String(), stderr.String())
	}
	_, _, err = runText(t, "print('x')", Config{})
	if err != nil {
		t.Error(err)
	}
	p, _ = Compile("s.lua", []byte("local ok, e = io.write('x') if ok then error('written') end error(e, 0)"))
	_, err = p.Run(context.Background(), Config{Capabilities: capability.Default(), Stdout: brokenWriter{}})
	if err == nil || err.Error() != "pipe is broken" {
		t.Error(err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is broken") }
