package journal_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lander/lib/journal"
)

func ptr[T any](v T) *T { return &v }

// rehash gives a hand-written line the hash that fits it.
func rehash(body string) string {
	return fmt.Sprintf(`%s,"hash":"%x"}`, body[:len(body)-1], sha256.Sum256([]byte(body)))
}

var full = journal.Line{
	Seq: 7, Time: "2026-01-02T03:04:05.006Z", Prev: strings.Repeat("ab", 32),
	Source: "cli", Actor: "uid 1000", Action: journal.ActionRun, Name: "a<b>&\n.lua", Format: "lua", SHA256: strings.Repeat("0f", 32),
	KeyID: "E7620F1842B4E81F", Serial: ptr(int64(1<<53 - 1)), Verdict: journal.Accepted, Reason: "", Outcome: "completed", ExitCode: ptr(0),
	Ticket: "12", Execution: "exec_01", Hash: "",
}

func TestLineText(t *testing.T) {
	tests := []struct {
		name string
		line journal.Line
		want string // without the hash member
	}{
		{"full", full, `{"seq":7,"time":"2026-01-02T03:04:05.006Z","prev":"` + strings.Repeat("ab", 32) + `","source":"cli","actor":"uid 1000","action":"run",` +
			`"name":"a<b>&\n.lua","format":"lua","sha256":"` + strings.Repeat("0f", 32) + `","key_id":"E7620F1842B4E81F","serial":9007199254740991,` +
			`"verdict":"accepted","reason":"","outcome":"completed","exit_code":0,"ticket":"12","execution":"exec_01"}`},
		{"nothing known", journal.Line{Seq: 1, Prev: journal.Zero, Action: "sign"}, `{"seq":1,"time":"","prev":"` + journal.Zero + `","source":"","actor":"","action":"sign",` +
			`"name":"","format":"","sha256":"","key_id":"","serial":null,"verdict":"","reason":"","outcome":"","exit_code":null,"ticket":"","execution":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := journal.AppendLine([]byte("before\n"), tt.line)
			if want := "before\n" + rehash(tt.want) + "\n"; string(got) != want {
				t.Errorf("line\n%s want\n%s", got, want)
			}
			back, err := journal.ParseLine(got[len("before\n"):])
			if err != nil {
				t.Fatal(err)
			}
			back.Hash = ""
			if d := cmp.Diff(tt.line, back); d != "" {
				t.Errorf("read back (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseLineRefuses(t *testing.T) {
	good := string(journal.AppendLine(nil, full))
	good = good[:len(good)-1]
	hash := good[len(good)-66:]
	tests := []struct {
		name, line, err string
	}{
		{"empty", "", "does not end in a hash"},
		{"no hash", `{"seq":1}`, "does not end in a hash"},
		{"upper case hash", good[:len(good)-66] + strings.ToUpper(hash), "the hash does not fit"},
		{"changed", strings.Replace(good, "accepted", "refused", 1), "the hash does not fit"},
		{"space after", good + " ", "does not end in a hash"},
		{"not JSON", rehash(`{"seq":1,}`), "not a journal line"},
		{"no seq", rehash(`{"prev":"` + journal.Zero + `"}`), "no seq or prev"},
		{"no prev", rehash(`{"seq":1}`), "no seq or prev"},
		{"negative seq", rehash(`{"seq":-1,"prev":"` + journal.Zero + `"}`), "not a journal line"},
		{"too long", `{"seq":1,"name":"` + strings.Repeat("x", journal.MaxLine) + good, "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := journal.ParseLine([]byte(tt.line))
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if l != (journal.Line{}) {
				t.Errorf("line %+v beside an error", l)
			}
		})
	}
}

func TestParseLineSkipsLaterMembers(t *testing.T) {
	line := rehash(`{"seq":3,"prev":"` + journal.Zero + `","action":"run","weather":"fine"}`)
	l, err := journal.ParseLine([]byte(line))
	if err != nil || l.Seq != 3 || l.Action != "run" {
		t.Errorf("line %+v, error %v", l, err)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(journal.AppendLine(nil, full))
	f.Add(journal.AppendLine(nil, journal.Line{Seq: 1, Prev: journal.Zero, Action: "sign"}))
	f.Add([]byte(rehash(`{"seq":3,"prev":"` + journal.Zero + `","SEQ":4,"weather":[1]}`)))
	f.Add([]byte(`{"seq":1}`))
	tail := regexp.MustCompile(`,"hash":"[0-9a-f]*"\}\n?$`)
	f.Fuzz(func(t *testing.T, b []byte) {
		// A fuzzer does not find sha256 hashes: give it fitting ones too.
		for _, b := range [][]byte{b, []byte(rehash(tail.ReplaceAllString(string(b)+" ", "}")))} {
			l, err := journal.ParseLine(b)
			if err != nil {
				if l != (journal.Line{}) {
					t.Fatalf("line %+v beside an error", l)
				}
				continue
			}
			canon := journal.AppendLine(nil, l)
			again, err := journal.ParseLine(canon)
			if err != nil {
				t.Fatalf("canonical form refused: %v\n%s", err, canon)
			}
			if !bytes.Equal(journal.AppendLine(nil, again), canon) {
				t.Fatalf("canonical form is not stable:\n%s", canon)
			}
		}
	})
}
