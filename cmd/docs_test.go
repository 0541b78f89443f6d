package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lander/cmd"
)

// landerLines are the command lines of a text that begin with lander, also
// behind a pipe or && or inside $(...).
func landerLines(text string) [][]string {
	var out [][]string
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		for _, c := range simpleCommands(line) {
			if len(c) > 0 && (c[0] == "lander" || strings.HasSuffix(c[0], "/lander")) {
				out = append(out, c)
			}
		}
	}
	return out
}

// simpleCommands splits a line of shell into its commands, as far as the lines
// of the documentation need it.
func simpleCommands(line string) (out [][]string) {
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	endWord := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		for len(words) > 0 && (strings.Contains(words[0], "=") || words[0] == "until" || words[0] == "if" || words[0] == "!" || words[0] == "-" || words[0] == "$") {
			words = words[1:]
		}
		out = append(out, words)
		words = nil
	}
	skip := false // behind > or <: a file's name
	for _, c := range line {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteRune(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '#' && !inWord:
			endCommand()
			return out
		case strings.ContainsRune("|&;()", c):
			endCommand()
		case c == '>' || c == '<':
			if w := word.String(); w == "2" || w == "1" {
				word.Reset()
				inWord = false
			}
			endWord()
			skip = true
		case c == ' ' || c == '\t' || c == '\n':
			if skip && !inWord {
				continue
			}
			if skip {
				word.Reset()
				inWord, skip = false, false
			}
			endWord()
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if skip {
		word.Reset()
		inWord = false
	}
	endCommand()
	return out
}

// takes reports whether the program knows the command and the flags of a line,
// and what it says otherwise. It is asked for help with them, so nothing is run.
func takes(words []string) (bool, string) {
	args := append([]string{"lander"}, words[1:]...)
	for i, w := range args {
		if w == "--" {
			args = args[:i]
			break
		}
	}
	code, _, errs := inProcess(append(args, "--help"))
	return code == 0, errs
}

// What the documentation tells people to type is what the program takes.
func TestDocumentedCommands(t *testing.T) {
	files, err := filepath.Glob("../examples/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	units, err := filepath.Glob("../examples/systemd/*.service")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range append(append(files, units...), "../README.md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		switch filepath.Ext(file) {
		case ".md":
			text = ""
			for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(string(b), -1) {
				text += block[1]
			}
			for _, inline := range regexp.MustCompile("`(lander [^`]*)`").FindAllStringSubmatch(string(b), -1) {
				text += strings.ReplaceAll(inline[1], "\n", " ") + "\n"
			}
		case ".service":
			text = regexp.MustCompile(`(?m)^Exec\w+=`).ReplaceAllString(text, "")
		default:
			text = strings.ReplaceAll(text, `"$lander"`, "lander")
		}
		for _, words := range landerLines(text) {
			n++
			if ok, errs := takes(words); !ok {
				t.Errorf("%s: %q: %s", file, words, errs)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d command lines were found", n)
	}
	for _, p := range cmd.Paths() {
		_, help, _ := inProcess(append(append([]string{"lander"}, strings.Fields(p.Name)...), "--help"))
		_, examples, _ := strings.Cut(help, "\nEXAMPLES\n")
		for _, words := range landerLines(examples) {
			if ok, errs := takes(words); !ok {
				t.Errorf("help of %s: %q: %s", p.Name, words, errs)
			}
		}
	}
}

func TestSimpleCommands(t *testing.T) {
	got := landerLines("df | lander emp send -qq --wait 20s PData - || [ $? -eq 5 ]  # lander nope\nX=1 lander a 'b c' > f --d 2> g && lander e $(cat x) \\\n  --f\n")
	want := [][]string{{"lander", "emp", "send", "-qq", "--wait", "20s", "PData", "-"}, {"lander", "a", "b c", "--d"}, {"lander", "e", "$"}}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if strings.Join(got[i], "|") != strings.Join(want[i], "|") {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
