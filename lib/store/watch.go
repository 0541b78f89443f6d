package store

import "sync"

// watches are those who are told of the changes that this process sees. Their
// owner's lock guards them: it is held for writing where a key is noted, and
// at least for reading where one is taken and looked up, so that a key that
// was taken is not older than the last change of it that was noted.
type watches struct {
	all map[*watch]bool
}

// watch is one of them: the keys that have changed since it took them. A key
// that changes again before it was taken stands there once.
type watch struct {
	prefix string
	wake   chan struct{} // holds a token when something was noted

	mu      sync.Mutex // of what follows
	keys    []string   // in the order of their changes
	noted   map[string]bool
	initial int // of keys, those that are left of what was there at first; negative: Caught was told
}

// add begins a watch; of keys, which are there, those under prefix are its
// first.
func (ws *watches) add(prefix string, keys []string) *watch {
	w := &watch{prefix: prefix, wake: make(chan struct{}, 1), noted: map[string]bool{}}
	for _, k := range keys {
		if under(k, prefix) {
			w.keys = append(w.keys, k)
			w.noted[k] = true
		}
	}
	w.initial = len(w.keys)
	if ws.all == nil {
		ws.all = map[*watch]bool{}
	}
	ws.all[w] = true
	return w
}

func (ws *watches) remove(w *watch) { delete(ws.all, w) }

// note tells all watches of a key that has changed.
func (ws *watches) note(key string) {
	for w := range ws.all {
		if under(key, w.prefix) {
			w.note(key)
		}
	}
}

func (w *watch) note(key string) {
	w.mu.Lock()
	if !w.noted[key] {
		w.noted[key] = true
		w.keys = append(w.keys, key)
	}
	w.mu.Unlock()
	w.poke()
}

func (w *watch) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (ws *watches) wakeAll() {
	for w := range ws.all {
		w.poke()
	}
}

// next takes a key. caught says that what was there at first is all taken,
// once.
func (w *watch) next() (key string, caught, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.initial == 0 {
		w.initial = -1
		return "", true, true
	}
	if len(w.keys) == 0 {
		w.keys = nil
		return "", false, false
	}
	key = w.keys[0]
	w.keys = w.keys[1:]
	delete(w.noted, key)
	if w.initial > 0 {
		w.initial--
	}
	return key, false, true
}
