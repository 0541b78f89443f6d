package boards

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
	"lander/lib/job"
	"lander/lib/sovd"
)

// What is kept of one device.
const (
	maxDevices = 4096
	maxLogs    = 200
	maxBehind  = 256 // values that a follower may be behind
)

// DeviceScriptOptions are the settings of a DeviceScript. Dial, Clock and Log
// are needed.
type DeviceScriptOptions struct {
	// Dial connects to the bus; called again when the connection was lost.
	Dial  func(ctx context.Context) (*jacdac.Bus, error)
	Where string        // the address, as it is shown
	Again time.Duration // from a failed Dial to the next; 0: 2 s
	Every time.Duration // how often a device is asked for its state; 0: 30 s
	Clock func() time.Time
	Log   *slog.Logger
}

// DeviceScript is the Source of the devices with a manager service on a Jacdac
// bus. A device's component has its id, of 16 hex digits. It stays when the
// device falls silent.
type DeviceScript struct {
	o      DeviceScriptOptions
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	bus     *jacdac.Bus // nil: not connected
	devices map[string]*device
}

// device is one that is or was on the bus. DeviceScript.mu guards it, but for
// busy.
type device struct {
	id     packet.DeviceID
	busy   chan struct{} // holds a token while the device is asked or deployed to
	poke   chan struct{}
	online bool
	seen   time.Time
	asked  time.Time // when state is of; zero: not yet
	state  devs.State
	panic  *devs.Panic
	when   time.Time // of panic
	logs   []sovd.Datum
	subs   map[chan sovd.Datum]bool
	run    func(devs.Record) // of the deployment under way; nil: none
}

// OpenDeviceScript connects to a bus, and keeps connected until Close.
func OpenDeviceScript(ctx context.Context, o DeviceScriptOptions) *DeviceScript {
	if o.Again == 0 {
		o.Again = 2 * time.Second
	}
	if o.Every == 0 {
		o.Every = 30 * time.Second
	}
	s := &DeviceScript{o: o, devices: map[string]*device{}}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.wg.Go(func() {
		for said := ""; ctx.Err() == nil; {
			if err := s.connected(ctx); err != nil && ctx.Err() == nil && err.Error() != said {
				said = err.Error() // once, and not every two seconds
				o.Log.Warn("the bus of DeviceScript devices", "address", o.Where, "error", err)
			}
			select {
			case <-time.After(o.Again):
			case <-ctx.Done():
			}
		}
	})
	return s
}

// Close leaves the bus.
func (s *DeviceScript) Close() error {
	s.cancel()
	s.wg.Wait()
	return nil
}

// leaving is how long devices may take to have their registers put back.
const leaving = 2 * time.Second

// connected is one connection, until it is lost or ctx ends.
func (s *DeviceScript) connected(ctx context.Context) error {
	bus, err := s.o.Dial(ctx)
	if err != nil {
		return err
	}
	s.o.Log.Info("on the bus of DeviceScript devices", "address", s.o.Where)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	follower := devs.Follow(ctx, bus, devs.FollowOptions{})
	attached := map[packet.DeviceID]bool{} // those that a goroutine asks
	s.mu.Lock()
	s.bus = bus
	s.mu.Unlock()
	stop := bus.Watch(func(d jacdac.Device, c jacdac.Change) {
		if _, ok := d.Index(devs.ClassManager); !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		x := s.devices[d.ID.String()]
		if x == nil && len(s.devices) < maxDevices {
			x = &device{id: d.ID, busy: make(chan struct{}, 1), poke: make(chan struct{}, 1), subs: map[chan sovd.Datum]bool{}}
			s.devices[d.ID.String()] = x
		}
		if x == nil {
			return
		}
		x.online, x.seen = c != jacdac.Gone, s.o.Clock()
		x.wake()
		if !attached[d.ID] && ctx.Err() == nil {
			attached[d.ID] = true
			wg.Go(func() { s.attend(ctx, bus, x) })
		}
	})
	wg.Go(func() { s.listen(ctx, follower) })
	bus.Ask()
	select {
	case <-ctx.Done():
	case <-bus.Done():
		err = bus.Err()
	}
	s.mu.Lock()
	s.bus = nil
	for _, x := range s.devices {
		x.online = false
	}
	cancel()
	s.mu.Unlock()
	stop()
	wg.Wait()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), leaving)
	defer done()
	follower.Close(end)
	bus.Close()
	return err
}

// wake has the device asked for its state soon.
func (x *device) wake() {
	select {
	case x.poke <- struct{}{}:
	default:
	}
}

