package devs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lander/lib/jacdac"
)

// Any selects the device, when there is exactly one.
const Any = "auto"

// ErrNoDevice says that no device with a manager answered.
var ErrNoDevice = errors.New("no DeviceScript device answered")

// SelectError says that a selector does not mean exactly one device.
type SelectError struct {
	Selector   string
	Candidates []string // "id (short name)"
}

func (e *SelectError) Error() string {
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("%v to %q", ErrNoDevice, e.Selector)
	}
	return fmt.Sprintf("%q means several devices: %s", e.Selector, strings.Join(e.Candidates, ", "))
}

// Is makes an empty selection ErrNoDevice.
func (e *SelectError) Is(target error) bool { return target == ErrNoDevice && len(e.Candidates) == 0 }

// Managers are the devices among those given that have a manager.
func Managers(bus *jacdac.Bus, devices []jacdac.Device) []Manager {
	var out []Manager
	for _, d := range devices {
		if _, ok := d.Index(ClassManager); ok {
			out = append(out, Manager{bus, d.ID})
		}
	}
	return out
}

// Discover waits for the managers of a bus: at most wait, and no longer than
// the bus needs to settle once one has answered.
func Discover(ctx context.Context, bus *jacdac.Bus, wait time.Duration) ([]Manager, error) {
	found, err := bus.Discover(ctx, wait, func(d []jacdac.Device, settled bool) bool { return settled && len(Managers(bus, d)) > 0 })
	if err != nil {
		return nil, err
	}
	return Managers(bus, found), nil
}

// Matches reports whether a selector can mean the device: its id, the start of
// its id (of at least two digits), its short name, or Any.
func (m Manager) Matches(selector string) bool {
	s := strings.ToLower(selector)
	return s == Any || strings.EqualFold(selector, m.ID.ShortName()) || len(s) >= 2 && strings.HasPrefix(m.ID.String(), s)
}

// List finds the managers that answer within wait; when none has by then, those
// that answer first, within patience. A board that begins to boot when its port
// is opened is not there at once.
func List(ctx context.Context, bus *jacdac.Bus, wait, patience time.Duration) ([]Manager, error) {
	found, err := bus.Discover(ctx, wait, func([]jacdac.Device, bool) bool { return false })
	if err != nil {
		return nil, err
	}
	if all := Managers(bus, found); len(all) > 0 || wait >= patience {
		return all, nil
	}
	return Discover(ctx, bus, patience-wait)
}

// Select finds the one device that a selector means. A full id is taken as
// soon as it answers; all else waits until the bus has settled, and several
// candidates are an error that lists them.
func Select(ctx context.Context, bus *jacdac.Bus, selector string, wait time.Duration) (Manager, error) {
	matching := func(d []jacdac.Device) (out []Manager) {
		for _, m := range Managers(bus, d) {
			if m.Matches(selector) {
				out = append(out, m)
			}
		}
		return out
	}
	full := len(selector) == 16
	found, err := bus.Discover(ctx, wait, func(d []jacdac.Device, settled bool) bool {
		return (full || settled) && len(matching(d)) > 0
	})
	if err != nil {
		return Manager{}, err
	}
	hits := matching(found)
	if len(hits) == 1 {
		return hits[0], nil
	}
	e := &SelectError{Selector: selector}
	for _, m := range hits {
		e.Candidates = append(e.Candidates, m.Name())
	}
	return Manager{}, e
}
