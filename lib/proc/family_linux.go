package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Family finds what leaves the process group of its run, by setsid or by
// forking twice, and ends it with the run. While there is a Family, orphans
// of this process's children become its own children. They are told by the
// mark LANDER_EXECUTION=ID in their environment; one that has wiped it is
// ended as soon as no run goes on, unless it may be of a program that is no
// execution. Give one Family to all Runners of a process.
type Family struct {
	mu       sync.Mutex
	active   map[string]int       // executions, and how many programs each has
	leaders  map[int]bool         // the programs that we started
	starting int                  // of them, those whose ids are not known yet
	spare    bool                 // what has no mark may be another's
	keeps    bool                 // see Keep
	over     map[string]time.Time // with keeps: executions whose programs are to end, and since when
	own      string               // our own mark, which is none of a run of ours
	children *os.File             // of ours, adopted ones too: read anew each time
	sid      int
	pgid     int
}

// NewFamily makes this process adopt orphans of its children.
func NewFamily() (*Family, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopting orphaned processes: %w", err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		return nil, fmt.Errorf("adopting orphaned processes: %w", err)
	}
	self := strconv.Itoa(os.Getpid())
	children, err := os.Open("/proc/" + self + "/task/" + self + "/children")
	if err != nil {
		return nil, fmt.Errorf("adopting orphaned processes: %w", err)
	}
	f := &Family{active: map[string]int{}, leaders: map[int]bool{}, own: Mark(os.Getpid()), children: children, sid: sid, pgid: unix.Getpgrp()}
	// Who replaced himself by us may have started programs before.
	f.spare = len(f.list()) > 0
	return f, nil
}

// Keep lets what left the group of a run go on after it when the run ended
// well, as a service does that a script restarts. Call it before the first run.
func (f *Family) Keep() {
	if f != nil {
		f.keeps, f.over = true, map[string]time.Time{}
	}
}

// remember is how long the programs of a run that did not end well are looked
// for. They become our children when their parents are gone, which takes
// milliseconds.
const remember = time.Minute

// End ends what a run that is over left behind, whatever Keep says.
func (f *Family) End(execution string) {
	if f == nil || !f.keeps || execution == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(f.over, func(_ string, since time.Time) bool { return now.Sub(since) > remember })
	f.over[execution] = now
	f.clear()
}

// enter notes that a run begins; leave ends what it left behind.
func (f *Family) enter(execution string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active[execution]++
	f.starting++
	f.spare = f.spare || execution == ""
}

// started notes the leader of a run, which is not looked at any more.
func (f *Family) started(pid int) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaders[pid] = true
	f.starting--
}

// leave is called when the leader of the run's group is reaped and the group
// was killed; pid is 0 when it was not started. It ends and reaps the rest of
// the run, which are our children by now.
func (f *Family) leave(execution string, pid int) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leaders, pid)
	if pid == 0 {
		f.starting--
	}
	if f.active[execution]--; f.active[execution] <= 0 {
		delete(f.active, execution)
	}
	f.clear()
}

// clear sweeps until nobody is new: what is killed may just have forked.
func (f *Family) clear() {
	for range 100 {
		if f.sweep() == 0 {
			return
		}
	}
}

// sweep ends the adopted children that belong to no active run, and says how
// many there were.
func (f *Family) sweep() (found int) {
	for word := range bytes.FieldsSeq(f.list()) {
		pid, err := strconv.Atoi(string(word))
		if err != nil || f.leaders[pid] {
			continue
		}
		state, pgid, sid := stat(pid)
		// What was started just now leads its group or is still in ours.
		near := sid == f.sid && (pgid == pid || pgid == f.pgid)
		if state == 0 || state == 'Z' && near && f.starting > 0 {
			continue
		}
		if state != 'Z' {
			id := markSoon(pid)
			if id == f.own {
				id = ""
			}
			if f.active[id] > 0 || id == "" && (near || f.spare || len(f.active) > 0) {
				continue
			}
			if _, over := f.over[id]; f.keeps && !over {
				continue
			}
			found++
			unix.Kill(pid, unix.SIGKILL)
		}
		// Nobody else waits for it: it was not we who started it.
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
				break
			}
		}
	}
	return found
}

// list reads the ids of our children.
func (f *Family) list() []byte {
	b := make([]byte, 0, 512)
	for {
		n, err := f.children.ReadAt(b[len(b):cap(b)], int64(len(b)))
		b = b[:len(b)+n]
		if err != nil || n == 0 {
			return b
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// stat returns the state letter, group and session of a process; 0 when it is
// gone.
func stat(pid int) (state byte, pgid, sid int) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, 0
	}
	// The name in parentheses may hold anything.
	words := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(words) < 4 {
		return 0, 0, 0
	}
	pgid, _ = strconv.Atoi(words[2])
	sid, _ = strconv.Atoi(words[3])
	return words[0][0], pgid, sid
}

// maxEnviron bounds what is read of a process's environment.
const maxEnviron = 1 << 20

// Mark returns the execution id that a process carries in its environment, or
// "" when it has none or may not be read.
func Mark(pid int) string { return environOf(pid).Get("LANDER_EXECUTION") }

// markSoon is Mark of a process that is no zombie: one that is just becoming
// another program has neither environment nor arguments for a moment.
func markSoon(pid int) string {
	for range 100 {
		if id := Mark(pid); id != "" {
			return id
		}
		if args, err := readSome(pid, "cmdline"); err != nil || len(args) > 0 {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	return Mark(pid) // which may be there by now
}

// environOf reads the environment that a process was started with; nil when
// it may not be read.
func environOf(pid int) Environ {
	b, err := readSome(pid, "environ")
	if err != nil {
		return nil
	}
	return b
}

// readSome reads the first part of a file of /proc about a process.
func readSome(pid int, name string) ([]byte, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxEnviron))
	return b, nil
}

// Sweep kills every process of this machine for whose environment ours says
// true: what an earlier process left running when it was killed. It returns
// how many there were.
func Sweep(ours func(Environ) bool) (killed int, err error) {
	for range 100 {
		n, err := sweepOnce(ours)
		killed += n
		if n == 0 || err != nil {
			return killed, err
		}
	}
	return killed, errors.New("sweeping processes: new ones come as fast as they are killed")
}

func sweepOnce(ours func(Environ) bool) (n int, err error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0, fmt.Errorf("sweeping processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("sweeping processes: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 1 || pid == os.Getpid() {
			continue
		}
		// Held by descriptor: its number cannot become another's meanwhile.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if env := environOf(pid); env != nil && ours(env) {
			if unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil {
				n++
			}
			// Until it is gone, or the next round would count it again.
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		}
		unix.Close(fd)
	}
	return n, nil
}
