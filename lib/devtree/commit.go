package devtree

import (
	"lander/lib/emp/frame"
)

// commit is one change on its way to those who wait for it.
type commit struct {
	number  uint64 // counts the changes
	done    func(error)
	changes []frame.Member
	before  []op // what it has changed, as it was
	held    bool // by a subtree that is not through
	durable bool // waits for the disk
	err     error
}

// enqueue puts a commit behind those before it. mu is held.
func (t *Tree) enqueue(c *commit) {
	t.queue = append(t.queue, c)
	t.stamp(c)
}

// stamp says that c changes the tree now: watches that come later are not
// told of it. mu is held.
func (t *Tree) stamp(c *commit) {
	t.changes++
	c.number = t.changes
}

// deliver confirms and tells what is ready at the head of the queue. One
// goroutine at a time does it, for all: so the order is kept, and a function
// that is called may use the tree.
func (t *Tree) deliver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.delivering {
		return
	}
	t.delivering = true
	for len(t.queue) > 0 && !t.queue[0].held && !t.queue[0].durable {
		c := t.queue[0]
		t.queue[0] = nil
		t.queue = t.queue[1:]
		if len(t.queue) == 0 {
			t.queue = nil
		}
		t.mu.Unlock()
		if c.done != nil {
			c.done(c.err)
		}
		if len(c.changes) > 0 {
			t.tell(c)
		}
		t.mu.Lock()
	}
	t.delivering = false
}

// commitLoop writes what is pending, all that has come together with one sync.
func (t *Tree) commitLoop() {
	defer close(t.done)
	var spare []byte
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for len(t.pending) == 0 && !t.closing {
			t.wake.Wait()
		}
		if len(t.pending) == 0 {
			return
		}
		records := t.pending
		t.pending = spare[:0]
		var waiting []*commit
		for _, c := range t.queue {
			if c.durable {
				waiting = append(waiting, c)
			}
		}
		var whole []byte
		if t.file.Outgrown(len(records)) {
			whole = t.whole()
		}
		t.mu.Unlock()
		var err error
		if whole != nil {
			err = t.file.Replace(whole)
		} else {
			err = t.file.Append(records)
		}
		if err != nil {
			t.log.Error("saving the variable tree", "error", err)
			err = &Error{"", ErrNotSaved}
		}
		spare = records
		if cap(spare) > 1<<20 {
			spare = nil
		}
		t.mu.Lock()
		t.unsaved = err != nil || len(t.pending) > 0
		if err != nil {
			// What has come meanwhile builds on what was not saved.
			waiting, t.pending = t.queue, t.pending[:0]
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			c := waiting[i]
			if !c.durable {
				continue
			}
			if c.durable, c.err = false, err; err != nil {
				t.undo(c)
			}
		}
		t.mu.Unlock()
		t.deliver()
		t.mu.Lock()
	}
}

// whole is the text of a file that holds the present state. mu is held.
func (t *Tree) whole() []byte {
	b := append([]byte(nil), fileHead...)
	var ops []op
	flush := func() {
		if len(ops) > 0 {
			b = appendRecord(b, ops)
			ops = ops[:0]
		}
	}
	for name, r := range t.roots {
		if !r.persistent {
			continue
		}
		t.nodes[name].each(func(n *node) {
			v := n.value
			if n.mirror {
				if n.kept == nil {
					return
				}
				v = *n.kept
			}
			if ops = append(ops, op{n.path, v}); len(ops) == 64 {
				flush()
			}
		})
	}
	flush()
	return b
}
