package emp_test

import (
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/emp/frame"
)

// An idle connection costs an agent at most 12 KB, and ten thousand of them
// do not keep it from answering.
func TestIdleConnections(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's own memory would be measured")
	}
	const most = 12 << 10
	n := 2000
	if os.Getenv("LANDER_LONG") == "1" {
		n = 10_000
	}
	s := startChild("emp")(t)
	rss := func() int {
		t.Helper()
		s.tell(t, "gc")
		s.tell(t, "gc")
		b, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/status")
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
	g := targets()[0]
	verify(t, s.addr, g)
	before := rss()
	conns := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
		debug.FreeOSMemory()
	}()
	name := frame.Append(nil, frame.Frame{Command: frame.CmdRegisterVariable, Payload: []byte(`["config.agent"]`)})
	answer := make([]byte, 100)
	for range n {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		// Each was in use once, and watches a variable.
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Write(name); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	each := (rss() - before) / n
	t.Logf("%d idle connections, %d bytes each", n, each)
	if each > most {
		t.Errorf("%d bytes for an idle connection, at most %d are promised", each, most)
	}
	verify(t, s.addr, g)
}
