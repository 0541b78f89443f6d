package devtree

import (
	"strings"

	"lander/lib/emp/frame"
)

// maxOps bounds one Set, so that its record can be read back: a record has
// three values for each.
const maxOps = frame.MaxValues / 4

// checkPath says whether a clean path can be a variable at all.
func (t *Tree) checkPath(path string) error {
	if path == "" || len(path) > t.limits.PathBytes || strings.Count(path, ".") >= t.limits.PathDepth {
		return &Error{short(path), ErrBadPath}
	}
	for i := range len(path) {
		if path[i] < 0x20 || path[i] == 0x7f {
			return &Error{short(path), ErrBadPath}
		}
	}
	return nil
}

// short keeps a hostile path from filling answers and logs.
func short(path string) string {
	const most = 80
	if len(path) <= most {
		return path
	}
	return strings.ToValidUTF8(path[:most], "") + "..."
}

// check says whether all of the operations may be done, before the first one
// is. It returns those that belong to mounted subtrees. mu is held.
func (t *Tree) check(ops []op, owner bool) (foreign map[Writer][]frame.Member, err error) {
	if t.closing {
		return nil, &Error{"", ErrClosed}
	}
	if len(ops) > maxOps {
		return nil, &Error{"", ErrFull}
	}
	leaves, bytes := t.count, t.bytes
	for _, o := range ops {
		if err := t.checkPath(o.path); err != nil {
			return nil, err
		}
		s, _ := o.value.Str()
		if len(s) > t.limits.ValueBytes {
			return nil, &Error{o.path, ErrTooLarge}
		}
		if m, rest := t.mountOf(o.path); m != nil {
			w, ok := m.(Writer)
			if !ok {
				return nil, &Error{o.path, ErrNotWritable}
			}
			if foreign == nil {
				foreign = map[Writer][]frame.Member{}
			}
			foreign[w] = append(foreign[w], frame.Member{Key: rest, Value: o.value})
			continue
		}
		if err := t.checkOwn(o, owner); err != nil {
			return nil, err
		}
		if n := t.nodes[o.path]; n != nil && n.leaf {
			bytes -= cost(o.path, n.value)
			leaves--
		}
		if !o.value.IsNull() {
			bytes += cost(o.path, o.value)
			leaves++
		}
	}
	if leaves > t.count && leaves > t.limits.Variables || bytes > t.bytes && bytes > t.limits.TotalBytes {
		return nil, &Error{"", ErrFull}
	}
	return foreign, nil
}

func (t *Tree) checkOwn(o op, owner bool) error {
	r, ok := t.roots[rootOf(o.path)]
	n := t.nodes[o.path]
	switch {
	case !ok:
		return &Error{short(o.path), ErrNoMapping}
	case !r.writable && !owner:
		return &Error{o.path, ErrNotWritable}
	case n != nil && n.up.up == nil: // a root itself
		return &Error{o.path, ErrBadPath}
	case t.guarded == 0:
		return nil
	case n != nil && n.guarded() && !(owner && n.mirror && !o.value.IsNull()):
		return &Error{o.path, ErrNotPermitted}
	}
	if above := t.leafAbove(o.path); above != nil && above.mirror {
		return &Error{o.path, ErrNotPermitted}
	}
	return nil
}

// leafAbove is the variable that stands where path needs a node.
func (t *Tree) leafAbove(path string) *node {
	for p := parent(path); p != ""; p = parent(p) {
		if n := t.nodes[p]; n != nil {
			if n.leaf {
				return n
			}
			return nil
		}
	}
	return nil
}
