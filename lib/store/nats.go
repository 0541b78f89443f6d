package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The stream that holds a store, when the address names none.
const natsDefault = "lander"

const (
	natsTry     = 3 * time.Second  // for one answer of the cluster, where the way to it is not slower
	natsSlowest = 20 * time.Second // for one, however slow the way is
	natsPatient = 60 * time.Second // for an operation whose context has no end: longer than an election takes
	natsLeaving = 5 * time.Second  // for one when whoever opened the store wants to end
	natsDedup   = 2 * time.Minute  // the cluster knows a repeated message for so long

	headerDeleted = "Lander-Deleted"

	natsInProcess jetstream.ErrorCode = 10158 // the message with this id is not through yet
	natsNoPeers   jetstream.ErrorCode = 10005 // too few servers are there to keep as many replicas
)

// NATS is a Store on a JetStream cluster: one stream, in which each key is a
// subject that keeps its last message. Revisions are the stream's sequence.
// Reads are answered by the stream's leader. A leader that dies stops writes
// for some seconds: operations are repeated until their context ends, and a
// repeated Put counts once.
type NATS struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	name   string
	closed atomic.Bool
	try    time.Duration   // for one answer
	slow   atomic.Int64    // what the way there and back took at last, in ns, when that was too long
	life   context.Context // ends with the store
	cancel context.CancelFunc
	opened context.Context // of who opened it
	leave  time.Duration   // for an operation when that has ended
	marks  chan natsMark
	wg     sync.WaitGroup
}

// NATSOptions are what an address says beside the servers.
type NATSOptions struct {
	Servers  string // addresses, with a comma between them
	Name     string // of the stream
	Replicas int    // copies of the stream; 0: three in a cluster, otherwise one
	Creds    string // file with the user's credentials; "" none
	CA       string // file with the certificates of servers; "" those of the system
}

// ParseNATS reads nats://HOST:PORT[,HOST:PORT...][/NAME][?replicas=N&creds=FILE&ca=FILE].
func ParseNATS(address string) (NATSOptions, error) {
	bad := func(why string) (NATSOptions, error) {
		return NATSOptions{}, fmt.Errorf("%w: %s (nats://HOST:4222,HOST:4222/NAME?replicas=3)", ErrScheme, why)
	}
	rest, ok := strings.CutPrefix(address, "nats://")
	if !ok {
		return bad("not a nats:// address")
	}
	o := NATSOptions{Name: natsDefault}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, name, named := strings.Cut(rest, "/")
	if named && name != "" {
		o.Name = name
	}
	if checkWord(o.Name) != nil || strings.ContainsAny(o.Name, ".=") {
		return bad(fmt.Sprintf("%q is no name of a stream", o.Name))
	}
	for h := range strings.SplitSeq(hosts, ",") {
		if h == "" {
			return bad("a server is missing")
		}
		if o.Servers != "" {
			o.Servers += ","
		}
		o.Servers += "nats://" + h
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return bad("the words behind ? cannot be read")
	}
	for k, v := range values {
		switch k {
		case "replicas":
			if o.Replicas, err = strconv.Atoi(v[0]); err != nil || o.Replicas < 1 || o.Replicas > 5 {
				return bad(fmt.Sprintf("%q replicas", v[0]))
			}
		case "creds":
			o.Creds = v[0]
		case "ca":
			o.CA = v[0]
		default:
			return bad(fmt.Sprintf("the word %q is not known", k))
		}
	}
	return o, nil
}

// OpenNATS connects, and makes the stream when it is not there. It waits for
// a cluster that is electing until ctx ends. When that ends later, what waits
// for servers that are gone does so for a few seconds more at most.
func OpenNATS(ctx context.Context, o NATSOptions) (*NATS, error) {
	runtime.KeepAlive(gobPointers)
	opts := []nats.Option{nats.Name("lander"), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.Timeout(natsTry),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})} // without one they are printed; operations tell theirs
	if o.Creds != "" {
		opts = append(opts, nats.UserCredentials(o.Creds))
	}
	if o.CA != "" {
		opts = append(opts, nats.RootCAs(o.CA))
	}
	conn, err := nats.Connect(o.Servers, opts...)
	if err != nil {
		return nil, fmt.Errorf("opening the store on %s: %w: %w", redact(o.Servers), ErrUnreachable, err)
	}
	s := &NATS{conn: conn, name: o.Name, try: natsTry, opened: ctx, leave: natsLeaving, marks: make(chan natsMark, 10_000)}
	if err := s.open(ctx, o); err != nil {
		conn.Close()
		return nil, fmt.Errorf("opening the store on %s: %w", redact(o.Servers), err)
	}
	s.life, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.sweep)
	return s, nil
}

