package cmd_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"lander/cmd"
)

// BenchmarkCommandLine is the cost of a command line itself.
func BenchmarkCommandLine(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if code := cmd.Main([]string{"lander", "version", "--json"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
			b.Fatal(code)
		}
	}
}

// BenchmarkSign is the signing of a thousand scripts of 1 KB in one call.
func BenchmarkSign(b *testing.B) {
	dir := b.TempDir()
	b.Chdir(dir)
	if code := cmd.Main([]string{"lander", "script", "keygen", "--out", "k", "--no-passphrase"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		b.Fatal(code)
	}
	args := []string{"lander", "script", "sign", "--key", "k.key", "--target", "*", "-f"}
	for i := range 1000 {
		name := fmt.Sprintf("s%04d.lua", i)
		if err := os.WriteFile(name, []byte(strings.Repeat(fmt.Sprintf("print(%d)\n", i), 90)), 0o600); err != nil {
			b.Fatal(err)
		}
		args = append(args, name)
	}
	b.ReportAllocs()
	for b.Loop() {
		if code := cmd.Main(args, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
			b.Fatal(code)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/script")
}
