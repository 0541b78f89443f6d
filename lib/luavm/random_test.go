package luavm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runner.lua of the random test: it runs the programs of a file, one after
// the other, each in its own chunk, and marks where each begins.
const manyRunner = `
local source = args and args.src
if not source then local f = assert(io.open((...), "rb")) source = f:read("*a") f:close() end
local n = 0
for program in source:gmatch("(.-)%z") do
  n = n + 1
  io.write("\1", n, "\n")
  ga, gb, gc = 1, "g", { 1, x = 2 }
  local f, e = loadstring(program, "=r")
  if f then
    local ok, e = pcall(f)
    if not ok then io.write("E ", tostring(e), "\n") end
  else
    io.write("L ", e, "\n")
  end
end
`

// outputs runs the programs of some seeds and returns what each wrote.
func outputs(t *testing.T, from, n int, run func(source string) string) []string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		b.WriteString(generate(uint64(from + i)))
		b.WriteByte(0)
	}
	// The sign of a nan made of two nans depends on the machine.
	out := strings.ReplaceAll(plain(run(b.String())), "-nan", "nan")
	parts := strings.Split(out, "\x01")
	if len(parts) != n+1 {
		t.Fatalf("programs %d to %d: %d outputs; the last: %s", from, from+n, len(parts)-1, parts[len(parts)-1])
	}
	return parts[1:]
}

func digest(parts []string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x01")))
	return hex.EncodeToString(h[:])
}

// Random programs print what they print under lua5.1. Recorded are the
// digests of its outputs, a hundred programs each.
func TestRandomPrograms(t *testing.T) {
	const batch, recorded = 100, 20
	batches := 4
	if interop() {
		batches = recorded
	}
	if long() {
		batches = 100
	}
	script := filepath.Join(t.TempDir(), "many.lua")
	if err := os.WriteFile(script, []byte(manyRunner), 0o666); err != nil {
		t.Fatal(err)
	}
	prog, err := Compile("many.lua", []byte(manyRunner))
	if err != nil {
		t.Fatal(err)
	}
	peerRun := func(source string) string {
		f := filepath.Join(t.TempDir(), "programs")
		if err := os.WriteFile(f, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		return lua51(t, filepath.Dir(script), filepath.Base(script), f)
	}
	if record() {
		var list []string
		for i := range recorded {
			list = append(list, digest(outputs(t, i*batch, batch, peerRun)))
		}
		rewrite(t, "random.json", list)
	}
	var want []string
	recording(t, "random.json", &want)
	bad := 0
	for i := range batches {
		got := outputs(t, i*batch, batch, func(s string) string { return ours(t, prog, map[string]string{"src": s}) })
		same := i < len(want) && digest(got) == want[i]
		if same && !interop() {
			continue
		}
		if !interop() && !long() {
			t.Errorf("programs %d to %d: not what is recorded", i*batch, (i+1)*batch)
			continue
		}
		theirs := outputs(t, i*batch, batch, peerRun)
		if i < len(want) && digest(theirs) != want[i] {
			t.Errorf("programs %d to %d: the recording is not what lua5.1 gives", i*batch, (i+1)*batch)
		}
		for k := range got {
			if got[k] != theirs[k] {
				if bad++; bad <= 5 {
					t.Errorf("program %d:\n%s", i*batch+k, firstDifference(got[k], theirs[k]))
				}
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d programs differ", bad, batches*batch)
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n  got  %.300s\n  want %.300s", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}
