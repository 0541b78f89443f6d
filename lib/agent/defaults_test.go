//go:build unix

package agent_test

import (
	"testing"

	"lander/lib/emp/frame"
)

// What is in force shows in the tree; what was set stays, and is what counts.
func TestDefaultsShow(t *testing.T) {
	d := startDevice(t, "", nil, 1)
	p := d.dial(nil)
	for path, want := range map[string]string{
		"config.data.policy.default.latency": "[5]",
		"config.data.policy.default.onboot":  "[30]",
		"config.data.policy.now.latency":     "[5]",
		"config.data.policy.on_boot.onboot":  "[30]",
		"config.data.policy.hourly.latency":  "[3600]",
		"config.data.policy.daily.latency":   "[86400]",
		"config.update.timeout":              "[40]",
		"config.update.retries":              "[2]",
	} {
		d.want(p, frame.CmdGetVariable, `"`+path+`"`, 0, want)
	}
	d.want(p, frame.CmdSetVariable, `["config.data.policy.hourly",{"latency":60,"cron":"0 * * * *"}]`, 0, "null")
	d.want(p, frame.CmdSetVariable, `["config.update.retries",5]`, 0, "null")
	d.stop()
	d = startDevice(t, d.dir, &d.key, 1)
	p = d.dial(nil)
	d.want(p, frame.CmdGetVariable, `"config.data.policy.hourly.latency"`, 0, "[60]")
	d.want(p, frame.CmdGetVariable, `"config.data.policy.hourly.cron"`, 0, `["0 * * * *"]`)
	d.want(p, frame.CmdGetVariable, `"config.update.retries"`, 0, "[5]")
	d.want(p, frame.CmdGetVariable, `"config.data.policy.daily.latency"`, 0, "[86400]")
}
