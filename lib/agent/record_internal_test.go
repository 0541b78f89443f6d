package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/store"
	"lander/lib/store/storetest"
)

// What is too old is forgotten everywhere: on the disk and in memory, the
// execution that a command began too. What runs stays, and what is damaged.
func TestPrune(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	files, err := store.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := &Agent{cfg: Config{Clock: func() time.Time { return now }, Log: log}, store: storetest.Damaged(files)}
	a.scripts = &scripts{a: a, tickets: map[string]string{}}
	a.newCommands()
	put := func(key string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if err == nil {
			_, err = files.Put(t.Context(), key, b, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, at := range map[string]job.Time{"old": {Time: now.Add(-keepFor - time.Second)}, "new": {Time: now.Add(-keepFor + time.Second)}} {
		ticket := frame.String(name)
		exec := func(id string, s job.Status) kept {
			return kept{job.Result{ID: id, Status: s, StartedAt: at}, "key-" + id}
		}
		put("executions/exec_"+name, exec("exec_"+name, job.Completed))
		put("executions/exec_running_"+name, exec("exec_running_"+name, job.Running))
		put("refusals/"+name, refused{Ticket: name, Time: at})
		put(commandKey(name), taken{Time: at, Ticket: ticket, Done: true, Sent: true, Execution: "exec_" + name})
		a.scripts.tickets["key-exec_"+name] = "exec_" + name
		a.commands.executions[ticket.String()] = "exec_" + name
	}
	// The same ticket came again, with another body, and its record is new.
	put(commandKey("again"), taken{Time: job.Time{Time: now.Add(-2 * keepFor)}, Ticket: frame.Int(7), Done: true, Sent: true, Execution: "exec_first"})
	a.commands.executions["7"] = "exec_second"
	if _, err := files.Put(t.Context(), "executions/damaged", []byte("{"), 0); err != nil {
		t.Fatal(err)
	}
	if err := a.scripts.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for e, err := range files.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, e.Key)
	}
	if got := fmt.Sprint(left); got != "[commands/new executions/damaged executions/exec_new executions/exec_running_new executions/exec_running_old refusals/new]" {
		t.Errorf("on the disk are %s", got)
	}
	if err := a.commands.recover(t.Context()); err != nil {
		t.Errorf("the commands beside a damaged record: %v", err)
	}
	if got := fmt.Sprint(a.scripts.tickets); got != "map[key-exec_new:exec_new]" {
		t.Errorf("the tickets in memory are %s", got)
	}
	if got := fmt.Sprint(a.commands.executions); got != `map["new":exec_new 7:exec_second]` {
		t.Errorf("the executions in memory are %s", got)
	}
}
