package flash

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lander/lib/nodemcu"
)

// resends is how often a file is sent whose hash is not right [OTA 3.4].
const resends = 5

// transfer carries out the plan.
func (w *work) transfer(ctx context.Context) error {
	if err := w.register(); err != nil {
		return err
	}
	for _, name := range w.plan.Remove {
		w.touched = true
		if _, err := w.c.Remove(ctx, name); err != nil {
			return err
		}
	}
	if w.strays {
		for _, pattern := range []string{"^~of$", "^~of[^.]", "^~of.*[^%w.]"} {
			if err := w.c.Sweep(ctx, pattern); err != nil {
				return err
			}
		}
	}
	if w.plan.Bytes > 0 {
		if err := w.hurry(ctx); err != nil {
			return err
		}
	}
	before := 0
	if w.plan.Staged {
		var staged []*Step
		for i := range w.plan.Files {
			s := &w.plan.Files[i]
			if err := w.send(ctx, s, &before); err != nil {
				return err
			}
			if s.Action == ActionSend {
				staged = append(staged, s)
			}
		}
		if err := w.arrived(ctx, staged); err != nil {
			return err
		}
	}
	for i := range w.plan.Files {
		s := &w.plan.Files[i]
		if !w.plan.Staged {
			if err := w.send(ctx, s, &before); err != nil {
				return err
			}
			if s.Action == ActionSend {
				if err := w.arrived(ctx, []*Step{s}); err != nil {
					return err
				}
			}
		}
		if err := w.commit(ctx, s); err != nil {
			return err
		}
		w.done++
	}
	return w.readBack(ctx)
}

// hurry tries the faster rates.
func (w *work) hurry(ctx context.Context) error {
	for _, rate := range w.o.Fast {
		err := w.c.Fast(ctx, rate)
		if err == nil {
			w.report.Baud = rate
			return nil
		}
		if !errors.Is(err, nodemcu.ErrRefused) && !errors.Is(err, nodemcu.ErrNoise) {
			return err
		}
		w.o.Log.Info("the rate stays", "error", err)
	}
	return nil
}

// send brings a file to the board under its temporary name.
func (w *work) send(ctx context.Context, s *Step, before *int) error {
	if s.Action != ActionSend && s.Action != ActionCompile {
		return nil
	}
	w.at, w.touched = s.Name, true
	if s.Over {
		w.o.Log.Warn("there is no room beside the old file: it is removed before the new one is there", "file", s.Name)
		for _, name := range append([]string{s.Name}, s.Shadows...) {
			if _, err := w.c.Remove(ctx, name); err != nil {
				return err
			}
		}
	}
	w.o.Log.Info("sending", "file", s.Name, "bytes", s.Bytes)
	n, err := w.c.Upload(ctx, s.temp, s.content, func(done int) {
		if w.o.Show != nil {
			w.o.Show(Progress{s.Name, *before + done, w.plan.Bytes})
		}
	})
	w.retries[s.Name] += n
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	*before += s.Bytes
	w.sent[s.Name] = true
	if s.Action == ActionCompile {
		if err := w.arrived(ctx, []*Step{s}); err != nil {
			return err
		}
		return w.compile(ctx, s)
	}
	return nil
}

// arrived hashes what was sent, and sends again what is not right.
func (w *work) arrived(ctx context.Context, steps []*Step) error {
	for try := 0; len(steps) > 0; try++ {
		var names []string
		for _, s := range steps {
			names = append(names, s.temp)
		}
		have, err := w.c.Hash(ctx, w.digest, names...)
		if err != nil {
			return err
		}
		var bad []*Step
		for _, s := range steps {
			if have[s.temp] == w.digest.Of(s.content) {
				continue
			}
			w.at = s.Name
			if try == resends {
				return &MismatchError{File: s.Name, Alg: w.digest.Alg, Want: w.digest.Of(s.content), Got: have[s.temp]}
			}
			w.retries[s.Name]++
			if _, err := w.c.Upload(ctx, s.temp, s.content, nil); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			bad = append(bad, s)
		}
		steps = bad
	}
	return nil
}

// compile makes the board compile a source that arrived. When it has not the
// memory, the source takes the place of the bytecode.
func (w *work) compile(ctx context.Context, s *Step) error {
	err := w.c.Compile(ctx, s.temp)
	switch {
	case err == nil:
		if _, err := w.c.Remove(ctx, s.temp); err != nil {
			return err
		}
		s.temp = sibling(s.temp)
		return nil
	case errors.Is(err, nodemcu.ErrRefused) && strings.Contains(err.Error(), "not enough memory"):
		w.o.Log.Warn("the board has not the memory to compile: its source is used", "file", s.Name)
		other := s.Name
		s.Name, s.Action, s.Shadows = sibling(s.Name), ActionSend, []string{other}
		w.sent[s.Name] = true
		w.retries[s.Name] = w.retries[other]
		return nil
	}
	return fmt.Errorf("%s: %w", s.Name, err)
}

// commit gives a file its name.
func (w *work) commit(ctx context.Context, s *Step) error {
	w.at = s.Name
	if s.Action == ActionSkip {
		for _, name := range s.Shadows {
			w.touched = true
			if _, err := w.c.Remove(ctx, name); err != nil {
				return err
			}
			w.report.Removed = append(w.report.Removed, name)
		}
		return nil
	}
	w.touched = true
	sum, err := w.c.Replace(ctx, w.digest, s.temp, s.Name, s.Shadows...)
	if err != nil {
		return err
	}
	s.back = sum
	w.report.Removed = append(w.report.Removed, s.Shadows...)
	if s.Action == ActionCompile {
		w.compiled[s.Name] = true
	}
	return nil
}

// errAgain asks for another session.
var errAgain = errors.New("a file is not what was sent")

// readBack looks at the digests of all files under their names: nothing else
// counts as done.
func (w *work) readBack(ctx context.Context) error {
	var names []string
	for _, s := range w.plan.Files {
		if s.back == "" && (s.Action != ActionSkip || w.compiled[s.Name]) {
			names = append(names, s.Name)
		}
	}
	have := map[string]string{}
	if len(names) > 0 {
		var err error
		if have, err = w.c.Hash(ctx, w.digest, names...); err != nil {
			return err
		}
	}
	for _, s := range w.plan.Files {
		got := s.back
		if got == "" {
			got = have[s.Name]
		}
		switch {
		case s.Action == ActionSkip && !w.compiled[s.Name]:
		case w.compiled[s.Name] && got != "":
		case got != w.digest.Of(s.content):
			if w.wrong++; w.wrong < resends {
				return errAgain // what is wrong is planned anew
			}
			w.at = s.Name
			return &MismatchError{File: s.Name, Alg: w.digest.Alg, Want: w.digest.Of(s.content), Got: got}
		}
	}
	return nil
}

// verifyOnly reports what is not as it should be.
func (w *work) verifyOnly(ctx context.Context) error {
	w.fill()
	var bad []string
	for i, s := range w.plan.Files {
		f := &w.report.Files[i]
		switch {
		case s.Action == ActionSkip && len(s.Shadows) == 0:
			f.Action = "same"
			continue
		case s.Action == ActionCompile && s.here != "":
			f.Action = "compiled" // what of, the board does not tell
			continue
		case s.Action == ActionSkip:
			f.Action = "shadowed"
		case s.here == "":
			f.Action = "missing"
		default:
			f.Action = "differs"
		}
		bad = append(bad, s.Name)
	}
	if err := w.c.Forget(ctx); err != nil {
		return err
	}
	if len(bad) > 0 {
		return &DiffersError{bad}
	}
	return nil
}
