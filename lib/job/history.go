package job

import (
	"slices"
	"sync"
)

// History is the order in which executions finished, and forgets the oldest
// beyond its limit.
type History struct {
	mu    sync.Mutex
	limit int
	ids   []string
}

// NewHistory keeps limit finished executions; below 0 counts as 0.
func NewHistory(limit int) *History { return &History{limit: max(limit, 0)} }

// Add takes up a finished execution and returns those to forget, the oldest
// first.
func (h *History) Add(id string) (forget []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids = append(h.ids, id)
	if n := len(h.ids) - h.limit; n > 0 {
		forget = slices.Clone(h.ids[:n])
		h.ids = append(h.ids[:0], h.ids[n:]...)
	}
	return forget
}

// Remove takes out an execution that was deleted.
func (h *History) Remove(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.ids, id); i >= 0 {
		h.ids = slices.Delete(h.ids, i, i+1)
	}
}

// Len is the number of finished executions that are kept.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ids)
}
