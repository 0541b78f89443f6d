package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/fleet"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/sovd"
	"lander/lib/stage"
	"lander/lib/store"
)

// fleetFlags are those of a gateway that agents connect to.
func fleetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "m3da", Usage: "agents connect at `ADDR`, m3da://HOST:PORT: each is a component"},
		&cli.StringFlag{Name: "m3da-credentials", Usage: "the agents that may connect are in the TOML `FILE`; without it any may"},
		&cli.StringFlag{Name: "server-id", Usage: "the gateway's `NAME` towards agents, which secured sessions need", Value: m3da.DefaultServerID},
		&cli.StringFlag{Name: "public-url", Usage: "agents reach the gateway at `URL` (default: where it listens)"},
		&cli.DurationFlag{Name: "queue-ttl", Usage: "a script waits for its agent, and then for its end, for `DUR`", Value: fleet.DefaultTTL},
		&cli.StringFlag{Name: "sink", Usage: "write what agents send to `FILE` or - as NDJSON"},
	}
}

// gatewayFleet is the part of a gateway that agents connect to.
type gatewayFleet struct {
	*fleet.Fleet
	sink     *os.File
	listener *link.Listener
}

// openFleet opens what is known of the agents; nil where none may connect.
func (k *call) openFleet(cfg *sovd.Config, st store.Store, members *store.Presence, lines *eventLines) (*gatewayFleet, error) {
	if k.cli.String("m3da") == "" {
		for _, name := range []string{"m3da-credentials", "sink", "public-url"} {
			if k.cli.String(name) != "" {
				return nil, usagef("--m3da m3da://HOST:PORT", "--%s is for agents, and they cannot connect", name)
			}
		}
		return nil, nil
	}
	o := fleet.Options{Store: st, Presence: members, ServerID: k.cli.String("server-id"), Manifest: cfg.Manifest, TTL: k.cli.Duration("queue-ttl"), Audit: cfg.Audit, Ended: k.ended(cfg, lines), Clock: time.Now, Log: k.log}
	if o.TTL <= 0 {
		return nil, usagef("", "--queue-ttl %s is not above 0", o.TTL)
	}
	if k.cli.IsSet("history") {
		o.History = k.cli.Int("history")
		if o.History == 0 {
			o.History = -1
		}
	}
	var err error
	if o.Devices, err = k.m3daCredentials(); err != nil {
		return nil, err
	}
	o.Vouch = k.vouch(st)
	if k.json {
		o.Event = func(e fleet.Event) { lines.write(e, false) }
	}
	g := &gatewayFleet{}
	switch path := k.cli.String("sink"); path {
	case "":
	case "-":
		if k.json {
			return nil, usagef("--sink FILE", "--json and --sink - both write to the standard output")
		}
		o.Sink = fleet.NewSink(k.out).Write
	default:
		if g.sink, err = stage.OpenSink(path); err != nil {
			return nil, fmt.Errorf("opening the sink %s: %w", path, plainCause(err))
		}
		o.Sink = fleet.NewSink(g.sink).Write
	}
	if g.Fleet, err = fleet.Open(k.ctx, o); err != nil {
		g.closeSink()
		return nil, err
	}
	return g, nil
}

func (g *gatewayFleet) closeSink() {
	if g.sink != nil {
		g.sink.Close()
	}
}

func (g *gatewayFleet) close() error {
	if g == nil {
		return nil
	}
	defer g.closeSink()
	return g.Fleet.Close()
}

// m3daCredentials reads --m3da-credentials. Password files lie beside it.
func (k *call) m3daCredentials() (map[string]fleet.Credentials, error) {
	file := k.cli.String("m3da-credentials")
	if file == "" {
		k.ui.warn("--m3da-credentials FILE", "any agent may connect, under any name")
		return nil, nil
	}
	text, err := readInput(file)
	if err != nil {
		return nil, err
	}
	list, err := fleet.ParseCredentials(text, func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, plainCause(err))
		}
		return bytes.TrimRight(b, "\r\n"), nil
	})
	if err != nil {
		return nil, invalidf("", "%s: %w", file, err)
	}
	return list, nil
}

// over puts the agents in front of the other scripts.
func (g *gatewayFleet) over(k *call, cfg *sovd.Config, scripts fleet.Library) {
	if g == nil {
		return
	}
	if scripts != nil {
		g.Use(scripts)
	}
	cfg.Provider = sovd.Split{Mine: g.Owns, First: g.Fleet, Rest: cfg.Provider, Log: k.log}
}

// listenAgents opens what --m3da names.
func (k *call) listenAgents() (*link.Listener, error) {
	text := k.cli.String("m3da")
	bad := func(err error) error { return usagef("--m3da m3da://HOST:PORT", "--m3da %q: %v", text, err) }
	addr, err := link.Parse(text)
	if rest, ok := strings.CutPrefix(text, "m3da://"); ok {
		if _, _, err := net.SplitHostPort(rest); err != nil {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), strconv.Itoa(m3da.Port))
		}
		addr, err = link.Parse("tcp://" + rest)
	}
	if err == nil && addr.Scheme != link.TCP && addr.Scheme != link.Unix {
		err = errors.New("nothing can connect there")
	}
	if err != nil {
		return nil, bad(err)
	}
	if !addr.Loopback() && k.cli.String("m3da-credentials") == "" {
		k.ui.warn("--m3da-credentials FILE", "anybody who reaches %s may pass for any agent", addr)
	}
	l, err := link.Listen(k.ctx, addr, link.Options{})
	if err != nil {
		return nil, &fault{exit: exitUnreachable, msg: err.Error(), cause: err}
	}
	return l, nil
}

// fetchBase is the URL under which agents reach the gateway. Without a host
// it is the one at which each of them has reached us.
func (k *call) fetchBase(listeners []*link.Listener, tls bool) (string, error) {
	if url := k.cli.String("public-url"); url != "" {
		if !isWeb(url) {
			return "", usagef("--public-url https://gw.example:8443", "--public-url %q is no address of the web", url)
		}
		return strings.TrimRight(url, "/"), nil
	}
	scheme := "http"
	if tls {
		scheme = "https"
	}
	for _, l := range listeners {
		a := l.Address()
		if a.Scheme != link.TCP {
			continue
		}
		host := a.Host
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() || host == "" {
			return fmt.Sprintf("%s://:%d", scheme, a.Port), nil
		}
		return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(a.Port)), nil
	}
	return "", usagef("--public-url http://HOST:PORT", "agents cannot fetch scripts from the socket of a file")
}

// serve takes agents until ctx ends or the function that it returns is
// called, which waits for their sessions.
func (g *gatewayFleet) serve(ctx context.Context, failed func(error)) func() {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Serve(ctx, g.listener); err != nil {
			failed(err)
		}
	})
	return func() {
		cancel()
		g.listener.Close()
		wg.Wait()
	}
}
