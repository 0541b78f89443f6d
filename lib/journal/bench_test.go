package journal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/journal"
)

var benchLine = journal.Line{Source: "cli", Actor: "uid 1000", Action: journal.ActionRun, Name: "scripts/restart.lua", Format: "lua",
	SHA256: strings.Repeat("0f", 32), KeyID: "E7620F1842B4E81F", Serial: ptr(int64(1767322800000000)), Verdict: journal.Accepted,
	Outcome: "completed", ExitCode: ptr(0), Execution: "exec_01HZX3J9Q4W5E6R7T8Y9U0I1O2"}

// BenchmarkRawAppendSync is what the disk allows: a line of the same length,
// written and synced.
func BenchmarkRawAppendSync(b *testing.B) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := journal.AppendLine(nil, benchLine)
	for b.Loop() {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	j := open(b, b.TempDir(), journal.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Append(b.Context(), benchLine); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendParallel has 64 appenders per processor: they share syncs.
func BenchmarkAppendParallel(b *testing.B) {
	j := open(b, b.TempDir(), journal.Options{})
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := j.Append(b.Context(), benchLine); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	_, text, head := small(b, 1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := journal.Verify(b.Context(), bytes.NewReader(text), head); err != nil {
			b.Fatal(err)
		}
	}
}
