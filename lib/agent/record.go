package agent

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/store"
)

// How long tickets and executions are remembered: the lesser of both.
const (
	keepFor   = 30 * 24 * time.Hour
	keepCount = 10_000
	// pruneEvery is how many records may come before the old ones are
	// looked for again.
	pruneEvery = 500
)

// kept is the record of an execution. The ticket's key is in the same record:
// a ticket is taken in the one step that puts its execution on record.
type kept struct {
	job.Result
	TicketKey string `json:"ticket_key,omitempty"`
}

// refused is the record of a ticket that was refused.
type refused struct {
	Ticket string   `json:"ticket"`
	Source string   `json:"source"`
	Text   string   `json:"refused"`
	Time   job.Time `json:"time"`
}

// lookup finds the stored answer of a ticket. found is false when there is
// none.
func (s *scripts) lookup(key string) (id string, body []byte, found bool, err error) {
	s.mu.Lock()
	id, found = s.tickets[key]
	s.mu.Unlock()
	if found {
		body, err = s.status(s.ctx, id)
		return id, body, true, err
	}
	e, err := s.a.store.Get(s.ctx, refusalKey(key))
	if errors.Is(err, store.ErrNotFound) {
		return "", nil, false, nil
	}
	var rec refused
	if err == nil {
		err = json.Unmarshal(e.Value, &rec)
	}
	if err != nil {
		return "", nil, true, fmt.Errorf("looking for a ticket: %w", err)
	}
	return "", nil, true, frame.Errorf(frame.StatusNotPermitted, "%s", rec.Text)
}

func (s *scripts) saveRefusal(d delivery, key, text string) error {
	b, err := json.Marshal(refused{d.ticket, d.source, text, job.Time{Time: s.a.cfg.Clock()}})
	if err == nil {
		_, err = s.a.store.Put(context.WithoutCancel(s.ctx), refusalKey(key), b, 0)
	}
	if err != nil {
		return fmt.Errorf("keeping a ticket: %w", err)
	}
	return nil
}

// save keeps an execution, its output shortened where a record has no room.
func (s *scripts) save(r job.Result, ticketKey string) error {
	ctx := context.WithoutCancel(s.ctx)
	b, err := json.Marshal(kept{r, ticketKey})
	for err == nil && len(b) > store.MaxValue {
		r.StdoutB64, r.StderrB64, r.Truncated = nil, nil, true
		r.StdoutDropped += int64(len(r.Stdout) - len(r.Stdout)/2)
		r.StderrDropped += int64(len(r.Stderr) - len(r.Stderr)/2)
		r.Stdout, r.Stderr = strings.ToValidUTF8(r.Stdout[:len(r.Stdout)/2], ""), strings.ToValidUTF8(r.Stderr[:len(r.Stderr)/2], "")
		b, err = json.Marshal(kept{r, ticketKey})
	}
	if err != nil {
		return fmt.Errorf("keeping an execution: %w", err)
	}
	var rev store.Revision
	if r.Status.Final() {
		e, err := s.a.store.Get(ctx, executionKey(r.ID))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("keeping an execution: %w", err)
		}
		rev = e.Rev
	}
	if _, err := s.a.store.Put(ctx, executionKey(r.ID), b, rev); err != nil {
		return fmt.Errorf("keeping an execution: %w", err)
	}
	if ticketKey != "" {
		s.mu.Lock()
		s.tickets[ticketKey] = r.ID
		s.mu.Unlock()
	}
	return nil
}

// recover ends, on record, what ran when the last agent died: once in the
// store and once in the journal, wherever between the two it died.
func (s *scripts) recover(ctx context.Context) error {
	open := map[string]kept{}
	var ended []string
	for e, err := range s.a.store.List(ctx, "executions") {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return fmt.Errorf("reading the executions: %w", err)
		}
		var r kept
		if err == nil {
			err = json.Unmarshal(e.Value, &r)
		}
		if err != nil {
			s.a.cfg.Log.Warn("an execution cannot be read", "key", e.Key, "error", err)
			continue
		}
		if r.TicketKey != "" {
			s.tickets[r.TicketKey] = r.ID
		}
		if !r.Status.Final() {
			open[r.ID] = r
		} else {
			ended = append(ended, r.ID)
		}
	}
	s.clearLeft(slices.Collect(maps.Keys(open)), ended)
	if len(open) == 0 {
		return s.prune(ctx)
	}
	journalled, err := s.journalled(open)
	if err != nil {
		return err
	}
	for id, r := range open {
		r.Status, r.CompletedAt = job.Terminated, &job.Time{Time: s.a.cfg.Clock()}
		r.Error = job.Errorf(job.CodeInterrupted, "interrupted: the agent ended while the script ran")
		if line, ok := journalled[id]; ok {
			// It ended, and the record of its output was lost with the agent.
			status, code, _ := strings.Cut(line.Outcome, ": ")
			r.Status, r.ExitCode, r.Error = job.Status(status), line.ExitCode, nil
			if code != "" {
				r.Error = job.Errorf(code, "the agent ended before the result was kept")
			}
		} else if _, err := s.svc.Journal.Append(ctx, interruptedLine(r.Result)); err != nil {
			return err
		}
		if err := s.save(r.Result, r.TicketKey); err != nil {
			return err
		}
	}
	return s.prune(ctx)
}

