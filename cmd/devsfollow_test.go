package cmd_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/cmd"
	"lander/lib/devs"
	"lander/lib/jacdac/packet"
)

// The debug map shows the lines of the sources also when it came signed.
func TestFollowShowsSourceLines(t *testing.T) {
	text, err := os.ReadFile("../lib/devs/testdata/panicky-dbg.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	lander := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := cmd.Main(append([]string{"lander"}, args...), strings.NewReader(""), &out, &errs); code != want {
			t.Fatalf("%q: exit %d, want %d, %s", args, code, want, errs.String())
		}
		return out.String()
	}
	if err := os.WriteFile("app-dbg.json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	lander(0, "script", "keygen", "--out", "k", "--no-passphrase")
	lander(0, "trust", "add", "k.pub")
	lander(0, "script", "sign", "--key", "k.key", "--format", "devs", "--target", "*", "-o", "app.signed", "app-dbg.json")

	sim, err := devs.Simulate([]devs.BoardConfig{{
		ID:        packet.DeviceID{1},
		Behaviour: func(_ context.Context, p *devs.Process) { p.Panic(1234, 195) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- sim.Serve(ctx, func(ctx context.Context) (io.ReadWriteCloser, error) {
			defer context.AfterFunc(ctx, func() { l.Close() })()
			return l.Accept()
		})
	}()
	defer func() {
		cancel()
		<-done
		sim.Close()
	}()
	for _, file := range []string{"app-dbg.json", "app.signed"} {
		out := lander(7, "devs", "deploy", "--connect", "tcp://"+l.Addr().String(), "--force", "--follow", "--watch", "10s", file)
		if !strings.Contains(out, "src/panicky.ts:") {
			t.Errorf("%s: no source line in\n%s", file, out)
		}
	}
}
