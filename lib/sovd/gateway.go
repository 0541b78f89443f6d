package sovd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"lander/lib/journal"
	"lander/lib/store"
)

// Base is the path that the API stands below.
const Base = "/api/v1"

// The default limits of a Gateway.
const (
	DefaultMaxBody = 100 << 20 // of any request
	maxJSON        = 1 << 20   // of a JSON body

	// How long a client may take to send a JSON body, an upload, and to
	// receive a large answer.
	jsonTime   = 30 * time.Second
	uploadTime = 5 * time.Minute
	answerTime = time.Minute
	MaxWait    = 5 * time.Minute
)

// Config is what a Gateway is made of. Only Manifest, Clock and Log are
// needed; what is nil is off.
type Config struct {
	Manifest *Manifest
	Provider ScriptProvider // nil: the feature is off, and its routes answer 501
	Devices  Devices        // entities beyond the manifest; nil: there are none
	Auth     *Auth
	Limits   *RateLimit
	CORS     *CORS
	Journal  *journal.Journal
	Audit    *Audit       // of the same journal, shared with the provider; nil: made
	Metrics  *Metrics     // nil: made
	Access   func(Access) // called for each answered request
	Page     http.Handler // serves what is outside Base; nil: nothing is there
	NoDocs   bool
	TLS      bool // reported to clients; Serve is given listeners that do it
	MaxBody  int64
	Version  string
	Ready    func() error // nil: always ready
	Clock    func() time.Time
	Log      *slog.Logger
}

// Gateway serves the API. It is an http.Handler.
type Gateway struct {
	c        Config
	manifest atomic.Pointer[Manifest]
	scripts  guard // its p is nil when the feature is off
	routes   []route
	tree     *node
	metrics  *Metrics
	audit    *Audit // nil without a journal
	draining chan struct{}
}

// New makes a Gateway.
func New(c Config) (*Gateway, error) {
	if c.Manifest == nil {
		c.Manifest = &Manifest{Entities: map[string]*Entity{}}
	}
	if c.Clock == nil || c.Log == nil {
		return nil, errors.New("making a gateway: a clock and a log are needed")
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Version == "" {
		c.Version = "devel"
	}
	if c.CORS != nil {
		if err := c.CORS.check(); err != nil {
			return nil, fmt.Errorf("making a gateway: %w", err)
		}
	}
	g := &Gateway{c: c, scripts: guard{c.Provider, c.Log}, metrics: c.Metrics, draining: make(chan struct{})}
	g.manifest.Store(c.Manifest)
	if g.metrics == nil {
		g.metrics = NewMetrics(nil)
	}
	if g.audit = c.Audit; g.audit == nil && c.Journal != nil {
		g.audit = NewAudit(c.Journal, c.Log)
	}
	g.routes = g.table()
	g.tree = plant(g.routes)
	return g, nil
}

// SetManifest has other entities be there from now on. The provider is told of
// their scripts by itself.
func (g *Gateway) SetManifest(m *Manifest) { g.manifest.Store(m) }

// Close writes what the journal has not yet. It is for a gateway whose Serve
// was not used; requests must have ended.
func (g *Gateway) Close() { g.audit.Close() }

// request is one request on its way through a route.
type request struct {
	w      http.ResponseWriter
	r      *http.Request
	g      *Gateway
	route  *route
	params []string // by their place in the route
	actor  Actor
}

// readPatience is how long what is read waits for a store that cannot answer:
// clients wait 10 s.
const readPatience = 8 * time.Second

// ServeHTTP implements http.Handler. In front of every route stand CORS, the
// rate limit and the check of rights, in this order.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := g.c.Clock()
	rec := &recorder{ResponseWriter: w}
	q := &request{w: rec, r: r, g: g}
	body := r.Body
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		q.r = r.WithContext(store.WithPatience(r.Context(), readPatience))
	}
	if len(r.TransferEncoding) > 0 {
		// Whether a length stood beside it is not told: a proxy that went by the
		// length saw another end of the request [RFC 9112 6.3].
		w.Header().Set("Connection", "close")
	}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			g.c.Log.Error("a handler panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if rec.status == 0 {
				q.fail(errors.New("panic"))
			}
		}
		if rec.status >= 400 {
			q.linger(body)
		}
		took := g.c.Clock().Sub(begun)
		g.metrics.request(r.Method, rec.status, took)
		if g.c.Access != nil {
			g.c.Access(access(q, rec, begun, took))
		}
	}()
	if g.c.CORS != nil && g.c.CORS.answer(rec, r, g.c.Auth != nil) {
		return
	}
	if g.c.Limits != nil {
		if a := g.c.Limits.take(rec.Header(), r, begun); a != nil {
			g.metrics.rejects.add("rate-limit")
			q.send(a)
			return
		}
	}
	if err := g.serve(q); err != nil {
		q.fail(err)
	}
}

