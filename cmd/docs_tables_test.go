package cmd_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lander/cmd"
	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/trust"
)

// rows are the rows of the table of the README that begins with a header cell.
func rows(t *testing.T, header string) (out [][]string) {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n| "+header+" |")
	if !ok {
		t.Fatalf("README.md has no table of %s", header)
	}
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		out = append(out, row)
	}
	return out
}

// The tables of the README say what the program does.
func TestDocumentedTables(t *testing.T) {
	var codes [][3]string
	for _, r := range rows(t, "exit code") {
		codes = append(codes, [3]string{r[0], r[1], r[2]})
	}
	for i, want := range cmd.ExitTable() {
		if i >= len(codes) || codes[i][0] != want[0] || codes[i][1] != want[1] || !strings.HasPrefix(want[2], strings.Split(codes[i][2], ";")[0]) {
			t.Errorf("exit code %v is documented as %v", want, codes[min(i, len(codes)-1)])
		}
	}

	word := regexp.MustCompile("`([^`]+)`")
	var words []string
	for _, r := range rows(t, "capability") {
		for _, m := range word.FindAllStringSubmatch(r[0], -1) {
			words = append(words, m[1])
			w := strings.NewReplacer("PATH", "/srv", "HOST", "db.example", "PORT", "5432").Replace(m[1])
			if _, err := capability.Parse([]string{w}); err != nil {
				t.Errorf("the capability %s is none: %v", w, err)
			}
		}
	}
	for _, w := range append(capability.Default(), "exec", "fs:PATH", "fs:PATH:ro", "net:HOST:PORT") {
		if !slices.Contains(words, w) {
			t.Errorf("the capability %s is not documented", w)
		}
	}

	for _, r := range rows(t, "extension") {
		id, name, _ := strings.Cut(r[0], " ")
		if c, ok := frame.Lookup(name); !ok || strconv.Itoa(int(c)) != id {
			t.Errorf("the extension %s has the id %d", r[0], c)
		}
	}

	// The policy in the README is one.
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```toml\n(.*?)^```").FindAllStringSubmatch(string(b), -1) {
		if _, err := trust.ParsePolicy("README.md", []byte(block[1])); err != nil {
			t.Errorf("the policy of the README: %v", err)
		}
	}
}
