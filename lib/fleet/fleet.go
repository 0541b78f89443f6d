// Package fleet is the agents that are connected to a gateway, or have been:
// their sessions, what waits for them, what came of it, and what they send.
//
// An agent is a component of the gateway, and its assets are apps. A script
// that is started on it becomes an ExecuteScript [M3DA 5]: the agent fetches
// it from the gateway, under a path that nobody can guess, and the
// acknowledgement ends the execution. An execution is on record before
// anything of it is sent, and ends in one final state, whatever dies
// meanwhile.
//
// Any number of gateways may share the store. What each has in memory follows
// the records, and every change of one is written at the revision that was
// seen: who comes second looks again. A device's record says which gateway has
// its session; that gateway sends it what waits for it, and stops, wherever
// they were asked for. Its answers are taken by the gateway that they reach.
package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/sovd"
	"lander/lib/store"
)

// The defaults of Options.
const (
	DefaultTTL     = 24 * time.Hour
	DefaultHistory = 10_000
)

// maxDevices bounds how many devices may make themselves known where anybody
// may connect.
const maxDevices = 200_000

// Library is where the scripts are; sovd.Files is one.
type Library interface {
	ListScripts(ctx context.Context, e sovd.Ref) ([]sovd.Script, error)
	GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error)
	UploadScript(ctx context.Context, e sovd.Ref, u sovd.Upload) (sovd.Script, error)
	DeleteScript(ctx context.Context, e sovd.Ref, id string) error
	ReadScript(ctx context.Context, e sovd.Ref, id string) (sovd.Source, error)
}

// Options are the settings of a Fleet. Store, Clock and Log are needed.
type Options struct {
	Store store.Store
	// Presence tells the gateways that share the store of each other; nil: the
	// fleet joins them by itself.
	Presence *store.Presence
	ServerID string // as the devices know it; "": m3da.DefaultServerID
	// Devices are those that may connect, which are known before they come;
	// nil: all, in plain sessions.
	Devices  map[string]Credentials
	Manifest *sovd.Manifest // components whose ids are those of devices; their tags are groups
	TTL      time.Duration  // how long an execution waits for its device, and then for its end; 0: DefaultTTL
	History  int            // finished executions that are kept; 0: DefaultHistory
	// Sink takes what the devices send, before they are told that it came; an
	// error has them keep it.
	Sink func(Record) error
	// Event is told what devices do; nil: nobody is.
	Event func(Event)
	// Vouch checks a bundle for a device that looks at no signature itself, in the
	// moment before it is sent; spend then records that. A *trust.Refusal ends the
	// execution. Nil: only for whom and when it is good is looked at.
	Vouch  func(ctx context.Context, w Recipient, bundle []byte) (spend func() error, err error)
	Ended  func(sovd.Execution) // called for each execution that has ended; nil: nobody asks
	Audit  *sovd.Audit          // gets a line for each end; nil: nobody asks
	Clock  func() time.Time
	Random io.Reader // nil: crypto/rand
	Log    *slog.Logger
}

// Recipient is the device that a script is sent to.
type Recipient struct {
	Device string
	Names  []string // that it answers to as a target
	Args   bool     // arguments come with the script
	// Managed says that the script is one of the manifest, which no upload has
	// let in.
	Managed bool
}

// Event is something that a device did.
type Event struct {
	Time   job.Time `json:"time"`
	Event  string   `json:"event"` // "agent"
	Device string   `json:"device"`
	Status string   `json:"status"` // known, online, offline
}

// Fleet implements sovd.Devices, sovd.ScriptProvider and sovd.Follower for its
// devices. The zero value is not usable: see Open.
type Fleet struct {
	o       Options
	shelf   Library // nil: no scripts run
	history *job.History
	members *store.Presence

	manifest atomic.Pointer[sovd.Manifest]

	mu         sync.Mutex // of the maps and of what is said to stand under it; never held while anything waits
	base       string     // of the URLs that devices fetch
	devices    map[string]*device
	components map[string]*device
	execs      map[string]*execution
	keys       map[string]*execution // by idempotency key
	records    map[string]*many
	payloads   map[string]time.Time // by sha256: when the store was seen to have it
	asked      map[string]time.Time // components that the store was asked for
	evicted    []*execution
	forgotten  map[string]bool // executions that were deleted here, until the store tells so
	finished   []string        // while the records are read: the executions that have ended
	caught     bool            // the records were read
	recorded   chan struct{}   // closed: what was read is on record
	me         string          // the lease under which our sessions are recorded
	closed     bool

	unused map[string]unused // by sha256: payloads that nothing needs; tend's alone, as is the next
	swept  time.Time

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Open reads what is known of the devices and of what waits for them. What
// was under way goes on.
func Open(ctx context.Context, o Options) (*Fleet, error) {
	if o.Store == nil || o.Clock == nil || o.Log == nil {
		return nil, errors.New("opening a fleet: a store, a clock and a log are needed")
	}
	if o.ServerID == "" {
		o.ServerID = m3da.DefaultServerID
	}
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.History == 0 {
		o.History = DefaultHistory
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	f := &Fleet{
		o: o, history: job.NewHistory(o.History), devices: make(map[string]*device, len(o.Devices)), components: make(map[string]*device, len(o.Devices)),
		execs: map[string]*execution{}, keys: map[string]*execution{}, records: map[string]*many{}, payloads: map[string]time.Time{}, forgotten: map[string]bool{}, unused: map[string]unused{}, recorded: make(chan struct{}), asked: map[string]time.Time{},
	}
	close(f.recorded)
	f.Describe(o.Manifest)
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for id, c := range o.Devices {
		if id == AnyDevice {
			continue
		}
		d := f.add(id)
		keys, err := c.keys(o.ServerID, id)
		if err != nil {
			return nil, fmt.Errorf("opening a fleet: %w", err)
		}
		d.keys = keys
	}
	if err := f.begun(ctx); err != nil {
		f.cancel()
		f.wg.Wait()
		f.leaveOthers()
		return nil, err
	}
	return f, nil
}

// Use gives the fleet its scripts, before it serves.
func (f *Fleet) Use(l Library) { f.shelf = l }

// Describe replaces what a manifest says of components with the ids of
// devices; nil: nothing.
func (f *Fleet) Describe(m *sovd.Manifest) {
	if m == nil {
		m = &sovd.Manifest{}
	}
	f.manifest.Store(m)
}

// SetBase says under which URL devices reach the gateway, such as
// http://gw.example:8080, before it serves. Without a host, http://:8080, it
// is the address at which the device has reached its M3DA listener.
func (f *Fleet) SetBase(url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = url
}

// Close ends what the fleet does by itself. What is under way goes on with the
// next Open; the sessions must have ended.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	f.forgetEvicted()
	f.o.Audit.Close()
	return f.leaveOthers()
}

func (f *Fleet) now() job.Time { return job.Time{Time: f.o.Clock()} }

// tendEvery is how often deadlines are looked at and stops are repeated.
const tendEvery = time.Second

// tend does what time brings.
func (f *Fleet) tend() {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-t.C:
			f.expire()
			f.forgetEvicted()
			f.sweepPayloads()
		}
	}
}

// put writes a value as JSON.
func (f *Fleet) put(key string, v any, rev store.Revision) (store.Revision, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("recording %s: %w", key, err)
	}
	return f.o.Store.Put(context.WithoutCancel(f.ctx), key, b, rev)
}
