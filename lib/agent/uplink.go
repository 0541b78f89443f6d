package agent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/m3da"
	"lander/lib/stage"
)

// Server is the M3DA server that data goes to and commands come from.
type Server struct {
	ID   string // "": m3da.DefaultServerID
	Dial func(ctx context.Context) (io.ReadWriteCloser, error)
	Keys m3da.Keys // the device's side; nil: plain, where there is no Enrol
	// Enrol gets the Keys of a device that has none yet: it is called before
	// each connection until it has them. nil: Keys are all there is.
	Enrol func(ctx context.Context) (m3da.Keys, error)
	// Keep has the link open at all times, so that the server can send when
	// it likes; else there is one while something is sent.
	Keep  bool
	Reply time.Duration // how long an answer may take; 0: m3da.DefaultReply
	// AllowMD5 takes the MD5 of a script for its signature, as the original
	// does.
	AllowMD5 bool
}

// uplinkBatch is how much of the stage one envelope takes, by the stage's
// measure: a link that is cut often still gets something through.
const uplinkBatch = 512 << 10

// How long the agent waits before it connects again where the link is kept.
const (
	redialMin = time.Second
	redialMax = 5 * time.Minute
)

// briefLink is how long a link that is kept has to last to be opened again at
// once. The original server ends one after 30 s of silence.
const briefLink = 10 * time.Second

// uplink is the agent's end of the sessions with the server. It implements
// stage.Uplink.
type uplink struct {
	a      *Agent
	s      Server
	opened chan struct{} // closed when the agent is complete
	lander atomic.Bool   // the server spoke our additions when it was last heard

	mu      sync.Mutex // of connecting; Send is called by one at a time
	dev     *m3da.Device
	refused bool // the server does not enrol this device

	life  string // names the batches of this process
	count uint64
	last  [sha256.Size]byte // of the payload that count names
}

func newUplink(a *Agent, s Server) *uplink {
	if s.ID == "" {
		s.ID = m3da.DefaultServerID
	}
	var b [8]byte
	rand.Read(b[:])
	return &uplink{a: a, s: s, life: hex.EncodeToString(b[:]), opened: make(chan struct{})}
}

