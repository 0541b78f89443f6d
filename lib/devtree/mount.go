package devtree

import (
	"errors"
	"slices"

	"lander/lib/emp/frame"
)

// Subtree serves the variables at and below the point where it is mounted.
// Its methods get paths relative to that point, "" for the point itself, and
// must not wait for anything: a subtree whose source is slow keeps a copy.
type Subtree interface {
	// Get returns the scalar value of a leaf and no children, or the names of
	// the direct children of a node, not nil. ok is false when there is
	// neither.
	Get(path string) (v frame.Value, children []string, ok bool)
}

// Writer is a Subtree whose variables can be set.
type Writer interface {
	Subtree
	// Set does all of the changes or none: scalars to be set, null to delete.
	// What really changed it tells the watchers by Tree.Notify.
	Set(changes []frame.Member) error
}

// Mount puts a subtree at a path where nothing is stored.
func (t *Tree) Mount(path string, s Subtree) error {
	path = Clean(path)
	if err := t.checkPath(path); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, _ := t.mountOf(path); m != nil || t.nodes[path] != nil {
		return &Error{path, errors.New("something is there already")}
	}
	for p := parent(path); p != ""; p = parent(p) {
		if n := t.nodes[p]; n != nil && n.leaf {
			return &Error{path, errors.New("a variable is above it")}
		}
	}
	t.grow(path).mount = s
	t.guarded++
	return nil
}

// Unmount takes the subtree at a path away, if one is mounted there.
func (t *Tree) Unmount(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[Clean(path)]; n != nil && n.mount != nil {
		n.mount = nil
		t.guarded--
		t.prune(n)
	}
}

// Notify tells the watchers of changes in a mounted subtree, by absolute
// path, null for a deleted variable.
func (t *Tree) Notify(changes ...frame.Member) {
	t.mu.Lock()
	t.enqueue(&commit{changes: changes})
	t.mu.Unlock()
	t.deliver()
}

// mountOf finds the subtree that a path belongs to, and the path within it.
// mu is held.
func (t *Tree) mountOf(path string) (s Subtree, rest string) {
	if t.guarded == 0 {
		return nil, ""
	}
	for p := path; p != ""; p = parent(p) {
		if n := t.nodes[p]; n != nil && n.mount != nil {
			return n.mount, below(path, p)
		}
	}
	return nil, ""
}

func readMount(s Subtree, path, rest string) (frame.Value, []string, bool) {
	v, names, ok := s.Get(rest)
	if !ok || names == nil {
		return v, nil, ok
	}
	children := make([]string, len(names))
	for i, n := range names {
		children[i] = join(path, n)
	}
	slices.Sort(children)
	return v, children, true
}
