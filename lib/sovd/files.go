package sovd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/capability"
	"lander/lib/durable"
	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/store"
)

// The defaults of FilesOptions, those of the document.
const (
	DefaultMaxFile    = 10 << 20
	DefaultMaxRunning = 5
	DefaultTimeout    = 300 * time.Second
	DefaultHistory    = 100
)

// FilesOptions says what a Files provider does. Dir, Store, State and Runners
// are needed.
type FilesOptions struct {
	Dir        string          // the library: <entity>/<script>/metadata.json and the script beside it
	Managed    []ManagedScript // from the manifest
	NoUploads  bool
	InStore    bool                  // uploads are kept in Store, where all who share it have them
	MaxFile    int64                 // bytes of an upload; 0: DefaultMaxFile
	MaxRunning int                   // over all entities; 0: DefaultMaxRunning
	Timeout    time.Duration         // of uploaded scripts, and of managed ones that do not say; 0: DefaultTimeout, negative: none
	History    int                   // finished executions that are kept; 0: DefaultHistory, negative: none
	Runners    map[string]job.Runner // by format
	Budget     job.Budget            // CPU, Memory and Output of each run; Wall is set by the timeouts
	Store      store.Store           // of the records, below executions/
	State      string                // directory of spooled output
	Owner      string                // this gateway's name in a store that it shares; "": one that State keeps
	Presence   *store.Presence       // of the gateways that share Store, joined under Owner; nil: it is ours alone
	Lease      time.Duration         // theirs; 0: store.DefaultLease
	Signed     *Signed               // takes and runs only bundles; nil: any script
	Grants     capability.Set        // what scripts that nobody signed may do beside the default words and exec
	Bundles    *Signed               // where any script is taken: verifies those that are bundles when they run; nil: nothing does
	// Sweep ends what an earlier process left running, such as proc.Sweep.
	// Nil: nothing is swept.
	Sweep  func(ours func(proc.Environ) bool) (int, error)
	Ended  func(Execution) // called for each execution that has ended; nil: nobody asks
	Audit  *Audit          // gets a line for each end; nil: nobody asks
	Clock  func() time.Time
	Random io.Reader // nil: crypto/rand
	Log    *slog.Logger
}

// Files is the ScriptProvider that keeps uploaded scripts as files and runs
// them, and those of the manifest, on this machine. It is a Follower.
type Files struct {
	o       FilesOptions
	root    *os.Root
	gate    *job.Gate
	history *job.History
	managed atomic.Pointer[managed]
	read    reading
	shelf   *Shared // nil: uploads are in Dir

	mu      sync.RWMutex
	execs   map[string]*execution
	keys    map[string]*keyed   // idempotency keys
	using   map[string]int      // running executions by scriptKey
	schemas map[string]compiled // by their text
	evicted []*execution        // whose records are still there
	closed  bool

	runs  sync.WaitGroup // one for each run
	quit  chan struct{}
	spool sync.WaitGroup
	// unshare ends what follows the other gateways; nil: there are none.
	unshare context.CancelFunc
}

// keyed is a start with an Idempotency-Key: under way until ready is closed.
type keyed struct {
	digest string
	ready  chan struct{}
	x      *execution // nil when the start failed
}

// compiled is a schema, or why it is none.
type compiled struct {
	schema *schema
	err    error
}

// OpenFiles opens the library and the records, and settles what was running
// when the gateway that owned it ended.
func OpenFiles(ctx context.Context, o FilesOptions) (*Files, error) {
	o.setDefaults()
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("opening the scripts: %w", err)
	}
	if err := durable.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the scripts in %s: %w", o.Dir, durable.Cause(err))
	}
	if err := durable.MkdirAll(o.outputDir(), 0o700); err != nil {
		return nil, fmt.Errorf("opening the outputs in %s: %w", o.State, durable.Cause(err))
	}
	if o.Owner == "" {
		if o.Owner, err = GatewayName(o.State, o.Random); err != nil {
			return nil, fmt.Errorf("naming the gateway of %s: %w", o.State, durable.Cause(err))
		}
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the scripts in %s: %w", o.Dir, durable.Cause(err))
	}
	f := &Files{
		o: o, root: root, gate: job.NewGate(o.MaxRunning), history: job.NewHistory(o.History),
		execs: map[string]*execution{}, keys: map[string]*keyed{}, using: map[string]int{}, schemas: map[string]compiled{}, quit: make(chan struct{}),
	}
	if o.InStore {
		f.shelf = f.Shared(o.Store)
	}
	if err := f.SetManaged(o.Managed); err != nil {
		root.Close()
		return nil, err
	}
	if err := f.recover(ctx); err != nil {
		root.Close()
		return nil, err
	}
	f.dropHalfScripts()
	f.spool.Go(f.spooler)
	if f.shared() {
		var shared context.Context
		shared, f.unshare = context.WithCancel(context.WithoutCancel(ctx))
		f.share(shared)
	}
	return f, nil
}