// attend asks a device for its state when something has changed, and now and
// then.
func (s *DeviceScript) attend(ctx context.Context, bus *jacdac.Bus, x *device) {
	t := time.NewTicker(s.o.Every)
	defer t.Stop()
	for {
		select {
		case <-x.poke:
		case <-t.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		online := x.online
		s.mu.Unlock()
		if !online {
			continue
		}
		select {
		case x.busy <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := s.ask(ctx, bus, x)
		<-x.busy
		if err != nil && ctx.Err() == nil {
			s.o.Log.Debug("asking a device for its state", "device", x.id.String(), "error", err)
		}
	}
}

// ask reads the state of a device. Its token is held.
func (s *DeviceScript) ask(ctx context.Context, bus *jacdac.Bus, x *device) error {
	st, err := devs.Manager{Bus: bus, ID: x.id}.State(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := data(x)
	x.state, x.asked, x.seen = st, s.o.Clock(), s.o.Clock()
	after := data(x)
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if string(before[id].Value) != string(after[id].Value) {
			x.tell(after[id])
		}
	}
	return nil
}

// listen takes what the devices log.
func (s *DeviceScript) listen(ctx context.Context, f *devs.Follower) {
	for {
		records, err := f.Next(ctx)
		if err != nil {
			return
		}
		for _, r := range records {
			s.take(r)
		}
	}
}

// logValue is a record as the value of the variable log.
type logValue struct {
	Kind    devs.Kind `json:"kind"`
	Level   string    `json:"level,omitempty"`
	Message string    `json:"message"`
	Lost    int       `json:"lost,omitempty"`
}

const logID = "log"

func (s *DeviceScript) take(r devs.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.devices[r.Device.String()]
	if x == nil {
		return
	}
	text, err := json.Marshal(logValue{r.Kind, r.Level, r.Message, r.Lost})
	if err == nil {
		d := sovd.Datum{ID: logID, Time: job.Time{Time: r.Time}, Value: text}
		if len(x.logs) >= maxLogs {
			x.logs = append(x.logs[:0], x.logs[len(x.logs)-maxLogs+1:]...)
		}
		x.logs = append(x.logs, d)
		x.tell(d)
	}
	if r.Panic != nil {
		x.panic, x.when = r.Panic, r.Time
	}
	if r.Kind != devs.KindMessage && r.Kind != devs.KindNotice {
		x.wake()
	}
	if x.run != nil {
		x.run(r)
	}
}

// tell hands a value to the followers. DeviceScript.mu is held.
func (x *device) tell(d sovd.Datum) {
	for c := range x.subs {
		select {
		case c <- d:
		default: // too slow
			delete(x.subs, c)
			close(c)
		}
	}
}

// data are the variables of a device, without its log. DeviceScript.mu is
// held.
func data(x *device) map[string]sovd.Datum {
	out := map[string]sovd.Datum{}
	put := func(id string, at time.Time, v any) {
		if text, err := json.Marshal(v); err == nil {
			out[id] = sovd.Datum{ID: id, Time: job.Time{Time: at}, Value: text}
		}
	}
	if !x.asked.IsZero() {
		st := x.state
		for id, v := range map[string]string{"description": st.Description, "runtime": st.Runtime, "firmware": st.Firmware, "program": st.Program, "program_version": st.ProgramVersion, "sha256": st.SHA256, "status": st.StatusText} {
			if v != "" {
				put(id, x.asked, v)
			}
		}
		put("running", x.asked, st.Running)
		put("autostart", x.asked, st.Autostart)
		put("size", x.asked, st.Size)
		if st.UptimeMS != nil {
			put("uptime_ms", x.asked, *st.UptimeMS)
		}
	}
	if x.panic != nil {
		put("panic", x.when, x.panic)
	}
	return out
}

// board makes the component of a device. mu is held.
func (s *DeviceScript) board(x *device) *Board {
	id, online := x.id.String(), x.online
	name := x.id.ShortName()
	b := &Board{ID: id, Name: cmp.Or(name, id), About: x.state.Description, Kind: "devicescript", Online: &online, Names: []string{id}}
	b.Detail = map[string]any{"device": id, "short_name": name, "online": online, "last_seen": job.Time{Time: x.seen}, "bus": s.o.Where}
	values := data(x)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		b.Data = append(b.Data, values[id])
		b.Detail[id] = values[id].Value
	}
	if !x.asked.IsZero() {
		b.Detail["as_of"] = job.Time{Time: x.asked}
		if len(x.state.Missing) > 0 {
			b.Detail["not_implemented"] = x.state.Missing
		}
	}
	if n := len(x.logs); n > 0 {
		b.Data = append(b.Data, x.logs[n-1])
	}
	sort.Slice(b.Data, func(i, j int) bool { return b.Data[i].ID < b.Data[j].ID })
	return b
}

// Board implements Source.
func (s *DeviceScript) Board(_ context.Context, id string) (*Board, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.devices[id]; x != nil {
		return s.board(x), nil
	}
	return nil, nil
}

// Boards implements Source.
func (s *DeviceScript) Boards(context.Context) ([]*Board, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Board
	for _, id := range slices.Sorted(maps.Keys(s.devices)) {
		out = append(out, s.board(s.devices[id]))
	}
	return out, nil
}

// History implements Source: of the log there is more than the last line.
func (s *DeviceScript) History(id, variable string) []sovd.Datum {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.devices[id]
	switch {
	case x == nil:
		return nil
	case variable == logID:
		return slices.Clone(x.logs)
	}
	if d, ok := data(x)[variable]; ok {
		return []sovd.Datum{d}
	}
	return nil
}

// Follow implements Source.
func (s *DeviceScript) Follow(id string) (<-chan sovd.Datum, func()) {
	c := make(chan sovd.Datum, maxBehind)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.devices[id]
	if x == nil {
		close(c)
		return c, func() {}
	}
	x.subs[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(x.subs, c)
	}
}
