package agent

import (
	"context"
	"maps"
	"slices"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// showDefaults puts what is in force where the tree says nothing into the tree,
// where applications of the original read it [EMP 5, 6]. What cannot be put
// there is in force all the same.
func (a *Agent) showDefaults(ctx context.Context) {
	var all []frame.Member
	add := func(path string, n int64) { all = append(all, frame.Member{Key: path, Value: frame.Int(n)}) }
	builtIn := stage.BuiltIn()
	for _, name := range slices.Sorted(maps.Keys(builtIn)) {
		p, path := builtIn[name], policyRoot+"."+name
		if p.Latency > 0 {
			add(path+".latency", int64(p.Latency.Seconds()))
		}
		if p.Boot {
			add(path+".onboot", int64(p.OnBoot.Seconds()))
		}
	}
	add("config.update.timeout", int64(updateTimeout.Seconds()))
	add("config.update.retries", updateAttempts)
	missing := slices.DeleteFunc(all, func(m frame.Member) bool {
		_, _, there := a.tree.Get(m.Key)
		return there
	})
	if len(missing) == 0 {
		return
	}
	if err := a.tree.SetWait(ctx, "", frame.Map(missing...)); err != nil {
		a.cfg.Log.Warn("the defaults of the configuration do not show in the tree", "error", err)
	}
}
