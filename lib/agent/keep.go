package agent

import (
	"time"

	"lander/lib/job"
)

// maxRetry is the longest time between two tries to keep a result.
const maxRetry = time.Minute

// keep puts the end of an execution on record. What the disk does not take is
// answered from memory and tried again: whoever has the answer must find the
// same one after a restart.
func (s *scripts) keep(res job.Result, key string) {
	err := s.save(res, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.running[res.ID]
	if err == nil || r == nil {
		delete(s.running, res.ID)
		return
	}
	r.result = res
	s.a.cfg.Log.Error("a result could not be kept yet", "execution", res.ID, "error", err)
	s.wg.Go(func() { s.keepLater(res, key) })
}

// keepLater tries until the record is written, and once more when the agent
// ends.
func (s *scripts) keepLater(res job.Result, key string) {
	for wait, last := s.retry, false; ; wait = min(2*wait, maxRetry) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			last = true
		}
		timer.Stop()
		err := s.save(res, key)
		if err == nil {
			s.mu.Lock()
			delete(s.running, res.ID)
			s.mu.Unlock()
			s.a.cfg.Log.Info("the result is kept now", "execution", res.ID)
			return
		}
		if last {
			s.a.cfg.Log.Error("a result could not be kept", "execution", res.ID, "error", err)
			return
		}
	}
}
