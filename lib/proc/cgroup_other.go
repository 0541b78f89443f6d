//go:build !linux

package proc

import "errors"

// Cgroup is a control group. Only Linux has them.
type Cgroup struct{}

// OpenCgroup fails.
func OpenCgroup(string) (*Cgroup, error) {
	return nil, errors.New("control groups are not possible on this system")
}

// Kill does nothing.
func (c *Cgroup) Kill() error { return nil }

// Close does nothing.
func (c *Cgroup) Close() error { return nil }
