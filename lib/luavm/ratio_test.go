package luavm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"lander/lib/capability"
)

// childScript names the script that this test binary runs instead of its
// tests, so that the time of a whole process can be compared with lua5.1's.
const (
	childScript = "LANDER_LUAVM_CHILD_SCRIPT"
	childPoll   = "LANDER_LUAVM_CHILD_POLL"
)

func TestMain(m *testing.M) {
	if f := os.Getenv(childScript); f != "" {
		os.Exit(childMain(f, os.Getenv(childPoll) != ""))
	}
	os.Exit(m.Run())
}

func childMain(file string, poll bool) int {
	src, err := os.ReadFile(file)
	if err == nil {
		var p *Program
		if p, err = Compile(filepath.Base(file), src); err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err = p.Run(ctx, Config{Capabilities: capability.Default(), Poll: poll, Stdout: os.Stdout})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Limits of processor time against lua5.1: of the device script, and of any
// program.
const (
	maxDevicePolled = 4.5
	maxDeviceChild  = 3.5
	maxAny          = 8.0
	ratioRounds     = 9
)

// The processor time of whole processes, less that of an empty script, in
// medians of interleaved rounds. It takes a minute, so only LANDER_LONG=1
// runs it; raced or shared machines give no useful figures.
func TestRatioToLua51(t *testing.T) {
	if !long() || raceEnabled {
		t.Skip("needs LANDER_LONG=1")
	}
	lua := peer(t, "lua5.1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"lua5.1", "polled", "child"}
	times := map[string][]time.Duration{}
	names := append([]string{"empty"}, benchNames...)
	for range ratioRounds {
		for _, name := range names {
			file := filepath.Join("testdata", "bench", name+".lua")
			for _, kind := range kinds {
				c := exec.Command(lua, file)
				if kind != "lua5.1" {
					c = exec.Command(self)
					c.Env = append(os.Environ(), childScript+"="+file)
				}
				if kind == "polled" {
					c.Env = append(c.Env, childPoll+"=1")
				}
				c.Stdout = io.Discard
				if err := c.Run(); err != nil {
					t.Fatalf("%s of %s: %v", kind, name, err)
				}
				times[name+kind] = append(times[name+kind], c.ProcessState.UserTime()+c.ProcessState.SystemTime())
			}
		}
	}
	median := func(key string) float64 {
		l := times[key]
		sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
		return l[len(l)/2].Seconds() * 1000
	}
	for _, name := range benchNames {
		base := median(name+"lua5.1") - median("emptylua5.1")
		for _, kind := range kinds[1:] {
			ratio := (median(name+kind) - median("empty"+kind)) / base
			t.Logf("%-9s %-6s %6.1f ms, lua5.1 %6.1f ms, x%.2f", name, kind, median(name+kind), median(name+"lua5.1"), ratio)
			limit := maxAny
			if name == "device" {
				limit = map[string]float64{"polled": maxDevicePolled, "child": maxDeviceChild}[kind]
			}
			if ratio > limit {
				t.Errorf("%s %s: x%.2f of lua5.1, over x%.1f", name, kind, ratio, limit)
			}
		}
	}
}
