package stage

import "lander/lib/emp/frame"

// persist adds a record for the file. mu is held.
func (s *Stage) persist(add func(dst []byte) []byte) {
	if s.file != nil {
		s.pending = add(s.pending)
	}
}

// confirm calls done when the change is as durable as it is to be. mu is held,
// and given up.
func (s *Stage) confirm(done func(error), lasting bool) {
	if !lasting || s.file == nil {
		if len(s.pending) > 0 {
			s.wake.Signal()
		}
		s.mu.Unlock()
		done(nil)
		return
	}
	s.waiting = append(s.waiting, done)
	s.wake.Signal()
	s.mu.Unlock()
}

// commitLoop writes what is pending, all that has come together with one sync.
func (s *Stage) commitLoop() {
	defer close(s.finished)
	var spare []byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.pending)+len(s.waiting) == 0 && !s.ended {
			s.wake.Wait()
		}
		if len(s.pending)+len(s.waiting) == 0 {
			return
		}
		records, waiting := s.pending, s.waiting
		s.pending, s.waiting = spare[:0], nil
		var whole []byte
		if s.file.Outgrown(len(records)) {
			whole = s.whole()
		}
		s.mu.Unlock()
		var err error
		switch {
		case whole != nil:
			err = s.file.Replace(whole)
		case len(records) > 0:
			err = s.file.Append(records)
		}
		if err != nil {
			s.log.Error("saving data", "error", err)
			err = frame.Errorf(frame.StatusIOError, "the data could not be saved")
		}
		for _, done := range waiting {
			done(err)
		}
		if spare = records; cap(spare) > 1<<20 {
			spare = nil
		}
		s.mu.Lock()
	}
}
