package devtree

import (
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/emp/frame"
)

func osFacts() (facts []frame.Member) {
	if boot, err := unix.SysctlTimeval("kern.boottime"); err == nil {
		up := time.Since(time.Unix(boot.Unix()))
		facts = append(facts, frame.Member{Key: "uptime", Value: frame.Float(up.Seconds())})
	}
	if n, err := unix.SysctlUint64("hw.memsize"); err == nil {
		facts = append(facts, frame.Member{Key: "memory.total", Value: frame.Int(int64(n))})
	}
	return facts
}
