// Package agent is the program that sits on a device: the local hub of its
// applications, which speak EMP with it, and the host of the Run picture for
// scripts that come from outside.
//
// It holds the device's variable tree, knows which connection owns which
// asset, and runs signed scripts in child processes. Whatever a script, a
// client or the disk does, the agent goes on.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/devtree"
	"lander/lib/durable"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/remote"
	"lander/lib/stage"
	"lander/lib/store"
)

// DefaultMaxRunning is how many scripts run at once where nothing is said.
const DefaultMaxRunning = 16

// grace is how long open commands may still be answered when the agent ends.
const grace = 2 * time.Second

// Config is what an agent needs. All fields are needed but those that say
// what their zero value means.
type Config struct {
	ID     string
	Groups []string
	// Version is the program's, told to a server that asks for it.
	Version string
	Dir     string          // STATE/agent
	Script  *remote.Service // its Runners may lack Lua: see Lua
	// Lua makes the runner of Lua scripts, which ask their host for what the
	// agent offers.
	Lua func(remote.Host) job.Runner
	// ClearLeft ends what an agent that was killed left of these executions,
	// such as proc.ClearLeft, and tells how many processes; nil: nobody does.
	// Of those that had ended there may be a directory.
	ClearLeft  func(executions, ended []string) (killed int, err error)
	MaxRunning int            // 0: DefaultMaxRunning
	Budget     job.Budget     // of each script
	Fetch      fetch.Options  // of scripts that come as a URL
	Mirror     []frame.Member // settings shown read-only below config.agent
	// SMS makes the modem, which hands the messages that come to receive; nil:
	// the SMS commands are unknown, unless Dev is set.
	SMS func(receive func(from, text string)) Modem
	// Dev lets applications have commands simulated.
	Dev bool
	// Uplink takes the data that is due; nil: it waits.
	Uplink stage.Uplink
	// Server is where data goes and commands come from, in place of Uplink;
	// nil: nobody asks for anything.
	Server *Server
	// UnsignedPackages lets update packages in that nobody signed.
	UnsignedPackages bool
	// Reboot does what a Reboot asks for, 5 s after it was answered; nil: it
	// is only logged.
	Reboot func(ctx context.Context, reason string) error
	Clock  func() time.Time
	// AfterFunc calls f on a goroutine of its own; nil: time.AfterFunc.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	Log       *slog.Logger
	// Event is told what happened, one at a time; nil: nobody is.
	Event func(Event)
}

// Event is something that happened, for the NDJSON of the command line.
type Event struct {
	Time      job.Time `json:"time"`
	Event     string   `json:"event"`
	Asset     string   `json:"asset,omitempty"`
	Path      string   `json:"path,omitempty"`
	Ticket    string   `json:"ticket,omitempty"`
	Execution string   `json:"execution,omitempty"`
	Component string   `json:"component,omitempty"`
	Name      string   `json:"name,omitempty"`
	Status    string   `json:"status,omitempty"`
}

// Agent is a running agent.
type Agent struct {
	cfg     Config
	lock    *durable.Lock
	tree    *devtree.Tree
	store   store.Store
	scripts *scripts
	stage   *stage.Stage
	updates *updates
	uplink  *uplink // nil without a server

	commands   *commands
	monitoring *monitoring
	recent     *recent // log lines

	messages messages
	// unfollow ends the watch of the settings that count while the agent runs.
	unfollow func()

	ctx        context.Context // of what no connection waits for
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu        sync.Mutex
	assets    map[string]*session
	timers    map[*int]func() bool // what stops them
	ended     bool                 // no more timers
	rebooting bool
	arrival   chan struct{} // closed when an asset is registered

	described atomic.Bool // a server has asked what there is here

	connecting sync.Mutex
	connection *connection // nil: none is put off

	events sync.Mutex
}

