package devtree

import (
	"os"
	"strconv"
	"strings"

	"lander/lib/emp/frame"
)

func osFacts() []frame.Member { return procFacts("/proc") }

// procFacts reads the files of a mounted procfs.
func procFacts(dir string) (facts []frame.Member) {
	fields := func(name string) []string {
		b, _ := os.ReadFile(dir + "/" + name)
		return strings.Fields(string(b))
	}
	number := func(key, text string) {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			facts = append(facts, frame.Member{Key: key, Value: frame.Float(f)})
		}
	}
	if f := fields("uptime"); len(f) > 0 {
		number("uptime", f[0])
	}
	if f := fields("loadavg"); len(f) >= 3 {
		number("load.1", f[0])
		number("load.5", f[1])
		number("load.15", f[2])
	}
	f := fields("meminfo") // MemTotal: 24053860 kB ...
	for i := 0; i+1 < len(f); i++ {
		key := map[string]string{"MemTotal:": "memory.total", "MemAvailable:": "memory.available"}[f[i]]
		if kib, err := strconv.ParseInt(f[i+1], 10, 50); err == nil && key != "" {
			facts = append(facts, frame.Member{Key: key, Value: frame.Int(kib << 10)})
		}
	}
	return facts
}
