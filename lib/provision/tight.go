package provision

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/luaota"
)

// A flash that has no room for the new files beside the old ones cannot be
// brought from one release to the next in one step. What has arrived gets its
// name at once then, which makes room, and the rest comes one file after the
// other. A file for which there is still no room is written over its old self,
// when it is sure to fit; the client's own files and init.lua, without which a
// board does not come back, never are. A board that loses its power in the midst
// has files of both releases, or none of that name, until its next visit.

// Tight is a release that a board's flash has no room for.
type Tight struct {
	Chk   string    `json:"chk"`
	Over  []string  `json:"over,omitempty"`  // names that have no room beside their old selves
	Why   string    `json:"why,omitempty"`   // it did not fit at all
	Tries int       `json:"tries,omitempty"` // that came to Why
	Until *job.Time `json:"until,omitempty"` // when it is tried again
}

// RoomError is a file that the flash has no room for.
type RoomError struct {
	Name string
	Size int   // in bytes; of a compiled file about
	More int   // that are missing at most; 0: it is not written over
	Err  error // what the board said
}

func (e *RoomError) Error() string {
	if e.More == 0 {
		return fmt.Sprintf("the flash is full: there is no room for the %d bytes of %s beside its old content, and it is not written over: the board would not come back from a power cut", e.Size, e.Name)
	}
	return fmt.Sprintf("the flash is full: %s needs %d bytes more than its old content, and there is no room for them", e.Name, e.More)
}

// Unwrap gives what the board said.
func (e *RoomError) Unwrap() error { return e.Err }

// vital reports whether a board without the file does not come back.
func vital(name string) bool { return strings.HasPrefix(name, "luaOTA/") || name == "init.lua" }

// full reports whether the board's flash took no more.
func full(err error) bool {
	se, ok := errors.AsType[*luaota.StatusError](err)
	return ok && se.Status == "write failed"
}

// refused notes that a release does not fit. It is tried again after an hour,
// and later each time: somebody may have made room.
func (t *Tight) refused(why string, now time.Time) {
	t.Why, t.Over = why, nil
	t.Tries++
	t.Until = &job.Time{Time: now.Add(min(time.Duration(t.Tries), 24) * time.Hour)}
}

// wait says why a release is not tried now, or "".
func (t *Tight) wait(chk string, now time.Time) string {
	if t == nil || t.Chk != chk || t.Until == nil || !now.Before(t.Until.Time) {
		return ""
	}
	return t.Why + "; it is tried again after " + t.Until.UTC().Format(time.RFC3339)
}

// tight is the record of the release that the session brings.
func (c *session) tight() *Tight {
	if t := c.dev.Tight; t == nil || t.Chk != c.goal.Chk {
		c.dev.Tight = &Tight{Chk: c.goal.Chk}
	}
	return c.dev.Tight
}

// squeeze goes on with a plan for which there is no room, as was found when the
// file failed was sent, "" when that was in an earlier session. begun says that
// something was sent in this one.
func (c *session) squeeze(p Plan, failed string, begun bool, saved func() error) (string, error) {
	t := c.tight()
	if err := errors.Join(saved(), c.tie.hold()); err != nil {
		return "", err
	}
	c.log.Warn("there is no room for the new files beside the old ones: they are replaced one by one", "release", p.Release)
	d := c.dev
	if err := c.list(); err != nil {
		return "", err
	}
	moves, doomed := map[string]string{}, []string{}
	var order []string
	for _, s := range p.Steps {
		if s.Do == StepDelete && !slices.Contains(doomed, s.Name) {
			doomed = append(doomed, s.Name)
		}
		if s.item == nil {
			continue
		}
		doomed = unhide(doomed, s.Name)
		if st, there := d.Staged[s.Staged]; there && st.Token == s.item.token() {
			moves[s.Name] = s.Staged
			order = append(order, s.Name)
		}
	}
	if err := c.verify(moves); err != nil {
		return "", err
	}
	early, _ := apart(c.present(doomed))
	if len(order)+len(early) == 0 && failed != "" && !vital(failed) {
		t.Over = append(t.Over, failed) // there is not more room now
	}
	// Without a file on its way the removal needs room for an empty one.
	if err := c.move(order, moves, early); err != nil && !(len(order) == 0 && full(err)) {
		return "", err
	}
	for _, s := range p.Steps {
		if s.item == nil || moves[s.Name] != "" {
			continue
		}
		err := c.replace(s, begun)
		if errors.Is(err, errSuspend) {
			return ResultStaged, c.srv.Restart(keptConfig(c.hello))
		}
		if err != nil {
			return "", err
		}
		begun = true
	}
	if err := c.list(); err != nil {
		return "", err
	}
	if left := c.present(doomed); len(left) > 0 {
		if err := c.move(nil, nil, left); err != nil {
			return "", err
		}
	}
	return ResultUpdated, c.conclude(slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == StepHangUp }))
}

// replace brings one file to its name, beside its old self where there is room.
func (c *session) replace(s Step, may bool) error {
	t := c.tight()
	if !slices.Contains(t.Over, s.Name) {
		err := c.send(s, may)
		if err == nil {
			if err = c.verify(map[string]string{s.Name: s.Staged}); err == nil {
				err = c.chain(s.Staged, []string{s.Name})
			}
		}
		if err == nil {
			c.dev.arrived(s.Name, s.Staged, s.item.token())
		}
		if !full(err) {
			return err
		}
		if vital(s.Name) {
			return &RoomError{Name: s.Name, Size: s.Bytes, Err: err}
		}
		t.Over = append(t.Over, s.Name)
		may = true
	}
	return c.over(s, may)
}

// over writes a file over its old self, when it is sure to fit there.
func (c *session) over(s Step, may bool) error {
	if may && !c.room(2*records(s.Bytes)+2) {
		return errSuspend
	}
	if err := c.list(); err != nil {
		return err
	}
	size := s.Bytes
	if s.Do == StepCompile {
		size *= 2 // only the board knows
	}
	more := size - int(c.listing[s.Name])
	if more > 0 {
		err := c.reserve(more)
		if full(err) {
			return &RoomError{Name: s.Name, Size: size, More: more, Err: err}
		}
		if err != nil {
			return err
		}
	}
	c.log.Warn("a file is written over its old content", "file", s.Name)
	if _, err := c.srv.Do(luaota.File(s.Name, nil)); err != nil {
		return fmt.Errorf("emptying %s: %w", s.Name, err)
	}
	s.Staged = s.Name
	if err := c.send(s, false); err != nil {
		return err
	}
	if err := c.verify(map[string]string{s.Name: s.Name}); err != nil {
		return err
	}
	c.dev.arrived(s.Name, s.Name, s.item.token())
	return nil
}

// reserve finds out whether the flash has room for n bytes more.
func (c *session) reserve(n int) error {
	blank := make([]byte, pieceSize)
	for ; n > pieceSize; n -= pieceSize {
		if _, err := c.srv.Do(luaota.Put(blank)); err != nil {
			return fmt.Errorf("looking for room: %w", err)
		}
	}
	_, err := c.srv.Do(luaota.File(stagePrefix, blank[:n]))
	if err == nil {
		_, err = c.srv.Do(luaota.File(stagePrefix, nil))
	}
	if err != nil {
		return fmt.Errorf("looking for room: %w", err)
	}
	return nil
}
