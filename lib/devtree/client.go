package devtree

import (
	"sync"

	"lander/lib/emp/frame"
)

// Client is the tree as one connection uses it: the payloads of the variable
// commands [EMP 4, 9 to 13], and the registrations, which belong to it.
type Client struct {
	t    *Tree
	tell func(frame.NotifyVariable)

	mu      sync.Mutex
	watches map[frame.WatchID]*watch // nil when closed
}

// Client makes a client of the tree. tell is called for every notification,
// one at a time, and must not wait.
func (t *Tree) Client(tell func(frame.NotifyVariable)) *Client {
	return &Client{t: t, tell: tell, watches: map[frame.WatchID]*watch{}}
}

// Close ends the registrations.
func (c *Client) Close() {
	c.mu.Lock()
	ws := c.watches
	c.watches = nil
	c.mu.Unlock()
	for _, w := range ws {
		c.t.unwatch(w)
	}
}

// GetVariable answers the payload of CmdGetVariable: it appends the body of
// the response.
func (c *Client) GetVariable(dst, payload []byte) ([]byte, error) {
	if path, ok := frame.PlainString(payload); ok {
		if out, ok := c.t.appendGet(dst, path); ok {
			return out, nil
		}
	}
	p, err := frame.ParseGetVariable(payload)
	if err != nil {
		return nil, err
	}
	if !p.Many {
		v, kids, _ := c.t.Get(p.Paths[0])
		return frame.Variables{Value: v, Children: kids}.Append(dst), nil
	}
	var values []frame.Member
	var all []string
	seen := make(map[string]bool, len(p.Paths))
	for _, path := range p.Paths {
		path = Clean(path)
		if seen[path] {
			continue
		}
		seen[path] = true
		switch v, kids, ok := c.t.Get(path); {
		case kids != nil:
			all = append(all, kids...)
		case ok:
			values = append(values, frame.Member{Key: path, Value: v})
		}
	}
	return frame.Variables{Value: frame.Map(values...), Children: all}.Append(dst), nil
}

// appendGet answers for a path that is stored, without allocating.
func (t *Tree) appendGet(dst, path []byte) ([]byte, bool) {
	t.mu.RLock()
	n := t.nodes[string(path)]
	if n == nil || !n.leaf {
		t.mu.RUnlock()
		return dst, false
	}
	v := n.value
	t.mu.RUnlock()
	dst = append(dst, '[')
	dst = v.Append(dst)
	return append(dst, ']'), true
}

// SetVariable does the payload of CmdSetVariable; see Tree.Set.
func (c *Client) SetVariable(payload []byte, done func(error)) error {
	p, err := frame.ParseSetVariable(payload)
	if err != nil {
		return err
	}
	return c.t.Set(p.Path, p.Value, done)
}

// RegisterVariable does the payload of CmdRegisterVariable.
func (c *Client) RegisterVariable(payload []byte) (frame.WatchID, error) {
	p, err := frame.ParseRegisterVariable(payload)
	if err != nil {
		return "", err
	}
	return c.Watch(p.Watch, p.Passive)
}

// Watch registers for the changes of paths: leaves, nodes with everything
// below them, or what is not there yet. Each notification has the changes of
// one Set, and all of the passive variables.
func (c *Client) Watch(paths, passive []string) (frame.WatchID, error) {
	if len(paths)+len(passive) > c.t.limits.Watches {
		return "", &Error{"", ErrFull}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.watches == nil:
		return "", &Error{"", ErrClosed}
	case len(c.watches) >= c.t.limits.Watches:
		return "", &Error{"", ErrFull}
	}
	w := c.t.watchPaths(paths, passive, c.tell)
	c.watches[w.id] = w
	return w.id, nil
}

// DeRegisterVariable does the payload of CmdDeRegisterVariable. Only the
// owner's own registrations are known to it.
func (c *Client) DeRegisterVariable(payload []byte) error {
	id, err := frame.ParseWatchID(payload)
	if err != nil {
		return err
	}
	c.mu.Lock()
	w := c.watches[id]
	delete(c.watches, id)
	c.mu.Unlock()
	if w == nil {
		return &Error{"", ErrNoWatch}
	}
	c.t.unwatch(w)
	return nil
}