// redact takes passwords out of addresses.
func redact(servers string) string {
	out := strings.Split(servers, ",")
	for i, s := range out {
		if u, err := url.Parse(s); err == nil {
			out[i] = u.Redacted()
		}
	}
	return strings.Join(out, ",")
}

func (s *NATS) open(ctx context.Context, o NATSOptions) error {
	if most := s.conn.MaxPayload(); most < MaxValue+4096 {
		return fmt.Errorf("the servers take messages of %d bytes, and values are up to %d: set max_payload to 2MB", most, MaxValue)
	}
	var err error
	if s.js, err = jetstream.New(s.conn); err != nil {
		return err
	}
	replicas := o.Replicas
	if replicas == 0 {
		replicas = 1
		if s.conn.ConnectedClusterName() != "" {
			replicas = 3
		}
	}
	return s.again(ctx, func(ctx context.Context) error {
		stream, err := s.js.Stream(ctx, s.name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			stream, err = s.js.CreateStream(ctx, jetstream.StreamConfig{
				Name: s.name, Description: "a store of lander", Subjects: []string{s.name + ".>"}, Storage: jetstream.FileStorage,
				MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, Replicas: replicas, Duplicates: natsDedup,
				AllowDirect: false, // a replica may be behind
			})
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = s.js.Stream(ctx, s.name) // another was first
		}
		s.stream = stream
		return err
	})
}

// A key's words are the tokens of its subject; a full stop in a word is a
// slash there, which no word has.
func (s *NATS) subject(key string) string { return s.name + "." + swap(key) }

func swap(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, key)
}

// again repeats f while the cluster cannot answer.
func (s *NATS) again(ctx context.Context, f func(context.Context) error) error {
	if _, ends := ctx.Deadline(); !ends {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience(ctx, natsPatient))
		defer cancel()
		defer context.AfterFunc(s.opened, func() {
			select {
			case <-time.After(s.leave):
				cancel()
			case <-ctx.Done():
			}
		})()
	}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := s.once(ctx, f)
		if err == nil || final(err) {
			return err
		}
		if s.closed.Load() {
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			if last := s.conn.LastError(); last != nil {
				err = fmt.Errorf("%w (%v)", err, last) // such as what we may not do
			}
			if errors.Is(err, ctx.Err()) {
				return fmt.Errorf("%w: %w", ErrUnreachable, err)
			}
			return fmt.Errorf("%w: %w: %w", ErrUnreachable, ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// once gives f the time of one answer.
func (s *NATS) once(ctx context.Context, f func(context.Context) error) error {
	try, cancel := context.WithTimeout(ctx, max(s.try, min(3*time.Duration(s.slow.Load()), natsSlowest)))
	defer cancel()
	began := time.Now()
	err := f(try)
	switch {
	case err == nil || final(err):
		if took := int64(time.Since(began)); took < s.slow.Load() {
			s.slow.Store(took)
		}
	case try.Err() != nil && ctx.Err() == nil:
		s.measure(ctx)
	}
	return err
}

// measure finds out whether no answer came because the way is long: then there
// is one from the server itself, and the next try has the time for it.
func (s *NATS) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, natsSlowest/3)
	defer cancel()
	began := time.Now()
	if !s.conn.IsReconnecting() && s.conn.FlushWithContext(ctx) == nil {
		s.slow.Store(int64(time.Since(began)))
	}
}

// final reports whether an error is an answer rather than the lack of one.
func final(err error) bool {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, jetstream.ErrMsgNotFound) {
		return true
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		if api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant || api.ErrorCode == natsInProcess {
			return false // another write of the key, or this one, is under way yet
		}
		if api.ErrorCode == natsNoPeers {
			return false // the servers do not know of each other yet
		}
		return api.Code != 503 && api.Code != 500 && api.Code != 408
	}
	return false
}

func (s *NATS) begin(ctx context.Context, doing, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%s a key: %w", doing, err)
	}
	if s.closed.Load() {
		return fmt.Errorf("%s %s: %w", doing, key, ErrClosed)
	}
	return nil
}

// Get implements Store.
func (s *NATS) Get(ctx context.Context, key string) (Entry, error) {
	if err := s.begin(ctx, "getting", key); err != nil {
		return Entry{}, err
	}
	e, _, err := s.last(ctx, key)
	if err != nil {
		return Entry{}, fmt.Errorf("getting %s: %w", key, err)
	}
	return e, nil
}

