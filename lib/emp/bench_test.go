package emp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/emp/frame"
)

// The benchmarks compare a GetVariable round trip through a Peer and the
// variable tree, and one through the whole agent as the binary runs it, with a
// TCP echo of the same bytes and with a GET of redis-server. One client drives
// all of them, each in a process of its own:
//
//	go test -run '^$' -bench . ./lib/emp
//	LANDER_LONG=1 go test -run TestThroughput -v ./lib/emp

const benchKey, benchValue = "config.agent.deviceId", "012345678901234"

// load is one way of asking.
type load struct {
	name   string
	conns  int
	window int // requests in flight on each connection
}

var loads = []load{{"lockstep", 1, 1}, {"1x256", 1, 256}, {"100x16", 100, 16}}

// target is a server and the bytes that are exchanged with it.
type target struct {
	name     string
	start    func(t testing.TB) *server
	requests [][]byte // sent in turn
	response int      // bytes of each response
}

func targets() []target {
	emp, echo := target{name: "emp", start: startChild("emp")}, target{name: "echo", start: startChild("echo")}
	for id := range 256 {
		f := frame.Frame{Command: frame.CmdGetVariable, RequestID: uint8(id), Payload: frame.AppendString(nil, benchKey)}
		emp.requests = append(emp.requests, frame.Append(nil, f))
	}
	body := frame.Variables{Value: frame.String(benchValue)}.Append(nil)
	emp.response = frame.HeaderSize + 2 + len(body)
	echo.requests, echo.response = emp.requests, len(emp.requests[0])
	agent := target{"agent", startAgent, emp.requests, emp.response}
	get := fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(benchKey), benchKey)
	return []target{emp, agent, echo, {"redis", startRedis, [][]byte{[]byte(get)}, len(fmt.Sprintf("$%d\r\n%s\r\n", len(benchValue), benchValue))}}
}

// drive makes the client ask until stop says so, and returns the number of
// responses. Requests that are in flight then are awaited.
func drive(t testing.TB, addr string, g target, l load, stop func(done int64) bool) int64 {
	var total atomic.Int64
	var wg sync.WaitGroup
	for range l.conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			if err := ask(conn, g, l.window, &total, stop); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return total.Load()
}

func ask(conn net.Conn, g target, window int, total *atomic.Int64, stop func(int64) bool) error {
	size := len(g.requests[0])
	stock := bytes.Repeat(bytes.Join(g.requests, nil), 2*max(window/len(g.requests), 1))
	stock = append(stock, stock...)
	next := 0
	send := func(n int) error {
		if (next+n)*size > len(stock) {
			next = 0
		}
		_, err := conn.Write(stock[next*size : (next+n)*size])
		next += n
		return err
	}
	if err := send(window); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	got, flying := 0, window
	for flying > 0 {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		got += n
		k := got / g.response
		got %= g.response
		if k == 0 {
			continue
		}
		flying -= k
		if done := total.Add(int64(k)); stop(done) {
			continue
		}
		if err := send(k); err != nil {
			return err
		}
		flying += k
	}
	return nil
}

// verify makes one exchange and looks at what comes.
func verify(t testing.TB, addr string, g target) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(g.requests[0]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, g.response)
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Fatal(err)
	}
	if want := benchValue; g.name != "echo" && !bytes.Contains(b, []byte(want)) {
		t.Fatalf("%s answers %q", g.name, b)
	}
}

func BenchmarkGet(b *testing.B) {
	for _, g := range targets() {
		b.Run(g.name, func(b *testing.B) {
			s := g.start(b)
			verify(b, s.addr, g)
			for _, l := range loads {
				b.Run(l.name, func(b *testing.B) {
					before := s.allocations(b)
					b.ResetTimer()
					n := int64(b.N)
					done := drive(b, s.addr, g, l, func(done int64) bool { return done >= n })
					b.StopTimer()
					b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "req/s")
					if g.name == "emp" || g.name == "echo" {
						b.ReportMetric(float64(s.allocations(b)-before)/float64(done), "allocs/req")
					}
				})
			}
		})
	}
}

// TestThroughput prints the table of medians. Speed on a shared machine is no
// ground to fail; allocations are.
func TestThroughput(t *testing.T) {
	if os.Getenv("LANDER_LONG") != "1" {
		t.Skip("takes a minute; LANDER_LONG=1 runs it")
	}
	const rounds, span = 11, 400 * time.Millisecond
	gs := targets()
	servers := make([]*server, len(gs))
	rates := map[string][]float64{}
	for i, g := range gs {
		servers[i] = g.start(t)
		verify(t, servers[i].addr, g)
	}
	var asked, allocated float64
	for round := range rounds {
		for _, l := range loads {
			for k := range gs {
				i := (k + round) % len(gs) // nobody is always first
				g := gs[i]
				var end atomic.Bool
				before := servers[i].allocations(t)
				begin := time.Now()
				timer := time.AfterFunc(span, func() { end.Store(true) })
				n := drive(t, servers[i].addr, g, l, func(int64) bool { return end.Load() })
				timer.Stop()
				key := g.name + " " + l.name
				rates[key] = append(rates[key], float64(n)/time.Since(begin).Seconds())
				if g.name == "emp" {
					asked += float64(n)
					allocated += float64(servers[i].allocations(t) - before)
				}
			}
		}
	}
	median := func(key string) float64 {
		r := slices.Sorted(slices.Values(rates[key]))
		return r[len(r)/2]
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n%-16s %12s %12s %12s %10s %10s   (medians of %d interleaved rounds, requests/s)\n", "load", "ours", "echo", "redis", "/echo", "/redis", rounds)
	for _, l := range loads {
		c, r := median("echo "+l.name), median("redis "+l.name)
		for _, ours := range []string{"emp", "agent"} {
			name := ours + " " + l.name
			e := median(name)
			fmt.Fprintf(&out, "%-16s %12.0f %12.0f %12.0f %10.2f %10.2f\n", name, e, c, r, e/c, e/r)
		}
	}
	fmt.Fprintf(&out, "allocations per GetVariable in the server: %.4f\n", allocated/asked)
	t.Log(out.String())
	if allocated/asked > 1 {
		t.Errorf("%.2f allocations per GetVariable", allocated/asked)
	}
}

// The promise on allocations, without the other processes.
func TestAllocations(t *testing.T) {
	a, b := tcpPair(t)
	newPeer(t, a, serveTree(t))
	request := frame.Append(nil, frame.Frame{Command: frame.CmdGetVariable, Payload: frame.AppendString(nil, benchKey)})
	response := make([]byte, targets()[0].response)
	n := testing.AllocsPerRun(2000, func() {
		if _, err := b.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(b, response); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations per GetVariable", n)
	}
}
