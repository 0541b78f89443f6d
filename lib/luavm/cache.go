package luavm

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Cache keeps compiled programs by the digest of their name, format and
// payload, so that a script that runs often is compiled once. The least
// recently used ones go when the bytes of the payloads exceed a limit. It is
// safe for concurrent use; the nil Cache keeps nothing.
type Cache struct {
	mu    sync.Mutex
	limit int
	size  int
	byKey map[[sha256.Size]byte]*list.Element
	order *list.List // of *cached, most recently used first
}

type cached struct {
	key  [sha256.Size]byte
	size int
	p    *Program
}

// NewCache returns a cache for programs with payloads of up to limit bytes
// together. A program takes about ten times its payload.
func NewCache(limit int) *Cache {
	return &Cache{limit: limit, byKey: map[[sha256.Size]byte]*list.Element{}, order: list.New()}
}

// Load is the function Load with the cache before it. Errors are not kept.
func (c *Cache) Load(name, format string, payload []byte) (*Program, error) {
	if c == nil {
		return Load(name, format, payload)
	}
	h := sha256.New()
	h.Write([]byte(format))
	h.Write([]byte{0})
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(payload)
	var key [sha256.Size]byte
	h.Sum(key[:0])
	if p := c.get(key); p != nil {
		return p, nil
	}
	p, err := Load(name, format, payload)
	if err == nil {
		c.put(&cached{key, len(payload), p})
	}
	return p, err
}

func (c *Cache) get(key [sha256.Size]byte) *Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).p
}

func (c *Cache) put(n *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[n.key] != nil || n.size > c.limit {
		return
	}
	c.byKey[n.key] = c.order.PushFront(n)
	c.size += n.size
	for c.size > c.limit {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, last.key)
		c.size -= last.size
	}
}
