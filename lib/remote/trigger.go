package remote

import (
	"math"
	"slices"
	"strings"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/luavm"
	"lander/lib/stage"
)

// trigger says when actions run.
type trigger struct {
	kind    string
	paths   []string // as rules name them
	after   time.Duration
	again   bool // the timer runs anew when it has ended
	cron    stage.Cron
	limit   float64 // threshold or deadband
	up      bool
	down    bool
	tests   []*luavm.Function
	actions []*luavm.Function

	armed   bool
	stop    []func()
	timer   func() bool
	last    float64 // value of before
	known   bool    // last is one
	changes []frame.Member
	polled  map[string]frame.Value
}

// The roots of a rule's variables, and where they are in the tree. What the
// system does not have of its own, applications put below ram.system.
var ruleRoots = [][2]string{{"user", "config.user"}, {"global", "ram.global"}, {"persist", "config.persist"}, {systemRoot, systemRoot}, {systemRoot, "ram.system"}}

const systemRoot = "system"

// treePaths are where a rule's path may be in the tree, rulePath is the
// inverse.
func treePaths(path string) (out []string) {
	for _, r := range ruleRoots {
		if rest, ok := cutRoot(path, r[0]); ok {
			out = append(out, r[1]+rest)
		}
	}
	if out == nil {
		out = []string{path}
	}
	return out
}

func rulePath(path string) string {
	for _, r := range ruleRoots {
		if rest, ok := cutRoot(path, r[1]); ok {
			return r[0] + rest
		}
	}
	return path
}

func cutRoot(path, root string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, root)
	return rest, ok && (rest == "" || rest[0] == '.')
}

func (t *trigger) disarm() {
	for _, stop := range t.stop {
		stop()
	}
	if t.timer != nil {
		t.timer()
	}
	t.stop, t.timer = nil, nil
}

// arm makes a trigger that has actions wait for its time or its variables.
func (r *rule) arm(t *trigger) {
	if t.armed || len(t.actions) == 0 {
		return
	}
	t.armed = true
	if len(t.paths) > 0 {
		if t.kind == "onthreshold" || t.kind == "ondeadband" {
			v, _ := r.value(t.paths[0])
			t.last, t.known = v.Float()
		}
		var paths []string
		for _, p := range t.paths {
			paths = append(paths, treePaths(p)...)
		}
		stop, err := r.e.host.Watch(paths, func(changes []frame.Member) {
			named := make([]frame.Member, len(changes))
			for i, c := range changes {
				named[i] = frame.Member{Key: rulePath(c.Key), Value: c.Value}
			}
			r.post(event{t: t, changes: named})
		})
		if err != nil {
			r.e.host.Log(r.name, "error", "watching "+strings.Join(t.paths, ", ")+": "+err.Error())
			return
		}
		t.stop = append(t.stop, stop)
		r.poll(t)
		return
	}
	switch t.kind {
	case "onboot":
		up := r.e.uptime + r.e.clock.Now().Sub(r.e.began)
		if up < ruleBoot {
			r.timer(t, ruleBoot-up)
		}
	case "ondate":
		r.timerDate(t)
	default:
		r.timer(t, t.after)
	}
}

// value is a variable as a rule sees it.
func (r *rule) value(path string) (v frame.Value, isNode bool) {
	for _, p := range treePaths(path) {
		v, children, ok := r.e.host.Get(p)
		if ok {
			return v, children != nil
		}
	}
	return frame.Value{}, false
}

// poll has the variables looked at that the system does not tell about.
func (r *rule) poll(t *trigger) {
	if r.e.Poll <= 0 || !slices.ContainsFunc(t.paths, isSystem) {
		return
	}
	if t.polled == nil {
		t.polled = map[string]frame.Value{}
		r.look(t)
	}
	stop := r.e.clock.AfterFunc(r.e.Poll, func() { r.post(event{t: t, poll: true}) })
	t.stop = append(t.stop[:1], func() { stop() })
}

func isSystem(path string) bool {
	_, ok := cutRoot(path, systemRoot)
	return ok
}

// look finds what has changed of the system.
func (r *rule) look(t *trigger) (changes []frame.Member) {
	for _, p := range t.paths {
		v, _, ok := r.e.host.Get(p)
		if !isSystem(p) || !ok {
			continue
		}
		if was, known := t.polled[p]; known && !was.Equal(v) {
			changes = append(changes, frame.Member{Key: p, Value: v})
		}
		t.polled[p] = v
	}
	return changes
}

func (r *rule) timer(t *trigger, d time.Duration) {
	if t.timer != nil {
		t.timer()
	}
	t.timer = r.e.clock.AfterFunc(d, func() { r.post(event{t: t}) })
}

// dateStep bounds how long a timer runs before the clock is asked again.
const dateStep = time.Hour

func (r *rule) timerDate(t *trigger) {
	now := r.e.clock.Now()
	if at, ok := t.cron.Next(now); ok {
		t.last = float64(at.Unix())
		r.timer(t, min(at.Sub(now), dateStep))
	}
}

// happened takes an event; due says whether actions are to run, with arg.
func (t *trigger) happened(r *rule, e event) (arg []luavm.Value, due bool) {
	changes := func(ms []frame.Member) []luavm.Value {
		m := map[string]luavm.Value{}
		for _, c := range ms {
			m[c.Key] = luaValue(c.Value)
		}
		return []luavm.Value{m}
	}
	if e.poll {
		e.changes = r.look(t)
		r.poll(t)
		if e.changes == nil {
			return nil, false
		}
	}
	switch t.kind {
	case "onchange":
		return changes(e.changes), true
	case "onhold":
		if e.changes != nil {
			t.changes = e.changes
			r.timer(t, t.after)
			return nil, false
		}
		if t.again {
			r.timer(t, t.after)
		}
		return changes(t.changes), true
	case "onperiod":
		if t.again {
			r.timer(t, t.after)
		}
		return nil, true
	case "ondate":
		due = float64(r.e.clock.Now().Unix()) >= t.last
		r.timerDate(t)
		return nil, due
	case "onboot":
		return nil, true
	}
	for _, c := range e.changes {
		v, ok := c.Value.Float()
		if !ok || c.Key != t.paths[0] {
			continue
		}
		old, known := t.last, t.known
		if t.kind == "ondeadband" {
			if !known {
				t.last, t.known = v, true
			} else if math.Abs(v-old) >= t.limit {
				t.last = v
				return changes([]frame.Member{c}), true
			}
			continue
		}
		t.last, t.known = v, true
		if known && (t.up && old < t.limit && t.limit <= v || t.down && old >= t.limit && t.limit > v) {
			return changes([]frame.Member{c}), true
		}
	}
	return nil, false
}
