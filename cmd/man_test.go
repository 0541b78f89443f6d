package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lander/cmd"
)

// Each command has a page, with two examples of its own at the least, and roff
// has nothing to say against it.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	code, out, errs := inProcess([]string{"lander", "man", "-o", dir})
	if code != 0 || errs != "" {
		t.Fatalf("man -o: exit %d, %s", code, errs)
	}
	groff, err := exec.LookPath("groff")
	if err != nil && os.Getenv("LANDER_INTEROP") == "1" {
		t.Fatal(err)
	}
	for _, p := range cmd.Paths() {
		name := strings.ReplaceAll(strings.TrimSpace("lander "+p.Name), " ", "-")
		file := filepath.Join(dir, name+".1")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(out, file+"\n") {
			t.Errorf("%s is not listed", file)
		}
		for _, s := range []string{"NAME", "SYNOPSIS", "OPTIONS", `"EXIT STATUS"`, "EXAMPLES", `"SEE ALSO"`} {
			if !strings.Contains(string(text), "\n.SH "+s+"\n") {
				t.Errorf("%s has no section %s", name, s)
			}
		}
		_, examples, _ := strings.Cut(string(text), "\n.SH EXAMPLES\n")
		if n := strings.Count(examples, strings.ReplaceAll("lander "+p.Name, "-", `\-`)); n < 2 && !p.Group {
			t.Errorf("%s has %d examples of its own:\n%s", name, n, examples)
		}
		if n := strings.Count(examples, "\n.RS\n"); n < 2 {
			t.Errorf("%s has %d examples", name, n)
		}
		if groff != "" {
			if said, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z", file).CombinedOutput(); err != nil || len(said) > 0 {
				t.Errorf("%s: groff: %v %s", name, err, said)
			}
		}
		words := append([]string{"lander", "man"}, strings.Fields(p.Name)...)
		if code, out, errs := inProcess(words); code != 0 || out != string(text) || errs != "" {
			t.Errorf("%s: exit %d, %s", words, code, errs)
		}
	}
	if code, _, errs := inProcess([]string{"lander", "man", "nope"}); code != 2 || !strings.Contains(errs, `there is no command "nope"`) {
		t.Errorf("man nope: exit %d, %s", code, errs)
	}
}