// last reads a key. For one that was deleted, or never there, the error is
// ErrNotFound and seq what a new value must follow.
func (s *NATS) last(ctx context.Context, key string) (e Entry, seq uint64, err error) {
	err = s.again(ctx, func(ctx context.Context) error {
		m, err := s.stream.GetLastMsgForSubject(ctx, s.subject(key))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		seq = m.Sequence
		if m.Header.Get(headerDeleted) != "" {
			if age := time.Since(m.Time); age > 2*natsMarks {
				s.mark(natsMark{key, seq, m.Time}) // whoever left it has died
			}
			return ErrNotFound
		}
		e = Entry{Key: key, Value: m.Data, Rev: Revision(m.Sequence)}
		return nil
	})
	return e, seq, err
}

// publish writes a message that follows seq on the key's subject.
func (s *NATS) publish(ctx context.Context, key string, value []byte, deleted bool, seq uint64) (uint64, error) {
	m := nats.NewMsg(s.subject(key))
	m.Data = value
	if deleted {
		m.Header.Set(headerDeleted, "1")
	}
	id := rand.Text() // the same for each repetition: the cluster takes one
	var next uint64
	first := true
	err := s.again(ctx, func(ctx context.Context) error {
		again := !first
		first = false
		ack, err := s.js.PublishMsg(ctx, m, jetstream.WithMsgID(id), jetstream.WithExpectLastSequencePerSubject(seq), jetstream.WithExpectStream(s.name))
		if isWrongSequence(err) && again {
			// A server that was restarted may not know the earlier ones, of which
			// one was written, and says that the key has changed.
			have, gerr := s.stream.GetLastMsgForSubject(ctx, m.Subject)
			if gerr == nil && have.Header.Get(jetstream.MsgIDHeader) == id {
				next = have.Sequence
				return nil
			}
			if gerr != nil && !errors.Is(gerr, jetstream.ErrMsgNotFound) {
				return gerr
			}
		}
		if isWrongSequence(err) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		next = ack.Sequence
		return nil
	})
	return next, err
}

func isWrongSequence(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Put implements Store.
func (s *NATS) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if len(value) > MaxValue {
		return 0, fmt.Errorf("putting %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, len(value), MaxValue)
	}
	if err := s.begin(ctx, "putting", key); err != nil {
		return 0, err
	}
	next, err := s.publish(ctx, key, value, false, uint64(rev))
	if errors.Is(err, ErrConflict) {
		have, seq, gerr := s.last(ctx, key)
		if rev == 0 && errors.Is(gerr, ErrNotFound) && seq > 0 {
			// Deleted, and what says so is still there.
			next, err = s.publish(ctx, key, value, false, seq)
		}
		if errors.Is(err, ErrConflict) {
			return 0, conflict("putting", key, have.Rev, rev)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("putting %s: %w", key, err)
	}
	return Revision(next), nil
}

// Delete implements Store.
func (s *NATS) Delete(ctx context.Context, key string, rev Revision) error {
	if err := s.begin(ctx, "deleting", key); err != nil {
		return err
	}
	have, _, err := s.last(ctx, key)
	if err == nil && have.Rev != rev {
		return conflict("deleting", key, have.Rev, rev)
	}
	var seq uint64
	if err == nil {
		seq, err = s.publish(ctx, key, nil, true, uint64(rev))
		if errors.Is(err, ErrConflict) {
			return conflict("deleting", key, 0, rev)
		}
	}
	if err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	s.mark(natsMark{key, seq, time.Now()})
	return nil
}

// keys lists those under a prefix, in their order, some of which may be gone.
func (s *NATS) keys(ctx context.Context, prefix string) ([]string, error) {
	var out []string
	for _, f := range s.filters(prefix) {
		err := s.again(ctx, func(ctx context.Context) error {
			info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(f))
			if err != nil {
				return err
			}
			for subject := range info.State.Subjects {
				key := swap(strings.TrimPrefix(subject, s.name+"."))
				if CheckKey(key) == nil {
					out = append(out, key)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// List implements Store.
func (s *NATS) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		fail := func(err error) { yield(Entry{}, fmt.Errorf("listing %s: %w", prefix, err)) }
		if err := checkPrefix(prefix); err != nil {
			yield(Entry{}, fmt.Errorf("listing: %w", err))
			return
		}
		if s.closed.Load() {
			fail(ErrClosed)
			return
		}
		if err := ctx.Err(); err != nil {
			fail(err)
			return
		}
		keys, err := s.keys(ctx, prefix)
		if err != nil {
			fail(err)
			return
		}
		for _, key := range keys {
			if s.closed.Load() {
				fail(ErrClosed)
				return
			}
			e, _, err := s.last(ctx, key)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Close implements Store.
func (s *NATS) Close() error {
	if !s.closed.Swap(true) {
		s.cancel()
		s.conn.Close()
		s.wg.Wait()
	}
	return nil
}
