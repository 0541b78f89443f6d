package flash

import (
	"context"
	"slices"
)

// needed is what a file takes of the flash: SPIFFS keeps 251 bytes in a page of
// 256, and an index page; a second one is for its old self [OTA 3.5].
func needed(size int) int { return ((size+250)/251 + 2) * 256 }

// slack is what the flash needs to move things about.
const slack = 10 << 10

// room decides how the files travel: all before the first gets its name, or one
// by one, or, where there is no room beside an old file that a new one surely
// fits in the place of, after the old one is removed. That is the last way: a
// board that is cut off then lacks the file until the next run.
func (w *work) room(ctx context.Context, p *Plan) error {
	free := p.Device.Free
	if p.Device.Total == 0 || p.Need == 0 {
		return nil // it does not say, or nothing is sent
	}
	staged := func() bool { return free >= p.Need+p.Need/5+slack }
	if !staged() {
		for _, name := range p.Remove {
			n, err := w.held(ctx, name)
			if err != nil {
				return err
			}
			free += n
		}
	}
	if p.Staged = staged(); p.Staged || w.o.Force {
		return nil
	}
	begun := slices.ContainsFunc(p.Files, func(s Step) bool { return s.here != "" })
	for i := range p.Files {
		s := &p.Files[i]
		if s.Action != ActionSend && s.Action != ActionCompile {
			continue
		}
		old, n := 0, needed(s.Bytes)
		for _, name := range append([]string{s.Name}, s.Shadows...) {
			held, err := w.held(ctx, name)
			if err != nil {
				return err
			}
			old += held
		}
		switch {
		case free >= n+slack:
		case old > 0 && (n <= old || free+old >= n+slack):
			s.Over = true
		case begun && free >= n:
			// An earlier run was cut off after the removal, perhaps. Where it
			// does not fit nothing is lost.
		default:
			return &FullError{File: s.Name, Need: n + slack, Free: free + old}
		}
		free += old - n
	}
	return nil
}

// held is what a file on the board takes of the flash.
func (w *work) held(ctx context.Context, name string) (int, error) {
	size, there, err := w.c.Size(ctx, name)
	if err != nil || !there {
		return 0, err
	}
	return needed(size), nil
}