// serve finds the route and goes through it.
func (g *Gateway) serve(q *request) error {
	path := q.r.URL.EscapedPath()
	rest, inAPI := strings.CutPrefix(path, Base)
	if !inAPI || rest != "" && rest[0] != '/' {
		if token, ok := strings.CutPrefix(path, FetchPath); ok && g.c.Devices != nil {
			return q.payload(token)
		}
		if g.c.Page != nil && (q.r.Method == http.MethodGet || q.r.Method == http.MethodHead) {
			g.c.Page.ServeHTTP(q.w, q.r)
			return nil
		}
		return notFound
	}
	method := q.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	n, params := g.tree.find(rest)
	described, isDocs := strings.CutSuffix(strings.TrimSuffix(rest, "/"), "/docs")
	if n == nil && isDocs {
		return g.docsBelow(q, described)
	}
	open := strings.HasPrefix(rest, "/auth/") // where tokens are had, which needs none
	if n == nil || len(n.methods) == 0 {
		// Who may not ask does not learn what is there.
		if err := g.authorize(q, &route{role: leastRole(method, rest), open: open}); err != nil {
			return err
		}
		return notFound
	}
	q.route, q.params = n.methods[method], params
	if q.route == nil {
		if err := g.authorize(q, &route{open: open}); err != nil {
			return err
		}
		return methodNotAllowed(n.allow())
	}
	if err := g.authorize(q, q.route); err != nil {
		return err
	}
	if q.r.ContentLength > g.c.MaxBody {
		return plainAnswer(http.StatusRequestEntityTooLarge, "Request body too large")
	}
	if q.r.Body != nil && q.r.Body != http.NoBody {
		q.r.Body = http.MaxBytesReader(q.w, q.r.Body, g.c.MaxBody)
	}
	err := q.route.serve(q)
	if err != nil && isDocs && method == http.MethodGet && answerOf(err).status == http.StatusNotFound {
		return g.docsBelow(q, described) // there is no entity and no script of that name
	}
	return err
}

// fail answers with an error.
func (q *request) fail(err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = plainAnswer(http.StatusRequestEntityTooLarge, "Request body too large")
	}
	a := answerOf(err)
	if a.status >= 500 && a.status != http.StatusNotImplemented && !errors.Is(err, context.Canceled) {
		q.g.c.Log.Error("a request failed", "method", q.r.Method, "path", q.r.URL.Path, "error", err)
	}
	q.send(a)
}

func (q *request) send(a *answer) {
	for k, v := range a.header {
		q.w.Header().Set(k, v)
	}
	if a.body == nil {
		q.w.WriteHeader(a.status)
		return
	}
	q.raw(a.status, a.render())
}

// jsonType is shared by all answers: Header().Set would make a slice for each.
var jsonType = []string{"application/json"}

func (q *request) raw(status int, body []byte) {
	h := q.w.Header()
	h["Content-Type"] = jsonType
	if status >= 400 {
		h.Set("Content-Length", strconv.Itoa(len(body))) // it may be flushed
	}
	if len(body) < largeAnswer {
		q.w.WriteHeader(status)
		q.w.Write(body)
		return
	}
	// What the buffers of the system do not take needs a client that reads.
	h.Set("Content-Length", strconv.Itoa(len(body)))
	rc := http.NewResponseController(q.w)
	rc.SetWriteDeadline(time.Now().Add(answerTime))
	q.w.WriteHeader(status)
	q.w.Write(body)
	rc.Flush()
	rc.SetWriteDeadline(time.Time{})
}

// largeAnswer is the size in bytes from which an answer has a deadline.
const largeAnswer = 32 << 10

// hurry bounds how long the body may take; 0 takes the bound away.
func (q *request) hurry(d time.Duration) {
	at := time.Time{}
	if d > 0 {
		at = time.Now().Add(d)
	}
	http.NewResponseController(q.w).SetReadDeadline(at) // a test's recorder has none
}

// The bounds of what is read of a body that was refused.
const (
	lingerSize = 256 << 20
	lingerTime = 10 * time.Second
)

// linger reads what is left of the body of a request that was refused: most
// clients send all of it before they look for the answer, and would find the
// connection broken in its place. One that waits for 100-continue has not
// begun to send.
func (q *request) linger(body io.Reader) {
	if body == nil || body == http.NoBody || q.r.Header.Get("Expect") != "" {
		return
	}
	rc := http.NewResponseController(q.w)
	if rc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // no connection of a server
	}
	if rc.Flush() == nil {
		io.CopyN(io.Discard, body, lingerSize)
	}
	rc.SetReadDeadline(time.Time{})
}

// reply answers with a value as JSON.
func (q *request) reply(status int, body any) error {
	q.send(&answer{status: status, body: body})
	return nil
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