// managed are the scripts of a manifest.
type managed struct {
	list []ManagedScript // sorted
	byID map[string]*ManagedScript
}

// SetManaged has other scripts of a manifest be there from now on. What runs
// of the old ones goes on.
func (f *Files) SetManaged(scripts []ManagedScript) error {
	m := &managed{slices.Clone(scripts), map[string]*ManagedScript{}}
	for i := range m.list {
		s := &m.list[i]
		var err error
		if s.Path, err = filepath.Abs(s.Path); err != nil {
			return fmt.Errorf("opening the scripts: %w", err)
		}
		m.byID[s.ID] = s
		if st, err := os.Stat(s.Path); err != nil || !st.Mode().IsRegular() {
			f.o.Log.Warn("the file of a managed script is not there", "script", s.ID, "path", s.Path)
		}
	}
	f.managed.Store(m)
	return nil
}

func (f *Files) managedScript(id string) *ManagedScript { return f.managed.Load().byID[id] }

func (o *FilesOptions) setDefaults() {
	if o.MaxFile == 0 {
		o.MaxFile = DefaultMaxFile
	}
	if o.MaxRunning == 0 {
		o.MaxRunning = DefaultMaxRunning
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.History == 0 {
		o.History = DefaultHistory
	}
	if o.Lease == 0 {
		o.Lease = store.DefaultLease
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// GatewayName is the name of the gateway whose state is in dir, made once: by
// it the gateways that share a store tell each other apart. It is a word of a
// key without a full stop.
func GatewayName(dir string, random io.Reader) (string, error) {
	path := filepath.Join(dir, "id")
	b, err := os.ReadFile(path)
	if err == nil && badID(string(b), "Gateway") == "" {
		return string(b), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := "gateway_" + job.NewID(time.Now(), random)[len("exec_"):]
	return id, durable.WriteFile(path, []byte(id), 0o600)
}

func (o *FilesOptions) outputDir() string { return filepath.Join(o.State, "output") }

func (f *Files) now() job.Time { return job.Time{Time: f.o.Clock()} }

// Running is the number of executions that hold a slot.
func (f *Files) Running() int { return f.gate.InUse() }

// Close stops what runs, TERM first, waits for it and records how it ended.
// The store stays open. When ctx ends first, what still runs is killed.
func (f *Files) Close(ctx context.Context) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	var running []*execution
	for _, x := range f.execs {
		if !x.foreign && !x.status().Final() {
			running = append(running, x)
		}
	}
	f.mu.Unlock()
	for _, x := range running {
		x.blame("The gateway was shut down")
		x.stop()
	}
	ended := make(chan struct{})
	go func() { f.runs.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		for _, x := range running {
			x.kill()
		}
		<-ended
	}
	close(f.quit)
	if f.unshare != nil {
		f.unshare()
	}
	f.spool.Wait()
	f.o.Audit.Close()
	return f.root.Close()
}

func (x *execution) status() job.Status {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rec.Status
}

// blame notes who stopped it; the first counts, but force outdoes a stop.
func (x *execution) blame(cause string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == "" || cause == ActionForced.Cause() {
		x.cause = cause
	}
}

// view is the execution as it is now.
func (f *Files) view(x *execution) (Execution, error) {
	x.mu.Lock()
	rec, raw := x.rec, x.raw
	x.mu.Unlock()
	if raw != nil {
		return Execution{ID: rec.ID, Status: rec.Status, StartedAt: rec.StartedAt, CompletedAt: rec.CompletedAt, Detail: rec.detail(), raw: raw}, nil
	}
	out, err := f.output(x)
	if err != nil {
		return Execution{}, err
	}
	v := rec.view(out)
	if rec.Status.Final() && !rec.Spooled && rec.Parts == 0 {
		// Small: it is kept, because clients poll.
		v.raw = v.append(nil)
		x.mu.Lock()
		x.raw = v.raw
		x.mu.Unlock()
	}
	return v, nil
}

// output is what the execution has printed, from memory or from its file.
func (f *Files) output(x *execution) (*job.Output, error) {
	x.mu.Lock()
	out, rec := x.out, x.rec
	x.mu.Unlock()
	if out != nil {
		return out, nil
	}
	return f.stored(rec)
}

func (f *Files) outputFile(id string) string { return filepath.Join(f.o.outputDir(), id) }
