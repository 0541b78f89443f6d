package sovd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/sovd"
)

// journalLines reads the journal of a directory.
func journalLines(t *testing.T, dir string) (lines []journal.Line) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		l, err := journal.ParseLine([]byte(strings.TrimRight(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// Each run has a line about its start and, behind it, one about its end with
// what came of it [formats: Journal line].
func TestJournalHasStartAndEnd(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	g := newRig(t, func(o *sovd.FilesOptions, c *sovd.Config) {
		c.Journal, c.Audit = j, sovd.NewAudit(j, slog.New(slog.DiscardHandler))
		o.Audit = c.Audit
	})
	want := map[string]string{} // by execution: outcome, exit code, reason
	fail := g.script("x.sh", "exit 4")
	want[fmt.Sprint(g.run("man_true", "null").at("id"))] = "completed 0 "
	want[fmt.Sprint(g.run(fail, "null").at("id"))] = "failed 4 exit"
	want[fmt.Sprint(g.run("man_quick", "null").at("id"))] = "terminated - timeout"
	cut := g.script("y.sh", "sleep 60")
	stopped := g.do("POST", scripts+"/"+cut+"/executions", `{"execution_type":"now"}`)
	if r := g.do("PUT", stopped.header.Get("Location"), `{"action":"stop"}`); r.status != 200 {
		t.Fatal(r.text)
	}
	want[fmt.Sprint(stopped.at("id"))] = "terminated - interrupted"
	// A second start with the same key is none.
	for range 2 {
		r := g.do("POST", scripts+"/man_true/executions?wait=30s", `{"execution_type":"now"}`, "Idempotency-Key: k")
		want[fmt.Sprint(r.at("id"))] = "completed 0 "
	}
	last := g.do("POST", scripts+"/"+cut+"/executions", `{"execution_type":"now"}`)
	want[fmt.Sprint(last.at("id"))] = "terminated - interrupted"
	if err := g.files.Close(t.Context()); err != nil { // ends it
		t.Fatal(err)
	}
	g.gw.Close()

	started, ended := map[string]journal.Line{}, map[string]string{}
	uploads := []string{"exit 4", "sleep 60"}
	for _, l := range journalLines(t, dir) {
		switch l.Action {
		case journal.ActionUpload:
			if want := sha256.Sum256([]byte(uploads[0])); l.SHA256 != hex.EncodeToString(want[:]) {
				t.Errorf("upload of %q: %+v", uploads[0], l)
			}
			uploads = uploads[1:]
		case journal.ActionStart:
			if _, twice := started[l.Execution]; twice || l.Verdict != journal.Accepted || len(l.SHA256) != 64 {
				t.Errorf("start: %+v", l)
			}
			started[l.Execution] = l
		case journal.ActionRun:
			s, ok := started[l.Execution]
			if !ok || ended[l.Execution] != "" || s.Name != l.Name || s.SHA256 != l.SHA256 || l.Source != job.SourceHTTP || l.Format != "sh" {
				t.Errorf("end: %+v\nafter %+v", l, s)
			}
			code := "-"
			if l.ExitCode != nil {
				code = fmt.Sprint(*l.ExitCode)
			}
			ended[l.Execution] = l.Outcome + " " + code + " " + l.Reason
		}
	}
	if len(started) != len(want) {
		t.Errorf("%d starts for %d", len(started), len(want))
	}
	for id, w := range want {
		if ended[id] != w {
			t.Errorf("%s: %q, want %q", id, ended[id], w)
		}
	}
}

// What a crash cut off has its end in the journal, too.
func TestJournalOfWhatWasCut(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	g := newRig(t, func(o *sovd.FilesOptions, c *sovd.Config) { o.Audit = sovd.NewAudit(j, slog.New(slog.DiscardHandler)) })
	r := g.do("POST", scripts+"/man_true/executions?wait=30s", `{"execution_type":"now"}`)
	id := fmt.Sprint(r.at("id"))
	g.rewrite(id, func(text string) string {
		return strings.NewReplacer(`"status":"completed"`, `"status":"running"`, `"exit_code":0,`, "").Replace(text)
	})
	again, err := sovd.OpenFiles(t.Context(), g.files0)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := journalLines(t, dir)
	l := lines[len(lines)-1]
	if l.Action != journal.ActionRun || l.Execution != id || l.Outcome != "terminated" || l.Reason != job.CodeInterrupted || l.ExitCode != nil {
		t.Errorf("%+v", l)
	}
}

// An upload that could not be journalled is none: who is told so sends it
// again.
func TestUploadWithoutJournal(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.Journal = j })
	before := g.do("GET", scripts, "").body
	j.Close()
	if r := g.upload("a.sh", "true\n"); r.status != 500 {
		t.Errorf("an upload: %d %v", r.status, r.body)
	}
	if after := g.do("GET", scripts, "").body; !cmp.Equal(after, before) {
		t.Errorf("the scripts are %v, were %v", after, before)
	}
}

// Who sends work to several gateways is told by which of them takes none.
func TestReadiness(t *testing.T) {
	var lost atomic.Bool
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) {
		c.Journal = j
		c.Ready = func() error {
			if lost.Load() {
				return errors.New("lost")
			}
			return nil
		}
	})
	ready := func() int { return g.do("GET", "/api/v1/health/ready", "").status }
	if s := ready(); s != 200 {
		t.Errorf("at first: %d", s)
	}
	lost.Store(true)
	if s := ready(); s != 503 {
		t.Errorf("by itself: %d", s)
	}
	lost.Store(false)
	if s := ready(); s != 200 {
		t.Errorf("again: %d", s)
	}
	// Without a journal nothing is started, once that is known.
	j.Close()
	start := func() int {
		return g.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`).status
	}
	if s := start(); s != 202 {
		t.Errorf("the first start: %d", s)
	}
	for deadline := time.Now().Add(30 * time.Second); ready() != 503; {
		if time.Now().After(deadline) {
			t.Fatal("ready without a journal")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s := start(); s != 503 {
		t.Errorf("a start: %d", s)
	}
	if r := g.do("GET", "/api/v1/health", ""); r.status != 200 {
		t.Errorf("health: %d", r.status)
	}
}

// What a crash kept from the journal is there after the next start, once.
func TestJournalMakesUpForACrash(t *testing.T) {
	g := newRig(t)
	done := fmt.Sprint(g.run("man_true", "").at("id"))
	cut := fmt.Sprint(g.run("man_true", "").at("id"))
	old := fmt.Sprint(g.run("man_true", "").at("id"))
	g.rewrite(cut, func(text string) string {
		return strings.NewReplacer(`"status":"completed"`, `"status":"running"`, `"exit_code":0,`, "").Replace(text)
	})
	long := regexp.MustCompile(`"(started|completed)_at":"\d{4}`)
	g.rewrite(old, func(text string) string { return long.ReplaceAllString(text, `"${1}_at":"2001`) })

	// The journal has heard of nothing but the start of one.
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Append(t.Context(), journal.Line{Source: job.SourceHTTP, Action: journal.ActionStart, Verdict: journal.Accepted, Execution: done}); err != nil {
		t.Fatal(err)
	}
	for life := range 3 {
		o := g.files0
		o.Audit = sovd.NewAudit(j, slog.New(slog.DiscardHandler))
		again, err := sovd.OpenFiles(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range journalLines(t, dir) {
			got = append(got, l.Action+" "+l.Execution+" "+l.Outcome)
			if l.Action == journal.ActionStart && l.Execution == cut && (l.Name != runs[1:]+"/man_true" || len(l.SHA256) != 64 || l.Verdict != journal.Accepted || l.Format != "sh") {
				t.Errorf("%+v", l)
			}
		}
		slices.Sort(got)
		want := []string{"run " + cut + " terminated", "run " + done + " completed", "start " + cut + " ", "start " + done + " "}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("life %d: %q, want %q", life, got, want)
		}
	}
}

