//go:build unix

package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"lander/lib/bundle"
	"lander/lib/store"
	"lander/lib/trust"
)

// size is how much a round does.
type size struct {
	agents, hosts int // agents are spread over so many processes
	each          int // executions on an agent
	atOnce        int // of them, those under way at a time
	quick         bool
	gap           time.Duration // in which acknowledged writes may stop; 0: not looked at
}

// Gateways, agents and the servers of their store are killed while scripts
// run: each execution ends once, what completed ran once, and what did not
// never ran twice. With LANDER_LONG=1 there are 300 agents with 6,000
// executions, in five rounds.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("elections take seconds: -short")
	}
	if os.Getenv("LANDER_LONG") != "1" {
		t.Log(newCluster(t, size{agents: 10, hosts: 5, each: 8, atOnce: 2, quick: true}).round())
		return
	}
	rounds := 5
	fmt.Sscan(os.Getenv("LANDER_ROUNDS"), &rounds)
	var results []result
	for range rounds {
		results = append(results, newCluster(t, size{agents: 300, hosts: 10, each: 20, atOnce: 3, gap: 20 * time.Second}).round())
		t.Log(results[len(results)-1])
	}
	var gaps []time.Duration
	for i, r := range results {
		t.Logf("round %d: %v", i+1, r)
		gaps = append(gaps, r.gap)
	}
	slices.Sort(gaps)
	if median := gaps[len(gaps)/2]; median > 10*time.Second {
		t.Errorf("acknowledged writes stop for %v in the median", median)
	}
}

// result is what came of a round.
type result struct {
	counts   map[string]int
	ran      int // lines that were written
	gap      time.Duration
	took     time.Duration
	repeated int // requests that had to be made again
	leader   string
}

func (r result) String() string {
	return fmt.Sprintf("%v, %d ran, gap %v, %d requests repeated, took %v, leader %s", r.counts, r.ran, r.gap.Round(10*time.Millisecond), r.repeated, r.took.Round(time.Second), r.leader)
}

// cluster is the processes of a round.
type cluster struct {
	t     *testing.T
	s     size
	dir   string
	key   trust.PrivateKey
	store string
	nats  []*process
	gates []*process
	urls  []string // of the gateways
	m3da  []string // where they take agents
	hosts []*process

	scripts  map[string]string // by device
	started  atomic.Int64      // starts that were acknowledged
	finished atomic.Int64      // ends that were seen
	repeated atomic.Int64

	mu   sync.Mutex
	last time.Time // of the last acknowledged write
	gap  time.Duration
	runs []run
}

// run is one execution as its client saw it.
type run struct{ device, n, path, status, completed string }

// process is one that is killed and started again.
type process struct {
	t    *testing.T
	role string
	args []string
	log  string
	cmd  *exec.Cmd
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), roleVar+"="+p.role)
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	p.cmd.Stdout, p.cmd.Stderr = f, f
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// freePort finds a port that no outgoing connection gets while it is not used.
func freePort(t *testing.T) int {
	for range 1000 {
		port := 15_000 + rand.IntN(15_000)
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func newCluster(t *testing.T, s size) *cluster {
	c := &cluster{t: t, s: s, dir: t.TempDir(), scripts: map[string]string{}}
	var err error
	if c.key, err = trust.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.tails()
		}
		for _, p := range slices.Concat(c.hosts, c.gates, c.nats) {
			p.kill()
		}
	})
	c.startNATS()
	c.startGateways()
	c.startAgents()
	return c
}

// tails shows the ends of what the processes have said.
func (c *cluster) tails() {
	if os.Getenv("LANDER_TEST_DUMP") != "" {
		for _, p := range c.gates {
			if p.cmd != nil {
				p.cmd.Process.Signal(syscall.SIGQUIT) // a dump of what it waits for
			}
		}
		time.Sleep(time.Second)
	}
	for _, p := range slices.Concat(c.gates, c.nats, c.hosts) {
		b, _ := os.ReadFile(p.log)
		if len(b) > 0 {
			c.t.Logf("%s: %s", filepath.Base(p.log), b[:min(len(b), 30_000)])
		}
	}
}

