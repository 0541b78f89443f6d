package devtree

import (
	"fmt"
	"slices"
	"sync/atomic"

	"lander/lib/emp/frame"
)

// watch is one registration [EMP 4, 11].
type watch struct {
	id      frame.WatchID
	number  uint64
	since   uint64 // changes up to this one are not its business
	paths   []string
	passive []string
	tell    func(frame.NotifyVariable)
	ended   atomic.Bool
}

// watchPaths registers. Paths may be leaves, nodes, or not there yet; ""
// watches everything. Passive paths that are nodes are left out.
func (t *Tree) watchPaths(paths, passive []string, tell func(frame.NotifyVariable)) *watch {
	w := &watch{tell: tell}
	for _, p := range paths {
		if p = Clean(p); !slices.Contains(w.paths, p) {
			w.paths = append(w.paths, p)
		}
	}
	for _, p := range passive {
		p = Clean(p)
		if _, kids, ok := t.Get(p); ok && kids != nil {
			t.log.Info("a node cannot be a passive variable", "path", short(p))
			continue
		}
		if !slices.Contains(w.passive, p) {
			w.passive = append(w.passive, p)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	w.number = t.nextID
	w.id = frame.WatchID(fmt.Sprintf("DT_ID_%d", w.number))
	t.nextID++
	w.since = t.changes
	for _, p := range w.paths {
		t.watches[p] = append(t.watches[p], w)
	}
	return w
}

// Follow calls f when something at or below path has changed: for the owner
// of the tree, whose watches are not counted among those of clients. f must
// not wait, and may be called once more after stop has returned.
func (t *Tree) Follow(path string, f func()) (stop func()) {
	w := &watch{paths: []string{Clean(path)}, tell: func(frame.NotifyVariable) { f() }}
	t.mu.Lock()
	w.since = t.changes
	t.watches[w.paths[0]] = append(t.watches[w.paths[0]], w)
	t.mu.Unlock()
	return func() { t.unwatch(w) }
}

func (t *Tree) unwatch(w *watch) {
	w.ended.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range w.paths {
		ws := t.watches[p]
		if i := slices.Index(ws, w); i >= 0 {
			ws = slices.Delete(ws, i, i+1)
		}
		if len(ws) == 0 {
			delete(t.watches, p)
		} else {
			t.watches[p] = ws
		}
	}
}

// tell calls the watchers of the changes, once each.
func (t *Tree) tell(commit *commit) {
	var told map[*watch][]frame.Member
	t.mu.RLock()
	if len(t.watches) > 0 {
		for _, c := range commit.changes {
			for p := c.Key; ; p = parent(p) {
				for _, w := range t.watches[p] {
					if w.since >= commit.number {
						continue
					}
					if told == nil {
						told = map[*watch][]frame.Member{}
					}
					// Two of its paths may cover one variable.
					if ms := told[w]; len(ms) == 0 || ms[len(ms)-1].Key != c.Key {
						told[w] = append(ms, c)
					}
				}
				if p == "" {
					break
				}
			}
		}
	}
	t.mu.RUnlock()
	order := make([]*watch, 0, len(told))
	for w := range told {
		order = append(order, w)
	}
	slices.SortFunc(order, func(a, b *watch) int { return int(a.number) - int(b.number) })
	for _, w := range order {
		if w.ended.Load() {
			continue
		}
		ms := told[w]
		active := len(ms)
		for _, p := range w.passive {
			if slices.ContainsFunc(ms[:active], func(m frame.Member) bool { return m.Key == p }) {
				continue
			}
			v, kids, _ := t.Get(p)
			if kids != nil {
				continue // it has become a node
			}
			ms = append(ms, frame.Member{Key: p, Value: v})
		}
		w.tell(frame.NotifyVariable{ID: w.id, Changes: ms})
	}
}
