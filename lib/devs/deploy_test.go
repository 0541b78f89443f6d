package devs_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/jacdactest"
	"lander/lib/jacdac/packet"
)

var boardID = packet.DeviceID{0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef}

// bubble is a subtest with a clock of its own.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func program(t testing.TB, name string) devs.Program {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := devs.ParseProgram(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bench is a host and a board on one bus.
func bench(t testing.TB, cfg devs.BoardConfig, share float64) (devs.Manager, *devs.Board) {
	t.Helper()
	add := jacdactest.Bus(t)
	if cfg.ID == (packet.DeviceID{}) {
		cfg.ID = boardID
	}
	board, err := devs.NewBoard(add(nil), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { board.Close() })
	host := add(func(tr jacdac.Transport) jacdac.Transport {
		if share == 0 {
			return tr
		}
		return jacdactest.NewLossy(tr, share, 7)
	})
	m, err := devs.Select(t.Context(), host, cfg.ID.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return m, board
}

type pair struct {
	m      devs.Manager
	doomed *jacdac.Bus
}

// newBenchPair is a board with two hosts.
func newBenchPair(t *testing.T) pair {
	t.Helper()
	add := jacdactest.Bus(t)
	board, err := devs.NewBoard(add(nil), devs.BoardConfig{ID: boardID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { board.Close() })
	m, err := devs.Select(t.Context(), add(nil), boardID.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return pair{m, add(nil)}
}

func deploy(ctx context.Context, m devs.Manager, d devs.Deploy) (devs.Report, error) {
	p, err := m.Plan(ctx, d)
	if err != nil {
		return devs.Report{}, err
	}
	return m.Deploy(ctx, d, p)
}

func TestDeploy(t *testing.T) {
	for _, c := range []struct {
		name, file string
		share      float64
	}{
		{"small", "hello.devs", 0},
		{"large", "large.devs", 0},
		{"a debug map", "hello-dbg.json", 0},
		{"five per cent lost each way", "large.devs", 0.05},
	} {
		bubble(t, c.name, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{}, c.share)
			d := devs.Deploy{Program: program(t, c.file)}
			r, err := deploy(t.Context(), m, d)
			if err != nil || !r.Changed || !r.Running || r.Size != len(d.Program.Image) {
				t.Fatalf("%+v, %v", r, err)
			}
			r, err = deploy(t.Context(), m, d)
			if err != nil || r.Changed || !r.Running {
				t.Fatalf("again: %+v, %v", r, err)
			}
			s, err := m.State(t.Context())
			if err != nil || !s.Running || !s.Autostart || s.SHA256 != r.SHA256 || len(s.Missing) != 0 && c.share == 0 {
				t.Fatalf("%+v, %v", s, err)
			}
		})
	}
}

func TestDeployRefused(t *testing.T) {
	m, _ := bench(t, devs.BoardConfig{Runtime: devs.Version{Major: 2, Minor: 8}}, 0)
	_, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")})
	if _, ok := errors.AsType[*devs.RejectedError](err); !ok {
		t.Errorf("%v", err)
	}
}