func (c *cluster) startNATS() {
	var ports []int
	var routes, urls []string
	for range 3 {
		route := freePort(c.t)
		ports = append(ports, route)
		routes = append(routes, fmt.Sprint("nats://127.0.0.1:", route))
	}
	for i := range 3 {
		port := freePort(c.t)
		urls = append(urls, fmt.Sprint("127.0.0.1:", port))
		p := &process{t: c.t, role: "nats", log: filepath.Join(c.dir, fmt.Sprint("nats", i, ".log")),
			args: []string{fmt.Sprint("n", i), fmt.Sprint(port), fmt.Sprint(ports[i]), strings.Join(routes, ","), filepath.Join(c.dir, fmt.Sprint("nats", i))}}
		p.start()
		c.nats = append(c.nats, p)
	}
	for _, url := range urls {
		c.until("the server "+url, func() bool {
			conn, err := net.Dial("tcp", url)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	c.store = "nats://" + strings.Join(urls, ",") + "/fleet?replicas=3"
}

// leader is the server that leads the stream.
func (c *cluster) leader() *process {
	c.t.Helper()
	servers, _, _ := strings.Cut(c.store, "/fleet")
	conn, err := nats.Connect(servers, nats.Timeout(5*time.Second))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		c.t.Fatal(err)
	}
	var name string
	c.until("the stream has a leader", func() bool {
		stream, err := js.Stream(c.t.Context(), "fleet")
		if err != nil {
			return false
		}
		info := stream.CachedInfo()
		if info.Cluster != nil {
			name = info.Cluster.Leader
		}
		return name != ""
	})
	for _, p := range c.nats {
		if p.args[0] == name {
			return p
		}
	}
	c.t.Fatalf("the leader %q is none of ours", name)
	return nil
}

func (c *cluster) startGateways() {
	for i := range 3 {
		web, m3da := freePort(c.t), freePort(c.t)
		c.urls = append(c.urls, fmt.Sprint("http://127.0.0.1:", web))
		c.m3da = append(c.m3da, fmt.Sprint("127.0.0.1:", m3da))
		dir := filepath.Join(c.dir, fmt.Sprint("gw", i))
		p := &process{t: c.t, role: "gateway", log: dir + ".log", args: []string{
			"gateway", "--listen", fmt.Sprint("tcp://127.0.0.1:", web), "--m3da", fmt.Sprint("m3da://127.0.0.1:", m3da),
			"--store", c.store, "--state", dir, "--scripts", filepath.Join(dir, "scripts"), "--uncontained",
		}}
		p.start()
		c.gates = append(c.gates, p)
	}
	for _, url := range c.urls {
		c.until("the gateway "+url, func() bool {
			status, _, err := c.request(c.t.Context(), "GET", url+"/api/v1/health", "", nil)
			return err == nil && status == 200
		})
	}
}

func (c *cluster) startAgents() {
	keys := filepath.Join(c.dir, "agents", "trust")
	if _, err := trust.Add(keys, c.key.Public().Text(), ""); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(keys, "policy.toml"), []byte("[defaults]\ncapabilities=['base','exec']\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	quick := "real"
	if c.s.quick {
		quick = "quick"
	}
	for h := range c.s.hosts {
		args := []string{filepath.Join(c.dir, "agents"), strings.Join(c.m3da, ","), quick}
		for i := h; i < c.s.agents; i += c.s.hosts {
			args = append(args, fmt.Sprint("dev-", i))
		}
		p := &process{t: c.t, role: "agents", log: filepath.Join(c.dir, fmt.Sprint("agents", h, ".log")), args: args}
		p.start()
		c.hosts = append(c.hosts, p)
	}
	for i := range c.s.agents {
		c.until(fmt.Sprint("dev-", i), func() bool {
			_, body, err := c.request(c.t.Context(), "GET", fmt.Sprint(c.urls[i%3], "/api/v1/components/dev-", i), "", nil)
			return err == nil && bytes.Contains(body, []byte(`"online":true`))
		})
	}
}

func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("waiting: %s", what)
		}
	}
}

func (c *cluster) request(ctx context.Context, method, url, key string, body []byte, header ...string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// ask asks one gateway after the other until one gives the answer.
func (c *cluster) ask(first int, method, path, key string, body []byte, patience time.Duration, want int, header ...string) ([]byte, error) {
	var status int
	var b []byte
	var err error
	for i, end := first, time.Now().Add(3*time.Minute); time.Now().Before(end); i++ {
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		status, b, err = c.request(ctx, method, c.urls[i%3]+"/api/v1"+path, key, body, header...)
		cancel()
		if err == nil && status == want {
			return b, nil
		}
		c.repeated.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("%s %s: %d %s, %w", method, path, status, b, errors.Join(err, context.DeadlineExceeded))
}

// acknowledged notes that a write has come back.
func (c *cluster) acknowledged() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		c.gap = max(c.gap, now.Sub(c.last))
	}
	c.last = now
}

// sign makes a bundle that writes its argument into a file, for a device.
func (c *cluster) sign(file string) []byte {
	p, err := bundle.Spool(strings.NewReader(`echo "$LANDER_ARG_N" >> `+file+"\n"), 1<<20, "")
	if err != nil {
		c.t.Fatal(err)
	}
	st := trust.Statement{Name: filepath.Base(file), Format: "sh", Size: p.Size, SHA256: p.SHA256, Targets: []string{"*"}, Serial: 1, Signed: time.Now().Truncate(time.Second), ArgsAllow: true}
	comment, err := st.Comment()
	if err != nil {
		c.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(c.key, comment, bundle.Comment), p.Reader()); err != nil {
		c.t.Fatal(err)
	}
	return b.Bytes()
}

func (c *cluster) file(device string) string { return filepath.Join(c.dir, "ran-"+device) }

