package agent

import (
	"context"
	"maps"
	"slices"
	"strings"

	"lander/lib/emp/frame"
)

// describePath is where a description goes, below the agent's own asset.
const describePath = "agent"

// describe sends what this agent is: its version, its groups and its assets,
// and from then on again when the assets change. It is for servers that speak
// our additions.
func (c *commands) describe(context.Context, arguments, occasion) outcome {
	c.a.described.Store(true)
	if err := c.a.sendDescription(); err != nil {
		return failed("%s", textOf(err))
	}
	return outcome{text: "ok"}
}

// describeAgain is called when the assets have changed.
func (a *Agent) describeAgain() {
	if !a.described.Load() {
		return
	}
	if err := a.sendDescription(); err != nil {
		a.cfg.Log.Warn("telling the server of the assets", "error", err)
	}
}

func (a *Agent) sendDescription() error {
	a.mu.Lock()
	assets := slices.Sorted(maps.Keys(a.assets))
	a.mu.Unlock()
	// Lists would be columns of several values: names have no comma.
	data := frame.Map(
		frame.Member{Key: "version", Value: frame.String(a.cfg.Version)},
		frame.Member{Key: "groups", Value: frame.String(strings.Join(a.cfg.Groups, ","))},
		frame.Member{Key: "assets", Value: frame.String(strings.Join(assets, ","))},
		// A ticket that comes again with a URL on another host is known.
		frame.Member{Key: "moves", Value: frame.String("1")},
	)
	err := a.stage.PData(frame.PData{Asset: agentAsset, Path: describePath, Policy: frame.PolicyNow, Data: data}, func(error) {})
	a.hurry()
	return err
}
