//go:build !linux && !darwin && !windows

package devtree

import "lander/lib/emp/frame"

func osFacts() []frame.Member { return nil }
