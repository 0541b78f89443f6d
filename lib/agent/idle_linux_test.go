package agent_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/emp/frame"
)

// An idle application costs the agent at most 12 KB, the whole dispatcher
// included, and many of them do not keep it from answering.
func TestIdleApplications(t *testing.T) {
	const most = 12 << 10
	n := 2000
	if os.Getenv("LANDER_LONG") == "1" {
		n = 10_000
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), mortalDir+"="+dir)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { child.Process.Kill(); child.Wait() }()
	out := bufio.NewReader(pipe)
	expect := func(want string) {
		t.Helper()
		if line, err := out.ReadString('\n'); line != want+"\n" {
			t.Fatalf("the agent says %q, %v", line, err)
		}
	}
	expect("ready")
	rss := func() int {
		t.Helper()
		for range 2 {
			in.Write([]byte("\n"))
			expect("collected")
		}
		b, err := os.ReadFile("/proc/" + strconv.Itoa(child.Process.Pid) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		kib, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		return kib << 10
	}
	// Each registers an asset and a watch, and is idle then.
	connect := func(i int) net.Conn {
		c, err := net.Dial("unix", filepath.Join(dir, "sock"))
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		c.Write(command(frame.CmdRegister, 0, `"app`+strconv.Itoa(i)+`"`))
		c.Write(command(frame.CmdRegisterVariable, 1, `["config.agent"]`))
		for range 2 {
			if got := response(t, c); !strings.Contains(got, " 0 ") {
				t.Fatalf("connection %d: %s", i, got)
			}
		}
		return c
	}
	first := connect(-1)
	defer first.Close()
	before := rss()
	for i := range n {
		defer connect(i).Close()
	}
	each := (rss() - before) / n
	t.Logf("%d idle applications, %d bytes each", n, each)
	if each > most && !raceDetector {
		t.Errorf("%d bytes for an idle application, at most %d are promised", each, most)
	}
	first.Write(command(frame.CmdGetVariable, 7, `"config.agent.deviceId"`))
	if got := response(t, first); got != `9 07 0 ["mortal"]` {
		t.Error(got)
	}
}
