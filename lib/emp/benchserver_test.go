package emp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/devtree"
	"lander/lib/emp"
	"lander/lib/emp/frame"
)

// benchServer, in the environment, makes the test binary a server that lives
// as long as its standard input.
const benchServer = "EMP_BENCH_SERVER"

func TestMain(m *testing.M) {
	if kind := os.Getenv(benchServer); kind != "" {
		if err := runServer(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dispatcher is the part of an agent that answers for the tree.
type dispatcher struct{ client *devtree.Client }

func (d dispatcher) Answer(dst []byte, r *emp.Request) ([]byte, error) {
	switch r.Command {
	case frame.CmdGetVariable:
		return d.client.GetVariable(dst, r.Payload)
	case frame.CmdSetVariable:
		reply := r.Later()
		if err := d.client.SetVariable(r.Payload, func(err error) { reply.Send(nil, err) }); err != nil {
			reply.Send(nil, err)
		}
		return nil, nil
	case frame.CmdRegisterVariable:
		id, err := d.client.RegisterVariable(r.Payload)
		if err != nil {
			return nil, err
		}
		return id.Append(dst), nil
	case frame.CmdDeRegisterVariable:
		return dst, d.client.DeRegisterVariable(r.Payload)
	}
	return nil, emp.Unsupported(r.Command)
}

// connect makes the options of a connection to the tree.
func connect(tree *devtree.Tree) emp.Options {
	var peer *emp.Peer
	client := tree.Client(func(n frame.NotifyVariable) {
		// What cannot be sent is lost with the connection.
		_ = peer.Post(frame.CmdNotifyVariable, n.Append(nil), nil)
	})
	return emp.Options{
		Handler: dispatcher{client},
		OnOpen:  func(p *emp.Peer) { peer = p },
		OnGone:  func(*emp.Peer, error) { client.Close() },
	}
}

func benchTree() (*devtree.Tree, error) {
	tree, err := devtree.Open(devtree.Options{})
	if err != nil {
		return nil, err
	}
	return tree, tree.Set(benchKey, frame.String(benchValue), nil)
}

func serveTree(t testing.TB) emp.Options {
	t.Helper()
	tree, err := benchTree()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return connect(tree)
}

// runServer tells its address, and the number of allocations for each line
// that it reads.
func runServer(kind string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	switch kind {
	case "emp":
		tree, err := benchTree()
		if err != nil {
			return err
		}
		defer tree.Close()
		go func() {
			ended <- emp.Serve(ctx, l, time.Second, nil, func(net.Conn) emp.Options { return connect(tree) })
		}()
	case "echo":
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- nil
					return
				}
				go echoBytes(c)
			}
		}()
	default:
		return errors.New("no such server: " + kind)
	}
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "gc" {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.Mallocs)
	}
	cancel()
	l.Close()
	return <-ended
}

func echoBytes(c net.Conn) {
	defer c.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// server is a process under test.
type server struct {
	addr string
	pid  int
	in   io.WriteCloser
	out  *bufio.Scanner
}

// allocations asks a server of ours; others have none to tell.
func (s *server) allocations(t testing.TB) int64 {
	t.Helper()
	if s.in == nil {
		return 0
	}
	return s.tell(t, "allocations")
}

func (s *server) tell(t testing.TB, word string) int64 {
	t.Helper()
	fmt.Fprintln(s.in, word)
	if !s.out.Scan() {
		t.Fatal("the server has ended")
	}
	n, err := strconv.ParseInt(s.out.Text(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func startChild(kind string) func(t testing.TB) *server {
	return func(t testing.TB) *server {
		t.Helper()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), benchServer+"="+kind)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s server: %v", kind, err)
			}
		})
		s := &server{pid: cmd.Process.Pid, in: in, out: bufio.NewScanner(out)}
		if !s.out.Scan() {
			t.Fatalf("the %s server does not start", kind)
		}
		s.addr = s.out.Text()
		return s
	}
}

func startRedis(t testing.TB) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			continue
		}
		defer c.Close()
		fmt.Fprintf(c, "SET %s %s\r\n", benchKey, benchValue)
		answer, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || strings.TrimSpace(answer) != "+OK" {
			t.Fatalf("redis-server answers %q, error %v", answer, err)
		}
		return &server{addr: addr, pid: cmd.Process.Pid}
	}
}

// startAgent builds the program and starts its agent.
func startAgent(t testing.TB) *server {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "lander")
	build := exec.Command("go", "build", "-o", bin, "lander")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "trust"), 0o700); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(dir, "ready")
	cmd := exec.Command(bin, "agent", "--listen", "tcp://127.0.0.1:0", "--ready-file", ready, "--id", benchValue, "--state", filepath.Join(dir, "state"), "--trust", filepath.Join(dir, "trust"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(ready)
		if addr, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "tcp://"); ok {
			return &server{addr: addr, pid: cmd.Process.Pid}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent is not ready: %v", err)
		}
	}
}
