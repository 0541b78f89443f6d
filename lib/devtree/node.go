package devtree

import (
	"maps"
	"slices"
	"strings"

	"lander/lib/emp/frame"
)

// node is one path of the tree. It has a value, or children, or is a mount
// point; pinned nodes stay when they have none of these.
type node struct {
	path   string
	up     *node
	kids   map[string]*node // by path
	leaf   bool
	value  frame.Value
	pinned bool
	mirror bool         // read-only for clients, and not kept
	kept   *frame.Value // what the file says where a mirror is
	mount  Subtree
}

// children is never nil: that is how a node differs from a leaf.
func (n *node) children() []string {
	out := slices.AppendSeq(make([]string, 0, len(n.kids)), maps.Keys(n.kids))
	slices.Sort(out)
	return out
}

// each visits the leaves at and below n in the order of their paths.
func (n *node) each(f func(*node)) {
	if n.leaf {
		f(n)
	}
	for _, k := range slices.Sorted(maps.Keys(n.kids)) {
		n.kids[k].each(f)
	}
}

// guarded reports whether n or something below it is not the clients' to
// replace.
func (n *node) guarded() bool {
	if n.mirror || n.mount != nil || n.pinned {
		return true
	}
	for _, k := range n.kids {
		if k.guarded() {
			return true
		}
	}
	return false
}

// grow returns the node of a path, making it and those above it.
func (t *Tree) grow(path string) *node {
	if n := t.nodes[path]; n != nil {
		return n
	}
	path = strings.Clone(path) // not a piece of somebody's payload
	n := &node{path: path, up: t.grow(parent(path))}
	if n.up.kids == nil {
		n.up.kids = map[string]*node{}
	}
	n.up.kids[path] = n
	t.nodes[path] = n
	return n
}

// prune takes n and the nodes above it away as far as they are empty.
func (t *Tree) prune(n *node) {
	for n.up != nil && !n.leaf && !n.pinned && n.mount == nil && len(n.kids) == 0 {
		delete(n.up.kids, n.path)
		delete(t.nodes, n.path)
		n = n.up
	}
}

// op sets one leaf, or with null deletes what is at a path.
type op struct {
	path  string
	value frame.Value
}

// touched are the leaves that apply has changed, as they were before.
type touched struct {
	order []op
	seen  map[string]bool
}

func (c *touched) add(n *node) {
	if c.seen[n.path] {
		return
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[n.path] = true
	was := frame.Value{}
	if n.leaf {
		was = n.value
	}
	c.order = append(c.order, op{n.path, was})
}

// apply does the operations in their order and returns what is different
// afterwards, null for what is gone, and how all that was touched was before.
// mu is held.
func (t *Tree) apply(ops []op) (changes []frame.Member, before []op) {
	var c touched
	for _, o := range ops {
		if o.value.IsNull() {
			t.remove(o.path, &c)
		} else {
			t.put(o.path, o.value, &c)
		}
	}
	for _, was := range c.order {
		var is frame.Value
		if n := t.nodes[was.path]; n != nil && n.leaf {
			is = n.value
		}
		if !is.Equal(was.value) {
			changes = append(changes, frame.Member{Key: was.path, Value: is})
		}
	}
	return changes, c.order
}

// undo takes back what a commit has changed. Later ones that wait for the disk
// were taken back before. mu is held.
func (t *Tree) undo(c *commit) {
	c.changes = nil
	for _, gone := range []bool{true, false} { // a variable and what is below it are not there at once
		for _, was := range c.before {
			if n := t.nodes[was.path]; was.value.IsNull() == gone && (n == nil || !n.mirror) {
				t.apply([]op{was})
			}
		}
	}
}

func (t *Tree) put(path string, v frame.Value, c *touched) {
	// A scalar above gives way to the node that it becomes.
	for p := parent(path); p != ""; p = parent(p) {
		if n := t.nodes[p]; n != nil {
			if n.leaf {
				c.add(n)
				t.clear(n)
			}
			break
		}
	}
	n := t.grow(path)
	if n.leaf && n.value.Equal(v) {
		return
	}
	t.clearBelow(n, c)
	c.add(n)
	t.clear(n)
	n.leaf, n.value = true, v
	t.count++
	t.bytes += cost(path, v)
}

func (t *Tree) remove(path string, c *touched) {
	n := t.nodes[path]
	if n == nil {
		return
	}
	t.clearBelow(n, c)
	if n.leaf {
		c.add(n)
		t.clear(n)
	}
	t.prune(n)
}

// clearBelow deletes everything below n, which holds nothing guarded.
func (t *Tree) clearBelow(n *node, c *touched) {
	for _, k := range n.children() {
		kid := n.kids[k]
		t.clearBelow(kid, c)
		if kid.leaf {
			c.add(kid)
			t.clear(kid)
		}
		delete(n.kids, k)
		delete(t.nodes, k)
	}
}

// clear takes the value of n away.
func (t *Tree) clear(n *node) {
	if n.leaf {
		t.count--
		t.bytes -= cost(n.path, n.value)
		n.leaf, n.value = false, frame.Value{}
	}
}

// cost is what a leaf counts against Limits.TotalBytes.
func cost(path string, v frame.Value) int64 {
	s, _ := v.Str()
	return int64(len(path) + len(s))
}
