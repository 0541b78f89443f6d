package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/boards"
	"lander/lib/bundle"
	"lander/lib/campaign"
	"lander/lib/jacdac"
	"lander/lib/link"
	"lander/lib/provision"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

// boardFlags are those of a gateway that looks after boards.
func boardFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "devs", Usage: "the DeviceScript devices of the bus at `ADDR` are components (repeatable)"},
	}
}

// gatewayBoards is the part of a gateway that knows boards: those of an ota
// serve with the same store, and those of --devs.
type gatewayBoards struct {
	*boards.Boards
	campaigns *campaign.Campaigns
	buses     []*boards.DeviceScript
	stores    *otaStores
}

// openBoards opens what is known of the boards.
func (k *call) openBoards(cfg *sovd.Config, st store.Store, members *store.Presence, lines *eventLines) (*gatewayBoards, error) {
	g := &gatewayBoards{stores: &otaStores{dir: filepath.Join(k.stateDir(), "ota"), own: st, alone: k.cli.String("store") != "", open: map[string]store.Store{}}}
	o := boards.Options{
		Store: st, Presence: members, TTL: k.cli.Duration("queue-ttl"), Audit: cfg.Audit, Ended: k.ended(cfg, lines), Verified: k.cli.Bool("signed-only"), Open: k.openForBoard(st), Clock: time.Now, Log: k.log,
		Sources: []boards.Source{boards.NodeMCU{Stores: g.stores.inventories}},
	}
	for _, text := range k.cli.StringSlice("devs") {
		a, err := link.Parse(text)
		if err == nil && a.Scheme == link.Stdio {
			err = errors.New("a gateway has no bus on its standard input")
		}
		if err != nil {
			g.close(k.ctx)
			return nil, usagef("serial:auto, serial:///dev/ttyACM0, tcp://HOST:8082 or ws://HOST:8081/", "--devs: %v", err)
		}
		s := boards.OpenDeviceScript(k.ctx, boards.DeviceScriptOptions{
			Dial:  func(ctx context.Context) (*jacdac.Bus, error) { return k.dialBus(ctx, "devs", text) },
			Where: text, Clock: time.Now, Log: k.log,
		})
		g.buses = append(g.buses, s)
		o.Sources = append(o.Sources, s)
	}
	var err error
	if g.Boards, err = boards.OpenBoards(k.ctx, o); err != nil {
		g.close(k.ctx)
		return nil, err
	}
	g.campaigns = campaign.Open(k.ctx, campaign.Options{Store: st, Presence: members, Clock: time.Now, Log: k.log, Pin: g.Pin})
	return g, nil
}

// over puts the boards beside the agents and in front of the other scripts.
func (g *gatewayBoards) over(k *call, cfg *sovd.Config, agents *gatewayFleet) error {
	g.Describe(cfg.Manifest)
	mine := g.Owns
	all := sovd.Joined{Sources: []sovd.DeviceSource{g.Boards}, Mixed: g.campaigns}
	if agents != nil {
		all.Sources = []sovd.DeviceSource{agents.Fleet, g.Boards}
		mine = func(e sovd.Ref) bool { return !agents.Owns(e) && g.Owns(e) }
	}
	split := sovd.Split{Mine: mine, First: g.Boards, Rest: cfg.Provider, Log: k.log}
	cfg.Provider, cfg.Devices = split, all
	return g.campaigns.Use(k.ctx, split, all)
}

// close waits for what is under way.
func (g *gatewayBoards) close(ctx context.Context) error {
	var err error
	if g.campaigns != nil {
		err = g.campaigns.Close()
	}
	if g.Boards != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sovd.DrainTime)
		defer cancel()
		err = errors.Join(err, g.Boards.Close(ctx))
	}
	for _, s := range g.buses {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, g.stores.close())
}

// openForBoard verifies a bundle that is to be put on a board.
func (k *call) openForBoard(records store.Store) func(context.Context, []string, []string, []byte) (boards.Opened, error) {
	return func(_ context.Context, names, formats []string, text []byte) (boards.Opened, error) {
		refused := func(reason, why string) error {
			return &sovd.Error{Kind: sovd.KindRefused, Message: "Script refused: " + why, Parameters: map[string]any{"reason": reason}}
		}
		st, err := k.trustStore()
		if err != nil {
			k.log.Warn("a program was refused: there is no trust store", "error", err)
			return boards.Opened{}, refused("no-trust", "there is no trust store to check its signature with")
		}
		serials, err := k.gatewaySerials(records)
		if err != nil {
			return boards.Opened{}, err
		}
		b, err := bundle.Open(bytes.NewReader(text), st, trust.Subject{Names: names, Now: time.Now(), BuildTime: buildTime(), Serials: serials, Formats: formats}, "")
		if r, ok := errors.AsType[*trust.Refusal](err); ok {
			k.log.Warn("a program was refused", "reason", r.Reason, "error", err)
			if r.Reason == trust.ReasonSignature {
				return boards.Opened{}, refused(string(r.Reason), "its signature or key is not accepted here")
			}
			return boards.Opened{}, refused(string(r.Reason), r.Message)
		}
		if errors.Is(err, trust.ErrInvalid) {
			return boards.Opened{}, refused("bad-arguments", "it is not a signed bundle")
		}
		if err != nil {
			return boards.Opened{}, err
		}
		defer b.Payload.Close()
		payload, err := b.Payload.Bytes()
		if err != nil {
			return boards.Opened{}, fmt.Errorf("reading a program: %w", err)
		}
		o := boards.Opened{Payload: bytes.Clone(payload), SHA256: b.Statement.SHA256, KeyID: b.Verdict.Signature.KeyID(), Record: b.Record}
		if !b.Plain {
			o.Serial = &b.Statement.Serial
		}
		return o, nil
	}
}

// otaStores are the stores of the ota serves whose records we share: our own,
// and, unless --store names one, those of the state directory.
type otaStores struct {
	dir   string
	own   store.Store
	alone bool

	mu     sync.Mutex
	looked time.Time
	open   map[string]store.Store
}

// maxTrees bounds how many trees are looked at.
const maxTrees = 64

func (s *otaStores) inventories(context.Context) ([]provision.Inventory, error) {
	out := []provision.Inventory{{Store: s.own, Clock: time.Now}}
	if s.alone {
		return out, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.looked) > time.Second {
		s.looked = time.Now()
		entries, err := os.ReadDir(s.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("looking for ota serves: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() || s.open[e.Name()] != nil || len(s.open) >= maxTrees {
				continue
			}
			st, err := store.OpenFiles(filepath.Join(s.dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("opening the store of an ota serve: %w", err)
			}
			s.open[e.Name()] = st
		}
	}
	names := make([]string, 0, len(s.open))
	for name := range s.open {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, provision.Inventory{Store: s.open[name], Clock: time.Now})
	}
	return out, nil
}

func (s *otaStores) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, st := range s.open {
		err = errors.Join(err, st.Close())
	}
	return err
}
