package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Cgroup is a control group of version 2 in which the programs of Runners
// are started. The kernel puts them there as it makes them, so that it costs
// a start nothing, and nothing that they start gets out of it: what has left
// its process group, its parent and its environment is still in it.
type Cgroup struct {
	dir  string
	file *os.File
	off  atomic.Bool // the kernel did not take it
}

// OpenCgroup makes the group of this name below that of this process, which
// must be given to us to manage (systemd: Delegate=yes). It fails where that
// is not so, and where control groups are of version 1.
func OpenCgroup(name string) (*Cgroup, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("finding our control group: %w", err)
	}
	return openCgroup("/sys/fs/cgroup", own, name)
}

func openCgroup(root string, own []byte, name string) (*Cgroup, error) {
	for line := range bytes.Lines(own) {
		path, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::"))
		if !ok {
			continue
		}
		c := &Cgroup{dir: filepath.Join(root, filepath.Clean("/"+string(path)), name)}
		if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("making a control group: %w", err)
		}
		kill, err := os.OpenFile(c.path("cgroup.kill"), os.O_WRONLY, 0)
		if err != nil {
			os.Remove(c.dir)
			return nil, fmt.Errorf("making a control group: %w", err)
		}
		kill.Close()
		if c.file, err = os.Open(c.dir); err != nil {
			return nil, fmt.Errorf("making a control group: %w", err)
		}
		return c, nil
	}
	return nil, errors.New("control groups are not of version 2 here")
}

func (c *Cgroup) path(name string) string { return filepath.Join(c.dir, name) }

// descriptor is what a program is to be started with; ok is false when it is
// started without.
func (c *Cgroup) descriptor() (fd int, ok bool) {
	if c == nil || c.off.Load() {
		return 0, false
	}
	return int(c.file.Fd()), true
}

// disable notes that programs cannot be started in it.
func (c *Cgroup) disable() { c.off.Store(true) }

// Kill ends everything in the group, and returns when it is gone.
func (c *Cgroup) Kill() error {
	if c == nil || c.empty() {
		return nil
	}
	if err := os.WriteFile(c.path("cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("killing a control group: %w", err)
	}
	for range 100 {
		if c.empty() {
			return nil
		}
		time.Sleep(10 * time.Millisecond) // there is nothing to wait on that all kernels have
	}
	return errors.New("killing a control group: there are processes in it that do not end")
}

func (c *Cgroup) empty() bool {
	b, err := os.ReadFile(c.path("cgroup.procs"))
	return err == nil && len(bytes.TrimSpace(b)) == 0
}

// Close ends everything in the group and removes it.
func (c *Cgroup) Close() error {
	if c == nil {
		return nil
	}
	err := c.Kill()
	c.file.Close()
	os.Remove(c.dir)
	return err
}
