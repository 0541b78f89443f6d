package cmd_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/link"
	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
)

// otaBoard READYFILE ID SECRET [DIR [FROM]] is a NodeMCU board with the original's
// client: it boots until its application starts, and writes its flash into DIR.
// What is in FROM is on its flash before. Its output is a line a boot.
func otaBoard(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	addr, err := link.Parse(strings.TrimSpace(text))
	ts.Check(err)
	id, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	flash := luaotatest.NewFlash(map[string]string{luaota.ConfigName: fmt.Sprintf(`{"ssid":"lab","spwd":"w1fi","server":"127.0.0.1","secret":%q}`, args[2])})
	if len(args) > 4 {
		fsys := os.DirFS(ts.MkAbs(args[4]))
		names, err := fs.Glob(fsys, "*")
		ts.Check(err)
		for _, name := range names {
			b, err := fs.ReadFile(fsys, name)
			ts.Check(err)
			flash.Put(name, string(b))
		}
	}
	for range 10 {
		d, err := luaotatest.Boot(id, flash)
		ts.Check(err)
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port)))
		ts.Check(err)
		e, err := d.Run(conn)
		ts.Check(err)
		if e.Reboot {
			continue
		}
		if (e.Message == luaota.MessageOK) == neg {
			ts.Fatalf("board %d: %s", id, e.Message)
		}
		if len(args) > 3 {
			for name, content := range flash.Files() {
				p := filepath.Join(ts.MkAbs(args[3]), filepath.FromSlash(name))
				ts.Check(os.MkdirAll(filepath.Dir(p), 0o755))
				ts.Check(os.WriteFile(p, []byte(content), 0o644))
			}
		}
		return
	}
	ts.Fatalf("board %d boots for ever", id)
}

// serveOn VARIABLE ARGS... starts lander in the background with a socket of the
// kind that a service manager hands over, waits for READY=1, and sets VARIABLE
// to its process id. It is ended with the script, by SIGTERM, and must end with 0.
func serveOn(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	ts.Check(err)
	defer f.Close()
	notify := filepath.Join(ts.Getenv("WORK"), "notify")
	nl, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	ts.Check(err)
	defer nl.Close()
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_FDS=1 LISTEN_PID=$$ NOTIFY_SOCKET=` + notify + ` exec "$@"`, "sh"}, args[1:]...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.ExtraFiles = []*os.File{f}
	out, err := os.Create(filepath.Join(ts.Getenv("WORK"), "served"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(filepath.Join(ts.Getenv("WORK"), "served.err"))
	ts.Check(err)
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			ts.Logf("the server ended with %v", err)
		}
	})
	b := make([]byte, 100)
	ts.Check(nl.SetReadDeadline(time.Now().Add(10 * time.Second)))
	n, err := nl.Read(b)
	if err != nil || string(b[:n]) != "READY=1" {
		ts.Fatalf("the server said %q, %v", b[:n], err)
	}
	ts.Setenv(args[0], strconv.Itoa(cmd.Process.Pid))
}

// otaUnit FILE prints the command line of a unit file, with the example tree in
// place of its own and a free port.
func otaUnit(ts *testscript.TestScript, neg bool, args []string) {
	text, err := os.ReadFile(filepath.Join("..", "examples", "systemd", args[0]))
	ts.Check(err)
	for line := range strings.SplitSeq(string(text), "\n") {
		if cmd, ok := strings.CutPrefix(line, "ExecStart=/usr/bin/"); ok {
			ts.Setenv("UNIT", strings.ReplaceAll(cmd, "/srv/ota", "ota-tree"))
			return
		}
	}
	ts.Fatalf("%s starts nothing", args[0])
}

// copyExample NAME copies a directory of examples/ into the working directory.
func copyExample(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.CopyFS(filepath.Join(ts.Getenv("WORK"), args[0]), os.DirFS(filepath.Join("..", "examples", args[0]))))
}
