// Package devtree is the variable tree of a device: leaves with a value below
// nodes without one, named by dotted paths [EMP 6].
//
// The first segment of a path is its root. `config` is persistent: what Set
// has confirmed survives a crash of the process and of the machine. `ram` is
// not; `update` is written by the agent alone. More roots, and subtrees below
// them, are mounted: `system` is one of those.
//
// A tree never waits for who watches it, and is read without waiting for the
// disk. Changes are confirmed and told in the order in which they were made.
package devtree

import (
	"fmt"
	"log/slog"
	"sync"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

// The roots that every tree has.
const (
	Config = "config"
	RAM    = "ram"
	Update = "update"
)

// Limits bound what clients can store. Zero fields are the defaults.
type Limits struct {
	PathBytes  int   // length of a path; 1024
	PathDepth  int   // segments of a path; 64
	ValueBytes int   // length of a string; 1 MiB
	Variables  int   // number of leaves; 100,000
	TotalBytes int64 // paths and strings together; 64 MiB
	Watches    int   // registrations of one client; 1024
}

func (l *Limits) defaults() {
	set := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	set(&l.PathBytes, 1024)
	set(&l.PathDepth, 64)
	set(&l.ValueBytes, 1<<20)
	set(&l.Variables, 100_000)
	set(&l.Watches, 1024)
	if l.TotalBytes <= 0 {
		l.TotalBytes = 64 << 20
	}
}

// Options are the settings of a Tree.
type Options struct {
	// File keeps the variables of `config`. It is made when it is not there;
	// its directory must be. "" keeps them in memory. One Tree at a time may
	// use a file.
	File   string
	Limits Limits
	Logger *slog.Logger // nil drops what is said
}

// Tree is a variable tree. Its methods may be called from any goroutine.
type Tree struct {
	limits Limits
	log    *slog.Logger
	roots  map[string]root
	done   chan struct{} // closed when the committer has ended

	mu      sync.RWMutex
	nodes   map[string]*node // by path; "" is the top
	count   int              // leaves that count against the limits
	bytes   int64
	guarded int // mirrors and mounts

	watches map[string][]*watch // by watched path
	nextID  uint64
	changes uint64 // made so far

	queue      []*commit
	delivering bool
	file       *durable.Log // nil without a file
	pending    []byte       // records for the file
	unsaved    bool         // the file lacks something: it is pending, being written, or could not be
	wake       sync.Cond
	closing    bool
}

// root is what may be done below a first segment.
type root struct {
	persistent bool
	writable   bool // by clients
}

// Open makes the tree and loads what its file keeps.
func Open(o Options) (*Tree, error) {
	o.Limits.defaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Tree{
		limits:  o.Limits,
		log:     o.Logger,
		roots:   map[string]root{Config: {persistent: true, writable: true}, RAM: {writable: true}, Update: {}},
		done:    make(chan struct{}),
		nodes:   map[string]*node{},
		watches: map[string][]*watch{},
	}
	t.wake.L = &t.mu
	t.nodes[""] = &node{pinned: true}
	for name := range t.roots {
		t.grow(name).pinned = true
	}
	if o.File == "" {
		close(t.done)
		return t, nil
	}
	f, err := openLog(o.File, t.log, func(ops []op) { t.apply(ops) })
	if err != nil {
		return nil, fmt.Errorf("opening the variable tree: %w", err)
	}
	t.file = f
	go t.commitLoop()
	return t, nil
}

// Close writes what waits to be written, confirms it, and ends the tree.
// What comes later is refused.
func (t *Tree) Close() error {
	t.mu.Lock()
	t.closing = true
	t.wake.Signal()
	t.mu.Unlock()
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// Get returns the value of a leaf and no children, or the absolute paths of
// the direct children of a node in their order, not nil. ok is false when
// there is neither.
func (t *Tree) Get(path string) (v frame.Value, children []string, ok bool) {
	path = Clean(path)
	t.mu.RLock()
	n := t.nodes[path]
	if n != nil && n.mount == nil {
		defer t.mu.RUnlock()
		if n.leaf {
			return n.value, nil, true
		}
		return frame.Value{}, n.children(), true
	}
	m, rest := t.mountOf(path)
	t.mu.RUnlock()
	if m == nil {
		return frame.Value{}, nil, false
	}
	return readMount(m, path, rest)
}

// Each calls f for every stored leaf at or below a path, in the order of the
// paths. Mounted subtrees are left out. f must not use the tree.
func (t *Tree) Each(path string, f func(path string, v frame.Value)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := t.nodes[Clean(path)]; n != nil {
		n.each(func(n *node) { f(n.path, n.value) })
	}
}
