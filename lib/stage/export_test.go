package stage

import "runtime"

// Settle waits until no session is on that began by itself.
func (s *Stage) Settle() {
	for {
		s.mu.Lock()
		busy := false
		for _, p := range s.policies {
			busy = busy || p.running
		}
		for _, t := range s.tables {
			busy = busy || t.sending
		}
		s.mu.Unlock()
		if !busy {
			return
		}
		runtime.Gosched()
	}
}
