package devtree

import (
	"golang.org/x/sys/windows"

	"lander/lib/emp/frame"
)

func osFacts() []frame.Member {
	return []frame.Member{{Key: "uptime", Value: frame.Float(windows.DurationSinceBoot().Seconds())}}
}
