package provision

import (
	"io"
	"sync"
)

// gate bounds the streams that are open at once, in all and from one address.
// When it is full, a stream that has said nothing yet gives way.
type gate struct {
	mu      sync.Mutex
	max     int
	perHost int
	open    int
	hosts   map[string]int
	quiet   map[*visitor]bool
}

type visitor struct {
	conn io.Closer
	host string
	seq  uint64 // in the order of acceptance
	gone bool   // its place was given away already
}

// enter lets a stream in, or not.
func (g *gate) enter(v *visitor) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hosts[v.host] >= g.perHost && !g.evict(v.host) || g.open >= g.max && !g.evict("") {
		return false
	}
	g.open++
	g.hosts[v.host]++
	g.quiet[v] = true
	return true
}

// evict closes the stream that has said nothing for longest, of host unless it is
// "", and gives its place away.
func (g *gate) evict(host string) bool {
	var oldest *visitor
	for v := range g.quiet {
		if (host == "" || v.host == host) && (oldest == nil || v.seq < oldest.seq) {
			oldest = v
		}
	}
	if oldest == nil {
		return false
	}
	g.give(oldest)
	oldest.conn.Close()
	return true
}

// give takes a visitor's place back.
func (g *gate) give(v *visitor) {
	if v.gone {
		return
	}
	v.gone = true
	delete(g.quiet, v)
	g.open--
	if g.hosts[v.host]--; g.hosts[v.host] == 0 {
		delete(g.hosts, v.host)
	}
}

// spoke notes that a stream said something that looks like a board.
func (g *gate) spoke(v *visitor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.quiet, v)
}

// leave gives the place back.
func (g *gate) leave(v *visitor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.give(v)
}