// upload gives each device its script, at one gateway or another.
func (c *cluster) upload() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 8)
	for i := range c.s.agents {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			device := fmt.Sprint("dev-", i)
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			part, _ := w.CreateFormFile("file", "job.sh")
			part.Write(c.sign(c.file(device)))
			w.Close()
			answer, err := c.ask(i, "POST", "/components/"+device+"/scripts", "", b.Bytes(), time.Minute, 201, "Content-Type", w.FormDataContentType())
			var x struct{ ID string }
			if err == nil {
				err = json.Unmarshal(answer, &x)
			}
			if err != nil {
				c.t.Error(err)
				return
			}
			mu.Lock()
			c.scripts[device] = x.ID
			mu.Unlock()
		})
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// run starts an execution and waits for its end, at whichever gateway answers.
func (c *cluster) run(i, k int) {
	device, n := fmt.Sprint("dev-", i), fmt.Sprintf("n%d-%d", i, k)
	base := "/components/" + device + "/scripts/" + c.scripts[device] + "/executions"
	var x struct {
		ID, Status string
		Completed  string `json:"completed_at"`
	}
	b, err := c.ask(i+k, "POST", base, n, []byte(`{"execution_type":"now","parameters":{"n":"`+n+`"}}`), 8*time.Second, 202)
	if err == nil {
		c.acknowledged()
		c.started.Add(1)
		err = json.Unmarshal(b, &x)
	}
	for end := time.Now().Add(endTime); err == nil && x.Completed == ""; {
		if time.Now().After(end) {
			err = fmt.Errorf("it does not end: %s", c.known(base+"/"+x.ID, x.ID))
			break
		}
		if b, err = c.ask(i+k+1, "GET", base+"/"+x.ID+"?wait=20s", "", nil, 30*time.Second, 200); err == nil {
			err = json.Unmarshal(b, &x)
		}
	}
	if err != nil {
		c.t.Errorf("%s %s: %v", device, n, err)
		return
	}
	c.finished.Add(1)
	c.mu.Lock()
	c.runs = append(c.runs, run{device, n, base + "/" + x.ID, x.Status, x.Completed})
	c.mu.Unlock()
}

// endTime is how long an execution may take, whatever is killed meanwhile.
const endTime = 2 * time.Minute

// known is what the gateways and the store say of an execution.
func (c *cluster) known(path, id string) string {
	var out strings.Builder
	for _, url := range c.urls {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		_, b, err := c.request(ctx, "GET", url+"/api/v1"+path, "", nil)
		cancel()
		device, _, _ := strings.Cut(strings.TrimPrefix(path, "/components/"), "/")
		ctx, cancel = context.WithTimeout(c.t.Context(), 5*time.Second)
		_, d, _ := c.request(ctx, "GET", url+"/api/v1/components/"+device, "", nil)
		cancel()
		fmt.Fprintf(&out, "\n%s %v %s", b, err, d)
	}
	if st, err := store.Open(c.t.Context(), c.store, ""); err == nil {
		defer st.Close()
		e, err := st.Get(c.t.Context(), "fleet/executions/"+id)
		fmt.Fprintf(&out, "\n%s %v", e.Value, err)
	}
	return out.String()
}

// round runs it all.
func (c *cluster) round() (r result) {
	c.upload()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range c.s.agents {
		var next atomic.Int64
		for range c.s.atOnce {
			wg.Go(func() {
				for k := next.Add(1); k <= int64(c.s.each) && !c.t.Failed(); k = next.Add(1) {
					c.run(i, int(k))
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	// Writes that do not wait for devices show how long none gets through.
	probing, stop := context.WithCancel(context.Background())
	var probes sync.WaitGroup
	probes.Go(func() { c.probe(probing) })

	total := int64(c.s.agents * c.s.each)
	at := func(part float64) {
		for c.finished.Load() < int64(part*float64(total)) && !c.t.Failed() {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	at(0.2)
	leader := c.leader()
	r.leader = leader.args[0]
	leader.kill()
	at(0.35)
	c.gates[1].kill()
	at(0.45)
	leader.start()
	at(0.55)
	for _, p := range c.hosts[:max(1, len(c.hosts)/10)] {
		p.kill()
	}
	c.gates[1].start()
	at(0.6)
	for _, p := range c.hosts[:max(1, len(c.hosts)/10)] {
		if p.cmd == nil {
			p.start()
		}
	}
	<-done
	stop()
	probes.Wait()
	r.took, r.gap, r.repeated = time.Since(began), c.gap, int(c.repeated.Load())
	c.check(&r)
	if c.s.gap > 0 && r.gap > c.s.gap {
		c.t.Errorf("acknowledged writes stopped for %v", r.gap)
	}
	for _, p := range slices.Concat(c.hosts, c.gates, c.nats) {
		p.kill()
	}
	return r
}

// probe has an acknowledged write all the time.
func (c *cluster) probe(ctx context.Context) {
	path := "/components/dev-0/scripts/" + c.scripts["dev-0"]
	for i := 0; ctx.Err() == nil; i++ {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, _ := w.CreateFormFile("file", "probe.sh")
		io.WriteString(part, "true\n")
		w.Close()
		try, cancel := context.WithTimeout(ctx, 8*time.Second)
		status, _, err := c.request(try, "POST", c.urls[i%3]+"/api/v1"+filepath.Dir(path), "", b.Bytes(), "Content-Type", w.FormDataContentType())
		cancel()
		if err == nil && status == 201 {
			c.acknowledged()
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
