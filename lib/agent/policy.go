package agent

import (
	"strings"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// policyRoot is where the tree has the trigger policies [EMP 5, 6].
const policyRoot = "config.data.policy"

// openStage opens the data's way out, with the policies that the tree has,
// which it follows from then on.
func (a *Agent) openStage(file string) error {
	var err error
	a.stage, err = stage.Open(stage.Options{
		File: file, Volatile: a.text("config.data.storage") == frame.StorageRAM,
		Policies: a.policies(), Uplink: a.cfg.Uplink, Logger: a.cfg.Log, Batch: a.batch(), Clock: stageClock{a},
	})
	if err != nil {
		return err
	}
	a.unfollow = a.tree.Follow(policyRoot, func() {
		if err := a.stage.SetPolicies(a.policies()); err != nil {
			a.cfg.Log.Warn("a policy is left as it was", "error", err)
		}
	})
	return nil
}

// batch is how the stage cuts what it sends.
func (a *Agent) batch() int64 {
	if a.uplink == nil {
		return 0
	}
	return uplinkBatch
}

// stageClock is the agent's time for the stage.
type stageClock struct{ a *Agent }

func (c stageClock) Now() time.Time { return c.a.cfg.Clock() }

func (c stageClock) AfterFunc(d time.Duration, f func()) stage.Timer {
	return stopFunc(c.a.cfg.AfterFunc(d, f))
}

type stopFunc func() bool

func (f stopFunc) Stop() bool { return f() }

// policies reads the tree. A variable that says nothing sensible is logged
// and left out.
func (a *Agent) policies() map[string]stage.Policy {
	out := map[string]stage.Policy{}
	_, names, _ := a.tree.Get(policyRoot)
	for _, path := range names {
		name := strings.TrimPrefix(path, policyRoot+".")
		p := stage.BuiltIn()[name]
		_, keys, _ := a.tree.Get(path)
		for _, key := range keys {
			v, _, _ := a.tree.Get(key)
			if !setPolicy(&p, strings.TrimPrefix(key, path+"."), v) {
				a.cfg.Log.Warn("a policy's setting is not understood", "variable", key)
			}
		}
		out[name] = p
	}
	return out
}

// longest keeps a number of seconds from overflowing.
const longest = 10 * 365 * 24 * time.Hour

// setPolicy takes one setting, or leaves p as it was.
func setPolicy(p *stage.Policy, key string, v frame.Value) bool {
	seconds, ok := v.Float()
	if ok = ok && seconds >= 0; !ok {
		seconds = 0
	}
	d := time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
	switch key {
	case "latency":
		if ok {
			p.Latency = d
		}
	case "period":
		if ok {
			p.Period = d
		}
	case "onboot":
		if ok {
			p.OnBoot, p.Boot = d, true
		}
	case "cron":
		var text string
		if text, ok = v.Str(); ok {
			p.Cron = text
		}
	case "manually", "manual":
		return true // that is what the absence of the others means
	default:
		return false
	}
	return ok
}

// text is a string variable, "" when there is none.
func (a *Agent) text(path string) string {
	v, _, _ := a.tree.Get(path)
	s, _ := v.Str()
	return s
}
