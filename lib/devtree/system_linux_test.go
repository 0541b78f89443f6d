package devtree

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lander/lib/emp/frame"
)

func TestProcFacts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"uptime":  "350735.47 234388.90\n",
		"loadavg": "0.75 0.35 0.25 1/25 1747\n",
		"meminfo": "MemTotal:       16384 kB\nMemFree:   100 kB\nMemAvailable:    8192 kB\nHugePages_Total:       0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := frame.Map(procFacts(dir)...).String()
	want := `{"uptime":350735.47,"load.1":0.75,"load.5":0.35,"load.15":0.25,"memory.total":16777216,"memory.available":8388608}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := procFacts(t.TempDir()); got != nil {
		t.Errorf("without files %v", got)
	}
	for _, f := range []string{"system.uptime", "system.load.1", "system.memory.total", "system.memory.available"} {
		tree, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Mount(System, &system{now: time.Now, read: hostFacts}); err != nil {
			t.Fatal(err)
		}
		if v, _, ok := tree.Get(f); !ok || v.IsNull() {
			t.Errorf("this host does not tell %s", f)
		}
		tree.Close()
	}
}