// Send implements stage.Uplink. A link that was open and turns out to be dead
// is not held against the session: it is tried once more with a new one.
func (u *uplink) Send(ctx context.Context, messages []stage.Message) error {
	select {
	case <-u.opened: // before, nobody takes what the server asks for
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fresh := false
	for {
		dev, isNew, err := u.connect(ctx)
		if err != nil {
			return err
		}
		fresh = isNew
		before := dev.Lander()
		if len(messages) > 0 && !dev.Known() {
			err = dev.Exchange(ctx, "", nil)
		}
		var payload []byte
		if err == nil {
			payload = u.a.payload(messages, dev.Lander())
			err = dev.Exchange(ctx, u.batch(payload), payload)
		}
		if err == nil && !before && dev.Lander() && u.s.Keep && len(payload) == 0 {
			// The server learns that it may send at any time.
			err = dev.Exchange(ctx, "", nil)
		}
		if err == nil {
			u.lander.Store(dev.Lander())
		}
		if err == nil && len(payload) > 0 {
			u.count++ // the next payload is another one, even when it is the same
		}
		status, isStatus := errors.AsType[*m3da.StatusError](err)
		if err != nil && !isStatus || !u.s.Keep {
			u.disconnect(dev)
		}
		switch {
		case err == nil:
			return nil
		case isStatus:
			return status
		case fresh || ctx.Err() != nil || errors.Is(err, m3da.ErrSecurity):
			return fmt.Errorf("sending to %s: %w", u.s.ID, err)
		}
	}
}

// batch names a payload. The one that failed last has the same name again,
// whatever empty ones there were meanwhile.
func (u *uplink) batch(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	sum := sha256.Sum256(payload)
	if sum != u.last {
		u.last = sum
		u.count++
	}
	return fmt.Sprintf("%s-%d", u.life, u.count)
}

// connect returns the open link, or a new one.
func (u *uplink) connect(ctx context.Context) (dev *m3da.Device, fresh bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dev != nil {
		select {
		case <-u.dev.Done():
			u.dev.Close()
			u.dev = nil
		default:
			return u.dev, false, nil
		}
	}
	if err := u.enrol(ctx); err != nil {
		return nil, false, err
	}
	conn, err := u.s.Dial(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("connecting to %s: %w", u.s.ID, err)
	}
	u.dev, err = m3da.NewDevice(conn, m3da.DeviceOptions{
		ID: u.a.cfg.ID, Keys: u.s.Keys, Reply: u.s.Reply, Commands: u.a.commands.take,
		Store: sessionFile{filepath.Join(u.a.cfg.Dir, "m3da.json"), u.a.cfg.ID + "\x00" + u.s.ID},
	})
	if err != nil {
		u.dev = nil
		conn.Close()
		return nil, false, err
	}
	return u.dev, true, nil
}

// enrol gets the keys, where they are missing. That the server refuses is said
// once, loudly: somebody has to do something about it.
func (u *uplink) enrol(ctx context.Context) error {
	if u.s.Keys != nil || u.s.Enrol == nil {
		return nil
	}
	keys, err := u.s.Enrol(ctx)
	if err == nil && keys == nil {
		err = fmt.Errorf("%w: no keys", m3da.ErrSecurity) // never a plain session in place of a secured one
	}
	if err != nil {
		if m3da.Refused(err) && !u.refused {
			u.refused = true
			u.a.cfg.Log.Error("the server refuses to register this device; data is kept, and it is asked again now and then", "server", u.s.ID, "error", err)
		}
		return err
	}
	u.s.Keys, u.refused = keys, false
	return nil
}

// hurry has what waits for the policy now sent without its latency, where a
// server of ours is there on a link that is kept: somebody waits for it, and it
// costs no connection.
func (a *Agent) hurry() {
	u := a.uplink
	if u == nil || !u.s.Keep {
		return
	}
	if !u.mu.TryLock() {
		return // it is just being connected, and who waits for us must not wait for that
	}
	ours := u.dev != nil && u.dev.Lander()
	u.mu.Unlock()
	if ours {
		a.stage.Hurry(frame.PolicyNow)
	}
}

func (u *uplink) disconnect(dev *m3da.Device) {
	u.mu.Lock()
	if u.dev == dev {
		u.dev = nil
	}
	u.mu.Unlock()
	dev.Close()
}

// keep has the link open until ctx ends. A server that answers and hangs up
// each time is asked ever more rarely.
func (u *uplink) keep(ctx context.Context) {
	delay, pause := redialMin, redialMin
	for ctx.Err() == nil {
		u.mu.Lock()
		dev := u.dev
		u.mu.Unlock()
		if dev != nil {
			began := u.a.cfg.Clock()
			select {
			case <-dev.Done():
			case <-ctx.Done():
			}
			u.disconnect(dev)
			if u.a.cfg.Clock().Sub(began) >= briefLink {
				pause = redialMin
				continue
			}
			u.a.cfg.Log.Debug("the link did not last", "server", u.s.ID, "error", dev.Err(), "again", pause)
			u.wait(ctx, pause)
			pause = min(2*pause, redialMax)
			continue
		}
		began := u.a.cfg.Clock()
		err := u.a.connect(ctx, false)
		if err == nil {
			if u.a.cfg.Clock().Sub(began) > redialMax {
				delay = redialMin
			}
		} else if ctx.Err() == nil {
			u.a.cfg.Log.Info("not connected", "server", u.s.ID, "error", err, "again", delay)
		}
		u.mu.Lock()
		there, refused := u.dev != nil, u.refused
		u.mu.Unlock()
		switch {
		case there:
			delay = redialMin
			continue
		case refused:
			delay = redialMax // asking faster only looks like guessing
		}
		u.wait(ctx, delay)
		delay = min(2*delay, redialMax)
	}
}

func (u *uplink) wait(ctx context.Context, d time.Duration) {
	over := make(chan struct{})
	stop := u.a.afterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// close ends the link that is open.
func (u *uplink) close() {
	u.mu.Lock()
	dev := u.dev
	u.dev = nil
	u.mu.Unlock()
	if dev != nil {
		dev.Close()
	}
}

// sessionFile keeps the state of the sessions with one server.
type sessionFile struct{ path, peers string }

type sessionState struct {
	Peers  string   `json:"peers"`
	Send   []byte   `json:"send,omitempty"`
	Given  [][]byte `json:"given,omitempty"`
	Known  bool     `json:"known,omitempty"`
	Lander bool     `json:"lander,omitempty"`
}

// Load implements m3da.Store. What was kept of another server is nothing.
func (f sessionFile) Load() (m3da.State, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m3da.State{}, nil
	}
	if err != nil {
		return m3da.State{}, err
	}
	var s sessionState
	if json.Unmarshal(b, &s) != nil || s.Peers != f.peers {
		return m3da.State{}, nil
	}
	out := m3da.State{Send: string(s.Send), Known: s.Known, Lander: s.Lander}
	for _, n := range s.Given {
		out.Given = append(out.Given, string(n))
	}
	return out, nil
}

// Save implements m3da.Store.
func (f sessionFile) Save(s m3da.State) error {
	out := sessionState{Peers: f.peers, Send: []byte(s.Send), Known: s.Known, Lander: s.Lander}
	for _, n := range s.Given {
		out.Given = append(out.Given, []byte(n))
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.path, b, 0o600)
}