// clearLeft ends what the last agent left of executions. They count as ended
// also where that cannot be done.
func (s *scripts) clearLeft(open, ended []string) {
	if s.a.cfg.ClearLeft == nil {
		return
	}
	killed, err := s.a.cfg.ClearLeft(open, ended)
	if err != nil {
		s.a.cfg.Log.Warn("something may be left of scripts that have ended", "error", err)
	}
	if killed > 0 {
		s.a.cfg.Log.Warn("killed processes of scripts that ran when the agent was killed", "processes", killed)
	}
}

func interruptedLine(r job.Result) journal.Line {
	l := journal.Line{
		Source: r.Source, Action: journal.ActionRun, Name: r.Name, SHA256: r.SHA256, Serial: r.Serial,
		Verdict: journal.Accepted, Outcome: string(job.Terminated) + ": " + job.CodeInterrupted, Execution: r.ID,
	}
	if r.KeyID != nil {
		l.KeyID = *r.KeyID
	}
	if r.Ticket != nil {
		l.Ticket = *r.Ticket
	}
	return l
}

// journalled finds the lines of the executions in the journal.
func (s *scripts) journalled(want map[string]kept) (map[string]journal.Line, error) {
	dir := s.svc.Journal.Dir()
	files, err := filepath.Glob(filepath.Join(dir, "journal*.ndjson"))
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	out := map[string]journal.Line{}
	for _, name := range files {
		if err := scanJournal(name, want, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func scanJournal(name string, want map[string]kept, out map[string]journal.Line) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, journal.MaxLine)
	for sc.Scan() {
		if !bytes.Contains(sc.Bytes(), []byte(`"execution":"exec_`)) {
			continue
		}
		l, err := journal.ParseLine(sc.Bytes())
		if err != nil {
			continue // its own verification names it
		}
		if _, ok := want[l.Execution]; ok {
			out[l.Execution] = l
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	return nil
}

// prune forgets what is too old or too much. Tickets go with their
// executions.
func (s *scripts) prune(ctx context.Context) error {
	type record struct {
		e         store.Entry
		at        time.Time
		ticketKey string // of an execution
		ticket    string // of a command, as text
		execution string // that a command began
	}
	for _, prefix := range []string{"refusals", "executions", "commands"} {
		var all []record
		for e, err := range s.a.store.List(ctx, prefix) {
			if errors.Is(err, store.ErrDamaged) {
				continue
			}
			if err != nil {
				return fmt.Errorf("pruning: %w", err)
			}
			var at struct {
				Time      *job.Time   `json:"time"`
				StartedAt *job.Time   `json:"started_at"`
				Status    job.Status  `json:"status"`
				TicketKey string      `json:"ticket_key"`
				Ticket    frame.Value `json:"ticket"`
				Execution string      `json:"execution"`
			}
			if err := json.Unmarshal(e.Value, &at); err != nil || at.Status == job.Running {
				continue
			}
			t := cmp.Or(at.Time, at.StartedAt)
			if t == nil {
				continue
			}
			e.Value = nil
			all = append(all, record{e, t.Time, at.TicketKey, at.Ticket.String(), at.Execution})
		}
		sort.Slice(all, func(i, j int) bool { return all[i].at.After(all[j].at) })
		oldest := s.a.cfg.Clock().Add(-keepFor)
		for i, r := range all {
			if i < keepCount && r.at.After(oldest) {
				continue
			}
			if err := s.a.store.Delete(ctx, r.e.Key, r.e.Rev); err != nil && !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("pruning: %w", err)
			}
			s.mu.Lock()
			delete(s.tickets, r.ticketKey)
			s.mu.Unlock()
			if s.a.commands != nil { // there is none yet when the agent starts
				s.a.commands.forget(r.ticket, r.execution)
			}
		}
	}
	return nil
}
