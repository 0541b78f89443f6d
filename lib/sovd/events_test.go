package sovd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// event is one server-sent event.
type event struct{ name, id, data string }

// events opens the stream of an execution and hands each event to take, until
// it says false or the stream ends.
func (g *rig) events(path, last string, take func(event) bool) (status int) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", g.url+path+"/events", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == 200 && res.Header.Get("Content-Type") != "text/event-stream" {
		g.t.Errorf("content type %q", res.Header.Get("Content-Type"))
	}
	var e event
	for sc := bufio.NewScanner(res.Body); sc.Scan(); {
		k, v, _ := strings.Cut(sc.Text(), ": ")
		switch k {
		case "event":
			e.name = v
		case "id":
			e.id = v
		case "data":
			e.data = v
		case "":
			if e.name != "" && !take(e) {
				return res.StatusCode
			}
			e = event{}
		}
	}
	return res.StatusCode
}

func text(e event) string {
	var d struct{ Text string }
	json.Unmarshal([]byte(e.data), &d)
	return d.Text
}

// printed waits until an execution has printed something.
func (g *rig) printed(path, want string) {
	g.t.Helper()
	var all strings.Builder
	g.events(path, "", func(e event) bool {
		if e.name == "stdout" {
			all.WriteString(text(e))
		}
		return !strings.Contains(all.String(), want)
	})
	if !strings.Contains(all.String(), want) {
		g.t.Fatalf("it printed %q, not %q", all.String(), want)
	}
}

func TestEvents(t *testing.T) {
	g := newRig(t)
	gate := filepath.Join(g.dir, "gate")
	id := g.script("talk.sh", "echo one; echo 30 >&3; until test -e "+gate+"; do sleep 0.05; done; echo err >&2; echo 90 >&3; printf two; printf '\\377' >&2; exit 3")
	path := g.start(id, "")
	var got []event
	g.events(path, "", func(e event) bool {
		got = append(got, e)
		if e.name == "progress" && strings.Contains(e.data, "30") {
			return os.WriteFile(gate, nil, 0o600) == nil
		}
		return true
	})
	if len(got) < 5 || got[0].name != "status" || got[0].id != "0" || got[1].name != "stdout" || text(got[1]) != "one\n" || got[1].id != "4" || got[2].name != "progress" || got[2].id != "5" {
		t.Fatalf("events %+v", got)
	}
	end := got[len(got)-1]
	if end.name != "status" || end.id != "end" || !strings.Contains(end.data, `"failed"`) || strings.Contains(end.data, "stdout") {
		t.Errorf("last event %+v", end)
	}
	var binary bool
	for _, e := range got {
		binary = binary || e.name == "stderr" && strings.Contains(e.data, "text_b64")
	}
	if !binary {
		t.Errorf("bytes that are no UTF-8 are not carried exactly: %+v", got)
	}
	// From any event on, the rest is the same; also after a restart.
	whole := func(events []event) (out, errs string) {
		for _, e := range events {
			switch e.name {
			case "stdout":
				out += text(e)
			case "stderr":
				errs += text(e)
			}
		}
		return out, errs
	}
	for range 2 {
		for i, e := range got[:len(got)-1] {
			var rest []event
			g.events(path, e.id, func(e event) bool { rest = append(rest, e); return true })
			out, errs := whole(rest)
			wantOut, wantErr := whole(got[i+1:])
			if out != wantOut || errs != wantErr || rest[len(rest)-1].id != "end" {
				t.Errorf("from %q: %+v", e.id, rest)
			}
		}
		if status := g.events(path, "end", func(event) bool { return true }); status != 204 {
			t.Errorf("after the end: %d", status)
		}
		g.restart()
	}
	g.rows([]row{
		{name: "bad id", method: "GET", path: strings.TrimPrefix(path, "/api/v1") + "/events", headers: []string{"Last-Event-ID: x"}, status: 400},
		{name: "unknown", method: "GET", path: runs + "/" + id + "/executions/exec_1/events", status: 404},
	})
}
