package agent

import (
	"math"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// A setting that says nothing sensible leaves the policy as it was: data that
// is sent each hour does not begin to wait for ever.
func TestSetPolicy(t *testing.T) {
	was := stage.Policy{Latency: time.Hour, Period: time.Minute, OnBoot: time.Second, Boot: true, Cron: "0 * * * *"}
	with := func(edit func(*stage.Policy)) stage.Policy {
		p := was
		edit(&p)
		return p
	}
	for _, tt := range []struct {
		key  string
		v    frame.Value
		ok   bool
		want stage.Policy
	}{
		{"latency", frame.Int(5), true, with(func(p *stage.Policy) { p.Latency = 5 * time.Second })},
		{"latency", frame.Float(0.5), true, with(func(p *stage.Policy) { p.Latency = time.Second / 2 })},
		{"latency", frame.Int(0), true, with(func(p *stage.Policy) { p.Latency = 0 })},
		{"latency", frame.Float(1e300), true, with(func(p *stage.Policy) { p.Latency = longest })},
		{"latency", frame.Int(-1), false, was},
		{"latency", frame.Float(math.NaN()), false, was},
		{"latency", frame.String("fast"), false, was},
		{"period", frame.Int(7), true, with(func(p *stage.Policy) { p.Period = 7 * time.Second })},
		{"period", frame.Bool(true), false, was},
		{"onboot", frame.Int(0), true, with(func(p *stage.Policy) { p.OnBoot = 0 })},
		{"onboot", frame.Int(-3), false, was},
		{"cron", frame.String("5 * * * *"), true, with(func(p *stage.Policy) { p.Cron = "5 * * * *" })},
		{"cron", frame.Int(5), false, was},
		{"manual", frame.Bool(true), true, was},
		{"manually", frame.Bool(true), true, was},
		{"latencies", frame.Int(5), false, was},
	} {
		p := was
		if ok := setPolicy(&p, tt.key, tt.v); ok != tt.ok || p != tt.want {
			t.Errorf("%s = %v: %t %+v, want %t %+v", tt.key, tt.v, ok, p, tt.ok, tt.want)
		}
	}
	var p stage.Policy
	if !setPolicy(&p, "onboot", frame.Int(2)) || p != (stage.Policy{OnBoot: 2 * time.Second, Boot: true}) {
		t.Errorf("onboot alone: %+v", p)
	}
}
