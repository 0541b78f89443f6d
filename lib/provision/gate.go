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

// evict closes some stream that has said nothing, from host unless it is "".
func (g *gate) evict(host string) bool {
	for v := range g.quiet {
		if host == "" || v.host == host {
			delete(g.quiet, v)
			v.conn.Close()
			return true
		}
	}
	return false
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
	delete(g.quiet, v)
	g.open--
	if g.hosts[v.host]--; g.hosts[v.host] == 0 {
		delete(g.hosts, v.host)
	}
}
