package cmd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/fleet"
	"lander/lib/journal"
	"lander/lib/stage"
	"lander/lib/store"
	"lander/lib/trust"
)

// lasting is what must last once it has returned, and what it asks of the
// system meanwhile: bytes are synced before a name leads to them, and the name
// before anybody is told.
var lasting = []struct {
	name  string
	setup func(t *testing.T, dir string) func() error
	want  []string
}{
	{"WriteFile", func(_ *testing.T, dir string) func() error {
		return func() error { return durable.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600) }
	}, []string{"write TMP", "sync TMP", "rename TMP a", "sync ."}},
	{"WriteFile NoSync", func(_ *testing.T, dir string) func() error {
		return func() error { return durable.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600, durable.NoSync) }
	}, []string{"write TMP", "rename TMP a"}},
	{"MkdirAll", func(_ *testing.T, dir string) func() error {
		return func() error { return durable.MkdirAll(filepath.Join(dir, "a", "b"), 0o700) }
	}, []string{"mkdir a", "sync .", "mkdir a/b", "sync a"}},
	{"Log", func(t *testing.T, dir string) func() error {
		l, _, err := durable.OpenLog(filepath.Join(dir, "log"), "head\n", nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() error { return l.Append(durable.EndRecord(durable.BeginRecord(nil), 0)) }
	}, []string{"write log", "sync log"}},
	{"the first of a journal", func(t *testing.T, dir string) func() error {
		j := aJournal(t, dir)
		return func() error { return note(t, j) }
	}, []string{"sync .", "write " + journal.FileName, "sync " + journal.FileName, "write " + journal.HeadName}},
	{"a line of a journal", func(t *testing.T, dir string) func() error {
		j := aJournal(t, dir)
		if err := note(t, j); err != nil {
			t.Fatal(err)
		}
		return func() error { return note(t, j) }
	}, []string{"write " + journal.FileName, "sync " + journal.FileName, "write " + journal.HeadName}},
	{"a serial", func(t *testing.T, dir string) func() error {
		s, err := trust.OpenSerials(dir)
		if err != nil {
			t.Fatal(err)
		}
		st := trust.Statement{Name: "n", Serial: 1, Signed: time.Unix(1, 0)}
		if err := s.Record("K", st, st.Signed); err != nil {
			t.Fatal(err)
		}
		st.Serial, st.Signed = 2, time.Unix(2, 0)
		return func() error { return s.Record("K", st, st.Signed) }
	}, []string{"write TMP", "sync TMP", "rename TMP last-signed", "sync .", "write K/TMP", "sync K/TMP", "rename K/TMP K/1b16b1df538ba12dc3f97edbb85caa70.json", "sync K"}},
	{"a store", func(t *testing.T, dir string) func() error {
		s, err := store.OpenFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		put := func(key string) error {
			_, err := s.Put(t.Context(), key, []byte("x"), 0)
			return err
		}
		if err := put("a/b"); err != nil {
			t.Fatal(err)
		}
		return func() error { return put("a/c") }
	}, []string{"write store.log", "sync store.log"}},
	{"data of an agent", func(t *testing.T, dir string) func() error {
		s := stage.NewSink(aSink(t, dir), time.Now)
		return func() error { return s.Send(t.Context(), []stage.Message{{Ticket: frame.Int(1)}}) }
	}, []string{"write sink", "sync sink"}},
	{"data of a fleet", func(t *testing.T, dir string) func() error {
		s := fleet.NewSink(aSink(t, dir))
		return func() error { return s.Write(fleet.Record{}) }
	}, []string{"write sink", "sync sink"}},
}

func aJournal(t *testing.T, dir string) *journal.Journal {
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func note(t *testing.T, j *journal.Journal) error {
	_, err := j.Append(t.Context(), journal.Line{Source: "cli", Action: journal.ActionRun})
	return err
}

func aSink(t *testing.T, dir string) *os.File {
	f, err := stage.OpenSink(filepath.Join(dir, "sink"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// What is acknowledged has been synced: nothing but a power cut would show that
// it was not.
func TestLasts(t *testing.T) {
	if dir := os.Getenv("LANDER_TRACED"); dir != "" {
		for _, l := range lasting {
			dir := filepath.Join(dir, l.name)
			do := l.setup(t, dir)
			if err := errors.Join(os.Mkdir(dir+".begin", 0o700), do(), os.Mkdir(dir+".end", 0o700)); err != nil {
				t.Errorf("%s: %v", l.name, err)
			}
		}
		return
	}
	dir := t.TempDir()
	for _, l := range lasting {
		if err := os.Mkdir(filepath.Join(dir, l.name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	calls := trace(t, dir)
	for _, l := range lasting {
		var got []string
		on := false
		for _, c := range calls {
			switch {
			case c == "mkdir "+l.name+".begin":
				on = true
			case c == "mkdir "+l.name+".end":
				on = false
			case on:
				got = append(got, strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(c+" ", " "+l.name+" ", " . "), " "+l.name+"/", " "), " "))
			}
		}
		if diff := cmp.Diff(l.want, got); diff != "" {
			t.Errorf("%s: %s", l.name, diff)
		}
	}
}

var (
	callLine  = regexp.MustCompile(`^(\d+) +(write|pwrite64|fsync|fdatasync|rename|renameat|renameat2|mkdir|mkdirat)\((.*)`)
	resumed   = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>`)
	temporary = regexp.MustCompile(`\.lander-[^ /]+\.tmp`)
)

// trace runs this test once more, for the other half of it, under strace: what
// was called below dir, in the order in which it was done.
func trace(t *testing.T, dir string) (calls []string) {
	t.Helper()
	unavailable := t.Skipf
	if interop() && !strings.Contains(os.Getenv("LANDER_WITHOUT"), "strace") {
		unavailable = t.Fatalf
	}
	out := filepath.Join(t.TempDir(), "trace")
	strace := func(args ...string) ([]byte, error) {
		return exec.Command("strace", append([]string{"-f", "-y", "-qq", "-s", "0", "-o", out}, args...)...).CombinedOutput()
	}
	if said, err := strace("true"); err != nil {
		unavailable("strace traces nothing here (LANDER_WITHOUT=strace does without): %v %s", err, said)
	}
	t.Setenv("LANDER_TRACED", dir)
	if said, err := strace("-e", "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat", os.Args[0], "-test.run", "^"+t.Name()+"$"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	begun := map[string]string{} // by thread
	for line := range strings.Lines(string(text)) {
		if m := resumed.FindStringSubmatch(line); m != nil {
			if c := begun[m[1]]; c != "" {
				calls = append(calls, c)
			}
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		call := strings.NewReplacer("pwrite64", "write", "fdatasync", "sync", "fsync", "sync", "renameat2", "rename", "renameat", "rename", "mkdirat", "mkdir").Replace(m[2])
		below := regexp.MustCompile(regexp.QuoteMeta(dir)+`/([^">]*)[">]`).FindAllStringSubmatch(m[3], -1)
		for _, b := range below {
			call += " " + temporary.ReplaceAllString(b[1], "TMP")
		}
		begun[m[1]] = ""
		switch {
		case len(below) == 0:
		case strings.Contains(line, "<unfinished ...>"):
			begun[m[1]] = call
		default:
			calls = append(calls, call)
		}
	}
	return calls
}