// New opens the agent's state: the tree, and the executions of before, of
// which those that ran when the last agent ended are now terminated.
func New(ctx context.Context, cfg Config) (*Agent, error) {
	if cfg.MaxRunning <= 0 {
		cfg.MaxRunning = DefaultMaxRunning
	}
	if err := durable.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the agent's state: %w", err)
	}
	lock, err := durable.TryLock(filepath.Join(cfg.Dir, "lock"))
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("another agent uses %s: %w", cfg.Dir, durable.ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the state of the agent: %w", err)
	}
	if cfg.AfterFunc == nil {
		cfg.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	lines := newRecent()
	cfg.Log = slog.New(lines.over(cfg.Log.Handler()))
	a := &Agent{cfg: cfg, recent: lines, lock: lock, assets: map[string]*session{}, timers: map[*int]func() bool{}, arrival: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.open(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Agent) open(ctx context.Context) error {
	var err error
	if a.tree, err = devtree.Open(devtree.Options{File: filepath.Join(a.cfg.Dir, "config.log"), Logger: a.cfg.Log}); err != nil {
		return fmt.Errorf("opening the variable tree: %w", err)
	}
	if err := a.tree.Mount(devtree.System, devtree.NewSystem(a.cfg.Clock)); err != nil {
		return fmt.Errorf("mounting the system variables: %w", err)
	}
	mirrors := append([]frame.Member{{Key: "config.agent.deviceId", Value: frame.String(a.cfg.ID)}}, a.cfg.Mirror...)
	for _, m := range mirrors {
		if err := a.tree.Mirror(m.Key, m.Value); err != nil {
			return fmt.Errorf("showing %s in the tree: %w", m.Key, err)
		}
	}
	a.showDefaults(ctx)
	if a.cfg.Server != nil {
		a.uplink = newUplink(a, *a.cfg.Server)
		a.cfg.Uplink = a.uplink
	}
	if err := a.openStage(filepath.Join(a.cfg.Dir, "stage.log")); err != nil {
		return err
	}
	files, err := store.OpenFiles(filepath.Join(a.cfg.Dir, "executions"))
	if err != nil {
		return err
	}
	a.store = files // not before: a nil *Files is no nil Store
	svc := *a.cfg.Script
	svc.Runners = remote.Runners{}
	for f, r := range a.cfg.Script.Runners {
		svc.Runners[f] = r
	}
	var child *remote.Child
	if a.cfg.Lua != nil {
		lua := a.cfg.Lua(host{a})
		child, _ = lua.(*remote.Child)
		svc.Runners[job.FormatLua], svc.Runners[job.FormatLuac51] = lua, lua
	}
	if a.cfg.SMS != nil {
		a.messages.modem = a.cfg.SMS(a.ReceiveSMS)
	}
	a.scripts = newScripts(a, &svc)
	if err := a.scripts.recover(ctx); err != nil {
		return err
	}
	a.newCommands()
	if err := a.openUpdates(); err != nil {
		return err
	}
	if err := a.openMonitoring(child); err != nil {
		return err
	}
	if err := a.commands.recover(ctx); err != nil {
		return err
	}
	a.updates.resume()
	if a.uplink != nil {
		close(a.uplink.opened)
	}
	return nil
}

// Serve accepts connections until ctx ends. Then it lets running scripts be
// stopped and open commands be answered, and returns nil.
func (a *Agent) Serve(ctx context.Context, listeners []*link.Listener) error {
	if len(listeners) == 0 {
		return errors.New("an agent without a listener reaches nobody")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(func() {
			err := emp.Serve(ctx, acceptor{ctx, l}, grace, a.cfg.Log, a.options)
			if err != nil {
				cancel(fmt.Errorf("listening at %s: %w", l.Address(), err))
			}
		})
	}
	wg.Go(func() { a.updates.watchDrops(ctx) })
	if a.uplink != nil && a.uplink.s.Keep {
		wg.Go(func() { a.uplink.keep(ctx) })
	}
	if m := a.messages.modem; m != nil {
		wg.Go(func() {
			if err := m.Run(ctx); err != nil {
				a.cfg.Log.Error("SMS is off", "error", err)
			}
		})
	}
	<-ctx.Done()
	a.scripts.stopAll()
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// acceptor gives emp.Serve a listener whose waiting ends with a context.
type acceptor struct {
	ctx context.Context
	*link.Listener
}

func (l acceptor) Accept() (link.Conn, error) {
	c, err := l.Listener.Accept(l.ctx)
	if err != nil && l.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	return c, err
}

// Close gives the state back, after the running scripts were stopped.
func (a *Agent) Close() error {
	var errs []error
	a.cancel()
	a.endTimers()
	if a.scripts != nil {
		a.scripts.close()
	}
	if a.commands != nil {
		a.commands.close()
	}
	if a.monitoring != nil {
		a.monitoring.close()
	}
	if a.unfollow != nil {
		a.unfollow()
	}
	if a.stage != nil {
		errs = append(errs, a.stage.Close())
	}
	if a.uplink != nil {
		a.uplink.close()
	}
	if a.tree != nil {
		errs = append(errs, a.tree.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(append(errs, a.lock.Release())...)
}

// Tree is the agent's variable tree.
func (a *Agent) Tree() *devtree.Tree { return a.tree }

func (a *Agent) event(e Event) {
	if a.cfg.Event == nil {
		return
	}
	e.Time = job.Time{Time: a.cfg.Clock()}
	a.events.Lock()
	defer a.events.Unlock()
	a.cfg.Event(e)
}
