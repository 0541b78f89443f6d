//go:build unix

package remote

import (
	"lander/lib/job"
	"lander/lib/luavm"
)

// modules are what an agent offers to a script in its child.
func (p *parent) modules(job.Task) []luavm.Module { return nil }