// auditIn writes to a journal of its own.
func auditIn(t *testing.T, dir string) *sovd.Audit {
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return sovd.NewAudit(j, slog.New(slog.DiscardHandler))
}

// An end that is a refusal is one in the journal: of it nothing ran.
func TestJournalOfRefusalsElsewhere(t *testing.T) {
	dir := t.TempDir()
	a := auditIn(t, dir)
	codes := map[string]string{"signature": journal.Refused, "replayed": journal.Refused, "script": journal.Accepted, "": journal.Accepted}
	for code := range codes {
		a.End(sovd.Ref{Kind: sovd.Components, ID: "old"}, "", sovd.Execution{ID: "exec_" + code, Status: job.Failed, Detail: &sovd.ExecutionDetail{Code: code}})
	}
	a.Close()
	lines := journalLines(t, dir)
	for _, l := range lines {
		if l.Verdict != codes[l.Reason] {
			t.Errorf("%+v", l)
		}
	}
	if len(lines) != len(codes) {
		t.Errorf("%d lines", len(lines))
	}
}

// A provider may tell of an end while the gateway is closed in front of it: the
// line is written, by whichever close comes last.
func TestAuditLinesWhileClosing(t *testing.T) {
	dir := t.TempDir()
	a := auditIn(t, dir)
	const lines = 50
	for i := range lines {
		told := make(chan struct{})
		go func() {
			defer close(told)
			a.End(sovd.Ref{Kind: sovd.Components, ID: "old"}, "", sovd.Execution{ID: fmt.Sprint("exec_", i), Status: job.Completed})
		}()
		a.Close()
		<-told
	}
	a.Close()
	if got := len(journalLines(t, dir)); got != lines {
		t.Errorf("%d lines", got)
	}
}
