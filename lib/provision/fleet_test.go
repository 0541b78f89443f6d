package provision_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
	"lander/lib/provision"
	"lander/lib/store"
)

// fleetTree is 20 files of 8 KB.
func fleetTree() map[string]string {
	rnd := rand.New(rand.NewSource(1))
	files, names := map[string]string{}, []string{}
	for i := range 20 {
		b := make([]byte, 8192)
		rnd.Read(b)
		name := fmt.Sprintf("f%02d.dat", i)
		files[name] = string(b)
		names = append(names, `"`+name+`"`)
	}
	files["default.json"] = `{` + secretLine + `,"files":[` + strings.Join(names, ",") + `]}`
	return files
}

// fleet updates n boards at once, which need think for each record, and returns how
// long the slowest took and the records that each got.
func (r *rig) fleet(n int, first int64, think time.Duration) (time.Duration, int) {
	r.t.Helper()
	var wg sync.WaitGroup
	trips := make([]int, n)
	began := time.Now()
	for i := range n {
		wg.Go(func() { trips[i] = lean(r.t, r.dial(), first+int64(i), think) })
	}
	wg.Wait()
	return time.Since(began), trips[0]
}

// ping moves as many records of the same sizes, and nothing else: 160 with data,
// the others without.
func ping(t testing.TB, n, trips int) time.Duration {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	signed := func(text, data string) []byte {
		tag := luaotatest.Keys("s3cret").Tag([]byte(text))
		return append(record.Append(nil, record.Record{JSON: []byte(text), Tag: tag[:]}), data...)
	}
	large, small := signed(`{"a":"pu","data":1024}`, strings.Repeat("x", 1024)), signed(`{"a":"mv","from":"~f00.dat","to":"f00.dat"}`, "")
	last := signed(`{"a":"restart","ssid":"lab"}`, "")
	var wg sync.WaitGroup
	wg.Go(func() {
		for range n {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for i := range trips {
					if _, err := r.ReadSlice('\n'); err != nil {
						return
					}
					out := small
					switch {
					case i == trips-1:
						out = last
					case i < 160:
						out = large
					}
					if _, err := conn.Write(out); err != nil {
						return
					}
				}
			})
		}
	})
	began := time.Now()
	var devices sync.WaitGroup
	for i := range n {
		devices.Go(func() {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			lean(t, conn, int64(i), 0)
		})
	}
	devices.Wait()
	took := time.Since(began)
	wg.Wait()
	return took
}

// BenchmarkFleet compares 100 boards of 20 files of 8 KB with a bare server that
// moves the same bytes in the same round trips.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("boards=%d", n), func(b *testing.B) {
			s, err := store.OpenFiles(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			r := newRig(b, fleetTree(), func(o *provision.Options) { o.Store = s })
			r.store = s
			id := int64(1)
			r.fleet(1, 99999999, 0)
			var ours, floor time.Duration
			for b.Loop() {
				took, trips := r.fleet(n, id, 0)
				id += int64(n)
				ours += took
				floor += ping(b, n, trips)
			}
			b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ms/ours")
			b.ReportMetric(float64(floor.Milliseconds())/float64(b.N), "ms/floor")
			b.ReportMetric(float64(ours)/float64(floor), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// 100 boards that need 10 ms for each record and wait 3 s for the first one.
func TestSlowFleet(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's own time would be measured")
	}
	tree := fleetTree()
	tree["lander.json"] = `{"record":1360}` // fewer round trips
	r := newRig(t, tree, nil)
	n, bar := 20, 6*time.Second // 1.5 s of it is the boards' own time
	if os.Getenv("LANDER_LONG") == "1" {
		n = 100
	}
	took, _ := r.fleet(n, 1, 10*time.Millisecond)
	t.Logf("%d boards in %v", n, took)
	if took > bar {
		t.Errorf("%v are more than %v", took, bar)
	}
}

// With 1,000 known boards, "no update" is said at once.
func BenchmarkNoUpdate(b *testing.B) {
	s, err := store.OpenFiles(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	r := newRig(b, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x"}, func(o *provision.Options) { o.Store = s })
	r.store = s
	flashes := make([]*luaotatest.Flash, 1000)
	for i := range flashes {
		flashes[i] = board("s3cret")
		r.boot(int64(i+1), flashes[i], nil)
	}
	i := 0
	for b.Loop() {
		i++
		e, err := r.boot(int64(i%1000+1), flashes[i%1000], nil)
		if err != nil || e.Message != luaota.MessageOK {
			b.Fatalf("%+v, %v", e, err)
		}
	}
}

// A thousand peers that say nothing, and as many that talk nonsense or leave
// half-way, keep no board from its update, and leave nothing behind.
func TestStorm(t *testing.T) {
	r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x"}, func(o *provision.Options) { o.Hello = 2 * time.Second })
	count := 1000
	if raceDetector {
		count = 200
	}
	before := runtime.NumGoroutine()
	var silent []net.Conn
	for range count {
		silent = append(silent, r.dial())
	}
	for i := range count {
		conn := r.dial()
		switch i % 4 {
		case 0:
			io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		case 1:
			io.WriteString(conn, `{"a":"HI","id":7`)
		case 2:
			io.WriteString(conn, strings.Repeat("x", 10000))
		}
		conn.Close()
	}
	flash := board("s3cret")
	began := time.Now()
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the board waited %v", took)
	}
	for _, c := range silent {
		c.Close()
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// Ten thousand visits leave the memory where it was.
func TestManyVisits(t *testing.T) {
	n := 500
	if os.Getenv("LANDER_LONG") == "1" {
		n = 10000
	}
	r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"]}`, "a.txt": "x"}, func(o *provision.Options) { o.Event = nil; o.Log = nil })
	flash := board("s3cret")
	r.settle(7, flash)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 100 {
		r.settle(7, flash)
	}
	before := heap()
	began := time.Now()
	for range n {
		r.settle(7, flash)
	}
	took, after := time.Since(began), heap()
	t.Logf("%d visits in %v, heap %d -> %d", n, took, before, after)
	if after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}
