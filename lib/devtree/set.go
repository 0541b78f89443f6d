package devtree

import (
	"context"
	"errors"
	"strconv"

	"lander/lib/emp/frame"
)

// Set changes variables as a client may [EMP 4, 10]: a scalar sets the leaf
// at path, null deletes what is there, a map or list sets what is below it,
// with lists as maps from 1. Keys may be dotted, and path may be empty.
//
// An error means that nothing was changed, unless it comes from a mounted
// subtree. Otherwise done, if not nil, is called once, maybe before Set
// returns: with nil when all is as durable as its root promises, else with an
// *Error that wraps ErrNotSaved, and all is as before.
// Watchers are told after done has returned; done and they are called one
// after the other and must not wait.
func (t *Tree) Set(path string, v frame.Value, done func(error)) error {
	return t.set(path, v, false, done)
}

// Put is Set with the rights of the agent: it may write below `update` and
// change mirrors.
func (t *Tree) Put(path string, v frame.Value, done func(error)) error {
	return t.set(path, v, true, done)
}

// SetWait is Set that waits for the outcome. It must not be used from a
// function that the tree calls.
func (t *Tree) SetWait(ctx context.Context, path string, v frame.Value) error {
	ch := make(chan error, 1)
	if err := t.Set(path, v, func(err error) { ch <- err }); err != nil {
		return err
	}
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tree) set(path string, v frame.Value, owner bool, done func(error)) error {
	ops := flatten(nil, Clean(path), v)
	t.mu.Lock()
	foreign, err := t.check(ops, owner)
	if err != nil {
		t.mu.Unlock()
		return err
	}
	c := &commit{done: done}
	t.enqueue(c)
	if len(foreign) > 0 {
		// What the subtrees have to tell comes behind c in the queue.
		c.held = true
		t.mu.Unlock()
		ops, err = t.setMounts(ops, foreign)
		t.mu.Lock()
		c.held = false
		if err == nil {
			_, err = t.check(ops, owner) // the tree may have moved on
		}
	}
	if err != nil {
		c.done = nil
	} else {
		t.commit(c, ops)
	}
	t.mu.Unlock()
	t.deliver()
	return err
}

// commit applies operations that were checked, and has them written. mu is
// held.
func (t *Tree) commit(c *commit, ops []op) {
	t.stamp(c)
	c.changes, c.before = t.apply(ops)
	if t.file == nil || len(c.changes) == 0 && !t.unsaved {
		return // with the file behind, what changes nothing here may still change that
	}
	kept := ops[:0]
	for _, o := range ops {
		if n := t.nodes[o.path]; t.roots[rootOf(o.path)].persistent && (n == nil || !n.mirror) {
			kept = append(kept, o)
		}
	}
	if len(kept) > 0 {
		t.pending = appendRecord(t.pending, kept)
		c.durable, t.unsaved = true, true
		t.wake.Signal()
	}
}

// flatten makes operations of a value.
func flatten(ops []op, path string, v frame.Value) []op {
	for _, m := range v.Members() {
		ops = flatten(ops, join(path, Clean(m.Key)), m.Value)
	}
	for i, e := range v.Elems() {
		ops = flatten(ops, join(path, strconv.Itoa(i+1)), e)
	}
	if v.Scalar() {
		ops = append(ops, op{path, v})
	}
	return ops
}

// setMounts has the subtrees do their operations and returns the others.
func (t *Tree) setMounts(ops []op, foreign map[Writer][]frame.Member) ([]op, error) {
	for w, changes := range foreign {
		if err := w.Set(changes); err != nil {
			return nil, err
		}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var own []op
	for _, o := range ops {
		if m, _ := t.mountOf(o.path); m == nil {
			own = append(own, o)
		}
	}
	return own, nil
}

// Mirror shows a setting of the agent as a variable that clients can read and
// not change. What the file keeps under the same path stays there, unseen,
// until a null ends the mirror.
func (t *Tree) Mirror(path string, v frame.Value) error {
	path = Clean(path)
	if err := t.checkPath(path); err != nil {
		return err
	}
	if !v.Scalar() {
		return &Error{path, errors.New("a mirror is a scalar")}
	}
	if _, ok := t.roots[rootOf(path)]; !ok {
		return &Error{path, ErrNoMapping}
	}
	t.mu.Lock()
	n := t.nodes[path]
	switch {
	case n == nil && v.IsNull(), n != nil && !n.mirror && v.IsNull():
		t.mu.Unlock()
		return nil
	case n != nil && !n.leaf, t.leafAbove(path) != nil:
		t.mu.Unlock()
		return &Error{path, errors.New("a mirror can neither be a node nor stand below a variable")}
	}
	var kept *frame.Value
	switch {
	case n == nil:
	case n.mirror && v.IsNull():
		if n.kept != nil {
			v = *n.kept
		}
		n.mirror, n.kept = false, nil
		t.guarded--
		changes, _ := t.apply([]op{{path, v}})
		t.enqueue(&commit{changes: changes})
		t.mu.Unlock()
		t.deliver()
		return nil
	case n.mirror:
		kept = n.kept
	default:
		was := n.value
		kept = &was
	}
	if n == nil || !n.mirror {
		t.guarded++
	}
	changes, _ := t.apply([]op{{path, v}})
	t.enqueue(&commit{changes: changes})
	n = t.nodes[path]
	n.mirror, n.kept = true, kept
	t.mu.Unlock()
	t.deliver()
	return nil
}
