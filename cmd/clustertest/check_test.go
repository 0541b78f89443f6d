//go:build unix

package clustertest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// check compares what the gateways say with what the devices did.
func (c *cluster) check(r *result) {
	r.counts = map[string]int{}
	lines := map[string]int{}
	for i := range c.s.agents {
		device := fmt.Sprint("dev-", i)
		b, err := os.ReadFile(c.file(device))
		if err != nil && !os.IsNotExist(err) {
			c.t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			lines[strings.TrimSpace(l)]++
			r.ran++
		}
	}
	if len(c.runs) != c.s.agents*c.s.each {
		c.t.Errorf("%d executions of %d", len(c.runs), c.s.agents*c.s.each)
	}
	ids := map[string]string{}
	for i, x := range c.runs {
		r.counts[x.status]++
		n := lines[x.n]
		if other := ids[x.path]; other != "" {
			c.t.Errorf("%s is the execution of %s and %s", x.path, other, x.n)
		}
		ids[x.path] = x.n
		// Whoever is asked says the same.
		b, err := c.ask(i, "GET", x.path, "", nil, 30*time.Second, 200)
		if x.status == "completed" && n != 1 || n > 1 || x.status == "failed" {
			c.t.Errorf("%s %s is %s, and ran %d times: %s", x.device, x.n, x.status, n, b)
		}
		var now struct {
			Status    string
			Completed string `json:"completed_at"`
		}
		if err == nil {
			err = json.Unmarshal(b, &now)
		}
		if err != nil || now.Status != x.status || now.Completed != x.completed {
			c.t.Errorf("%s %s was %s at %s, and is %s at %s, %v", x.device, x.n, x.status, x.completed, now.Status, now.Completed, err)
		}
	}
	if r.counts["completed"] == 0 {
		c.t.Errorf("nothing completed: %v", r.counts)
	}
}
