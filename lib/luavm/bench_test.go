package luavm

// testdata/engine.pgo is a profile of these benchmarks, for builds with
// -pgo=lib/luavm/testdata/engine.pgo: with it the six programs take about 0.9
// of the processor time. It is made anew, on a quiet machine, by
//
//	go test ./lib/luavm -run '^$' -bench 'Programs/.*/with=child|FreshRun/with=(cached|compile)' \
//		-benchtime 2s -cpuprofile all.pgo -o /dev/null
//	go tool pprof -proto -hide='^runtime\.|luac51' -output lib/luavm/testdata/engine.pgo all.pgo
//
// What is hidden would be inlined all over the binary: 50 kB, and no faster.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"lander/lib/capability"
)

var benchNames = []string{"device", "fib", "nbody", "sort", "spectral", "strbuild"}

func benchSource(tb testing.TB, name string) []byte {
	tb.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", "bench", name+".lua"))
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

// BenchmarkPrograms runs the six programs: with=poll under a deadline,
// with=child as a child process runs them, with=gopher-lua for comparison.
func BenchmarkPrograms(b *testing.B) {
	for _, name := range benchNames {
		src := benchSource(b, name)
		for _, poll := range []bool{true, false} {
			with := map[bool]string{true: "with=poll", false: "with=child"}[poll]
			b.Run(name+"/"+with, func(b *testing.B) {
				b.ReportAllocs()
				p, err := Compile(name, src)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := p.Run(context.Background(), Config{Capabilities: capability.Default(), Poll: poll}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(name+"/with=gopher-lua", func(b *testing.B) {
			b.ReportAllocs()
			quiet := "print = function() end " + string(src)
			for b.Loop() {
				l := lua.NewState(lua.Options{RegistrySize: 5120, RegistryMaxSize: 1 << 20, RegistryGrowStep: 1 << 18})
				if err := l.DoString(quiet); err != nil {
					b.Fatal(err)
				}
				l.Close()
			}
		})
	}
}

// twentyLines is a small script as devices run them.
const twentyLines = `
local limits = { low = 10, high = 35 }
local readings = { 12.5, 36.1, 9.9, 22.0, 41.3, 18.7 }
local function classify(t)
  if t < limits.low then return "low" end
  if t > limits.high then return "high" end
  return "ok"
end
local counts, worst = {}, 22
for i, t in ipairs(readings) do
  local c = classify(t)
  counts[c] = (counts[c] or 0) + 1
  if math.abs(t - 22) > math.abs(worst - 22) then worst = t end
end
local report = {}
for _, k in ipairs { "low", "ok", "high" } do
  report[#report + 1] = string.format("%s=%d", k, counts[k] or 0)
end
result = table.concat(report, " ") .. " worst=" .. worst
assert(result == "low=1 ok=3 high=2 worst=41.3")
`

// BenchmarkFreshRun is one run in a state of its own: with=cached from a
// cached program, with=compile from source, with=gopher-lua as NewState and
// DoString.
func BenchmarkFreshRun(b *testing.B) {
	c := Config{Capabilities: capability.Default(), Poll: true}
	b.Run("with=cached", func(b *testing.B) {
		b.ReportAllocs()
		cache := NewCache(1 << 20)
		for b.Loop() {
			p, err := cache.Load("job.lua", "lua", []byte(twentyLines))
			if err == nil {
				_, err = p.Run(context.Background(), c)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with=compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := Compile("job.lua", []byte(twentyLines))
			if err == nil {
				_, err = p.Run(context.Background(), c)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with=gopher-lua", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l := lua.NewState()
			if err := l.DoString(twentyLines); err != nil {
				b.Fatal(err)
			}
			l.Close()
		}
	})
}

// BenchmarkCompile compiles a large source; the bytes are its size.
func BenchmarkCompile(b *testing.B) {
	src := []byte(strings.Repeat("do "+twentyLines+" end\n", 200))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Compile("big.lua", src); err != nil {
			b.Fatal(err)
		}
	}
}
