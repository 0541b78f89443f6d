package link_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lander/lib/link"
	"lander/lib/link/linktest"
)

// dialling is a Redial whose tries give the errors of results in turn, nil
// being a connection, and whose time is the test's.
type dialling struct {
	link.Redial
	results []error
	now     time.Time
	slept   []time.Duration
}

func newDialling(results ...error) *dialling {
	d := &dialling{results: results, now: time.Unix(0, 0)}
	d.Redial = link.Redial{
		Dial: func(ctx context.Context) (link.Conn, error) {
			err := d.results[0]
			d.results = d.results[1:]
			if err != nil {
				return nil, err
			}
			a, _ := linktest.Pipe()
			return a, nil
		},
		Min:    time.Second,
		Max:    10 * time.Second,
		Stable: time.Minute,
		Clock:  func() time.Time { return d.now },
		Sleep: func(ctx context.Context, wait time.Duration) error {
			d.slept = append(d.slept, wait)
			return ctx.Err()
		},
		Rand: func() float64 { return 1 },
	}
	return d
}

var errDown = fmt.Errorf("connecting: %w", link.ErrUnreachable)

func seconds(n ...float64) (ds []time.Duration) {
	for _, s := range n {
		ds = append(ds, time.Duration(s*float64(time.Second)))
	}
	return ds
}

func TestRedialBacksOff(t *testing.T) {
	d := newDialling(errDown, errDown, errDown, errDown, errDown, errDown, nil, nil, errDown, nil, nil)
	next := func(want ...float64) {
		t.Helper()
		d.slept = nil
		if c, err := d.Next(t.Context()); err != nil || c == nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.slept, seconds(want...)) {
			t.Errorf("slept %v, want %v", d.slept, seconds(want...))
		}
	}
	next(1, 2, 4, 8, 10, 10)
	// Lost at once: the server is not well.
	d.now = d.now.Add(59 * time.Second)
	next(10)
	// It lasted: begin anew, without a delay.
	d.now = d.now.Add(time.Minute)
	next(1)
	// Lost at once after one failure.
	next(2)
}

func TestRedialJitter(t *testing.T) {
	d := newDialling(errDown, errDown, errDown, nil)
	random := []float64{0, 0.5, 1}
	d.Rand = func() float64 { r := random[0]; random = random[1:]; return r }
	if _, err := d.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := seconds(0.5, 1.5, 4); !slices.Equal(d.slept, want) {
		t.Errorf("slept %v, want %v", d.slept, want)
	}
}

func TestRedialEnds(t *testing.T) {
	for _, hopeless := range []error{link.ErrAddress, link.ErrScheme, link.ErrNotSerial} {
		d := newDialling(errDown, fmt.Errorf("x: %w", hopeless))
		if c, err := d.Next(t.Context()); !errors.Is(err, hopeless) || c != nil {
			t.Errorf("%v: %v, %v", hopeless, c, err)
		}
	}
	// While it sleeps: the error says both.
	d := newDialling(errDown, errDown)
	ctx, cancel := context.WithCancel(t.Context())
	sleeps := 0
	d.Sleep = func(ctx context.Context, _ time.Duration) error {
		if sleeps++; sleeps == 2 {
			cancel()
		}
		return ctx.Err()
	}
	if _, err := d.Next(ctx); !errors.Is(err, link.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want both", err)
	}
	// While it dials.
	d = newDialling(context.Canceled)
	if _, err := d.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// With its own timer.
	d = newDialling(errDown)
	d.Sleep = nil
	d.Min, d.Max = time.Hour, time.Hour
	d.Dial = func(context.Context) (link.Conn, error) { return nil, errDown }
	ctx, cancel = context.WithCancel(t.Context())
	d.Rand = func() float64 { cancel(); return 0 }
	if _, err := d.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRedialServer(t *testing.T) {
	skipUnix(t)
	a := link.Address{Scheme: link.Unix, Path: filepath.Join(socketDir(t), "s")}
	r := link.Redial{
		Dial: func(ctx context.Context) (link.Conn, error) { return link.Dial(ctx, a, link.Options{}) },
		Sleep: func(ctx context.Context, d time.Duration) error {
			// The server comes up while we wait.
			listen(t, a)
			return nil
		},
	}
	c, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
