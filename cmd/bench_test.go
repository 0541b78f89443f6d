package cmd_test

import (
	"io"
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
