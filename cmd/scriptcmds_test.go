package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// commandsForScripts are what the scripts use beside the usual commands.
func commandsForScripts() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"everycommand": everyCommand,
		"exitcode":     exitCode,
		"jsonline":     jsonLine,
		"onelines":     oneLines,
		"flipbits":     flipBits,
		"noescape":     noEscape,
		"zeros":        zeros,
		"repeat":       repeat,
		"httpdir":      httpDir,
		"m3dasite":     m3daSite,
		"mkfifo":       mkfifo,
		"otaboard":     otaBoard,
		"certificates": certificates,
		"workflow":     workflow,
		"otaunit":      otaUnit,
		"board":        boardOn,
		"boardfiles":   boardFiles,
		"rom":          romOn,
		"romimage":     romImage,
		"serveon":      serveOn,
		"copyexample":  copyExample,
		"buildgo":      buildGo,
		"devstty":      devsTTY,
	}
}

// interop says whether missing peers are a failure.
func interop() bool { return os.Getenv("LANDER_INTEROP") == "1" }

// condition: [need:PROGRAM] is true when the program is there; with
// LANDER_INTEROP=1 it must be.
func condition(cond string) (bool, error) {
	name, ok := strings.CutPrefix(cond, "need:")
	if !ok {
		if cond == "root" {
			return os.Geteuid() == 0, nil
		}
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	if _, err := exec.LookPath(name); err != nil {
		if interop() {
			return false, fmt.Errorf("%s is not installed, and LANDER_INTEROP=1 makes it mandatory", name)
		}
		return false, nil
	}
	return true, nil
}

// exitCode runs a program and compares its exit code: exitcode 4 lander ...
// Standard input comes from the file named by STDIN, if set.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ee.ExitCode()
		if ws, ok := ee.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			got = 128 + int(ws.Signal())
		}
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// jsonLine checks the last line of a stream: jsonline stdout|stderr
// [path=value...], where path goes down objects by dots.
func jsonLine(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.TrimRight(ts.ReadFile(args[0]), "\n")
	last := text[strings.LastIndexByte(text, '\n')+1:]
	var v any
	dec := json.NewDecoder(strings.NewReader(last))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("last line of %s is not JSON: %v: %q", args[0], err, last)
	}
	for _, a := range args[1:] {
		path, want, _ := strings.Cut(a, "=")
		at := v
		for p := range strings.SplitSeq(path, ".") {
			switch x := at.(type) {
			case map[string]any:
				var ok bool
				if at, ok = x[p]; !ok {
					ts.Fatalf("no %s in %s", path, last)
				}
			case []any:
				i, err := strconv.Atoi(p)
				if err != nil || i >= len(x) {
					ts.Fatalf("no %s in %s", path, last)
				}
				at = x[i]
			default:
				ts.Fatalf("no %s in %s", path, last)
			}
		}
		if got := fmt.Sprint(at); (got == want) == neg {
			ts.Fatalf("%s is %s, want %s", path, got, want)
		}
	}
}

// oneLines checks that a stream has exactly N lines: onelines N stderr.
func oneLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); (got == want) == neg {
		ts.Fatalf("%d lines on %s, want %d", got, args[1], want)
	}
}

// flipBits checks that verify refuses FILE with any single bit flipped, with
// exit code 3 or 4, one error line and nothing on stdout.
func flipBits(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	good, err := os.ReadFile(file)
	ts.Check(err)
	for i := range good {
		for bit := range 8 {
			if raceEnabled && bit != i%8 {
				continue
			}
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			verifyRefuses(ts, file, bad, fmt.Sprintf("byte %d bit %d", i, bit), args[1:])
		}
	}
}

func noEscape(ts *testscript.TestScript, neg bool, args []string) {
	for _, a := range args {
		if strings.Contains(ts.ReadFile(a), "\x1b") {
			ts.Fatalf("%s holds an escape byte", a)
		}
	}
}

// zeros FILE SIZE makes a sparse file.
func zeros(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(n))
	ts.Check(f.Close())
}

// repeat FILE TEXT COUNT [PREFIX] writes TEXT many times.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	text := strings.Repeat(args[1], n)
	if len(args) > 3 {
		text = args[3] + text
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func mkfifo(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(makeFIFO(ts.MkAbs(args[0])))
}

// buildGo VARIABLE PACKAGE builds a program of this module and sets VARIABLE
// to its path.
func buildGo(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.MkAbs(args[0])
	build := exec.Command("go", "build", "-o", out, args[1])
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("building %s: %v\n%s", args[1], err, text)
	}
	ts.Setenv(args[0], out)
}

// httpDir VARIABLE serves the working directory over HTTP on loopback, and
// /endless without end, and sets VARIABLE to its URL.
func httpDir(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(ts.Getenv("WORK"))))
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { srv.Serve(l); close(done) }()
	ts.Defer(func() { srv.Close(); <-done })
	ts.Setenv(args[0], "http://"+l.Addr().String())
}
