package provision

import (
	"maps"
	"slices"
	"strings"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// What a Plan comes to.
const (
	ActionNone   = "none"   // the board has what it should have
	ActionUpdate = "update" // the steps are to be gone through
	ActionHold   = "hold"   // OK!, for the reason given
)

// The steps of a plan.
const (
	StepSend    = "send"    // a file, under the name where it waits
	StepCompile = "compile" // the same, compiled on the board
	StepVerify  = "verify"  // compare what arrived with what was sent
	StepMove    = "move"    // activate
	StepDelete  = "delete"
	StepTodo    = "todo"    // leave the moves to the board, which finishes them whatever comes
	StepConfig  = "config"  // give it a new config.json, with a new secret
	StepRestart = "restart" // set the configuration and boot
	StepHangUp  = "hang-up" // end without a boot
)

// Plan is how to bring one board up to a release. It is a plain value: printing
// it needs no board.
type Plan struct {
	Device   string        `json:"device"`
	Release  string        `json:"release"`
	Chk      string        `json:"chk"`
	Action   string        `json:"action"`
	Reason   string        `json:"reason,omitempty"`
	Steps    []Step        `json:"plan"`
	Bytes    int64         `json:"bytes"`
	Records  int           `json:"records"`
	Estimate time.Duration `json:"-"`
	Millis   int64         `json:"estimate_ms"`
	Boots    int           `json:"boots"` // that the update is spread over, for the original client
}

// Step is one thing that a plan does.
type Step struct {
	Do     string `json:"do"`
	Name   string `json:"name,omitempty"`   // on the flash
	Staged string `json:"staged,omitempty"` // where it waits
	Bytes  int    `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`

	item *Item
}

// about is what a plan needs to know of a board beside the release.
type about struct {
	dev    *Device
	chk    string            // as its HI says
	have   map[string]string // what the flash holds for sure
	old    []string          // names that we or the original put there
	strong bool
	rotate bool // it signed with an old secret
}

// makePlan compares what a board has with what it should have.
func makePlan(r *Release, a about) Plan {
	p := Plan{Device: a.dev.ID, Release: r.Name, Chk: r.Chk, Action: ActionUpdate, Boots: 1, Steps: []Step{}}
	want := r.tokens()
	var moves []string
	items := map[string]Step{}
	for i, it := range r.Items {
		if a.have[it.Name] == want[it.Name] {
			continue
		}
		do := StepSend
		if it.Mode == ModeCompiled {
			do = StepCompile
		}
		s := Step{Do: do, Name: it.Name, Staged: flashName(staged(it.send, i), it.Mode), Bytes: len(it.Content), SHA256: it.SHA256, item: it}
		items[it.Name] = s
		moves = append(moves, it.Name)
	}
	// What a release that was broken off has left goes too, but for what waits
	// for a move of this one. Each name once: a rename to itself is a loss.
	doomed := slices.AppendSeq(r.doomed(a, want), maps.Keys(a.dev.Staged))
	doomed = slices.DeleteFunc(doomed, func(name string) bool {
		return slices.ContainsFunc(moves, func(m string) bool { return items[m].Staged == name })
	})
	slices.Sort(doomed)
	doomed = slices.Compact(doomed)
	if a.chk == r.Chk && len(moves)+len(doomed) == 0 && !a.rotate {
		p.Action = ActionNone
		return p
	}
	luaOTALast(moves)
	for _, name := range moves {
		p.Steps = append(p.Steps, items[name])
	}
	for _, name := range doomed {
		p.Steps = append(p.Steps, Step{Do: StepDelete, Name: name})
	}
	if len(moves) > 0 {
		p.Steps = append(p.Steps, Step{Do: StepVerify})
	}
	if a.strong && len(moves)+len(doomed) > 0 {
		p.Steps = append(p.Steps, Step{Do: StepTodo})
	} else {
		for _, name := range moves {
			p.Steps = append(p.Steps, Step{Do: StepMove, Name: name, Staged: items[name].Staged})
		}
	}
	if a.rotate {
		p.Steps = append(p.Steps, Step{Do: StepConfig}, Step{Do: StepHangUp})
	} else {
		p.Steps = append(p.Steps, Step{Do: StepRestart})
	}
	p.measure()
	return p
}

// doomed are the names that have to go: those that an earlier release put there
// and this one drops, and those of the delete list.
func (r *Release) doomed(a about, want map[string]string) []string {
	names := slices.Clone(a.old)
	for _, d := range r.Delete {
		if !slices.Contains(a.dev.Gone, d) {
			names = append(names, d)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		_, wanted := want[n]
		return wanted || n == luaota.ConfigName
	})
	return names
}

// measure counts records and bytes.
func (p *Plan) measure() {
	for _, s := range p.Steps {
		p.Bytes += int64(s.Bytes)
		if s.item != nil {
			p.Records += records(s.Bytes)
		} else {
			p.Records++
		}
	}
	p.Estimate = time.Duration(p.Records) * recordTime
	p.Millis = p.Estimate.Milliseconds()
	p.Boots = 1 + int(p.Estimate/budget)
}

// has finds out what a board has on its flash, by what it says and what is known
// of it: name -> token, and the names that were put there.
func has(r *Release, d *Device, h luaota.Hello) (have map[string]string, old []string) {
	files, _ := h.Fields.Get("files").Object()
	switch {
	case h.Chk != "" && h.Chk == d.Chk:
		return d.holds(), d.ours()
	case len(h.Chk) == 32: // last served by the original
		return legacyFiles(r, files)
	}
	have = map[string]string{}
	for _, m := range files {
		old = append(old, m.Key)
		if token, ok := m.Value.Text(); ok && len(h.Chk) == chkLen && d.Chk == "" { // our record of it is lost
			have[m.Key] = token
		}
	}
	old = append(old, d.ours()...)
	slices.Sort(old)
	return have, slices.Compact(old)
}

// legacyFiles reads the "files" of the original's server, names in the tree and
// their times. Equal times are taken as equal content, as the original did; the
// session compares the sizes.
func legacyFiles(r *Release, files record.Object) (have map[string]string, old []string) {
	have = map[string]string{}
	for _, m := range files {
		name := m.Key
		if strings.HasSuffix(name, ".lua") {
			name = flashName(name, ModeCompiled)
		}
		old = append(old, name)
		mtime, _ := m.Value.Int()
		if it := r.item(name); it != nil && it.Path == m.Key && it.MTime == mtime && mtime != 0 {
			have[name] = it.token()
		}
	}
	return have, old
}
