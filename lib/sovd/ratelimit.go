package sovd

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RateLimits says how many requests a minute are borne; 0 is no limit.
type RateLimits struct {
	Global    int
	Client    int      // of one address
	Endpoints []string // "PATTERN:N": of one address for paths that match, * is any text
	MaxIdle   time.Duration
}

// maxClients bounds the addresses that are remembered: beyond it those that
// are idle longest are forgotten.
const maxClients = 100_000

// RateLimit keeps token buckets.
type RateLimit struct {
	limits    RateLimits
	endpoints []endpointLimit

	mu      sync.Mutex
	global  bucket
	clients map[string]*bucket // by address, and by pattern and address
	swept   time.Time
}

type endpointLimit struct {
	pattern string
	limit   int
}

// bucket holds up to a minute's tokens.
type bucket struct {
	tokens float64
	at     time.Time
}

// NewRateLimit checks the limits.
func NewRateLimit(l RateLimits) (*RateLimit, error) {
	if l.Global < 0 || l.Client < 0 {
		return nil, errors.New("rate limits: a limit is below 0")
	}
	if l.MaxIdle <= 0 {
		l.MaxIdle = 10 * time.Minute
	}
	r := &RateLimit{limits: l, clients: map[string]*bucket{}}
	for _, e := range l.Endpoints {
		i := strings.LastIndexByte(e, ':')
		n := 0
		if i > 0 {
			n, _ = strconv.Atoi(e[i+1:])
		}
		if n < 1 {
			return nil, fmt.Errorf("rate limits: %q is not PATTERN:N", e)
		}
		r.endpoints = append(r.endpoints, endpointLimit{e[:i], n})
	}
	return r, nil
}

// refill brings a bucket up to now.
func (b *bucket) refill(limit int, now time.Time) {
	if b.at.IsZero() {
		b.tokens = float64(limit)
	} else if d := now.Sub(b.at); d > 0 {
		b.tokens = min(float64(limit), b.tokens+d.Minutes()*float64(limit))
	}
	b.at = now
}

// take counts a request, sets the headers, and answers when it is too much.
// The buckets are asked from the narrowest on, and only a request that all of
// them let pass costs a token.
func (r *RateLimit) take(h http.Header, req *http.Request, now time.Time) *answer {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		host = req.RemoteAddr
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	type asked struct {
		b     *bucket
		limit int
	}
	var buckets []asked
	for _, e := range r.endpoints {
		if matchPath(e.pattern, req.URL.Path) {
			buckets = append(buckets, asked{r.bucket(e.pattern + " " + host), e.limit})
		}
	}
	if r.limits.Client > 0 {
		buckets = append(buckets, asked{r.bucket(host), r.limits.Client})
	}
	if r.limits.Global > 0 {
		buckets = append(buckets, asked{&r.global, r.limits.Global})
	}
	if len(buckets) == 0 {
		return nil
	}
	tightest, wait := buckets[0], 0.0
	for _, a := range buckets {
		a.b.refill(a.limit, now)
		if short := (1 - a.b.tokens) * 60 / float64(a.limit); short > wait {
			wait, tightest = short, a
		} else if wait == 0 && a.b.tokens < tightest.b.tokens {
			tightest = a
		}
	}
	if wait <= 0 {
		for _, a := range buckets {
			a.b.tokens--
		}
	}
	full := (float64(tightest.limit) - tightest.b.tokens) * 60 / float64(tightest.limit)
	reset := now.Add(time.Duration(full * float64(time.Second))).Unix()
	h.Set("X-RateLimit-Limit", strconv.Itoa(tightest.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(int(tightest.b.tokens), 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
	if wait <= 0 {
		return nil
	}
	after := int(math.Ceil(wait))
	return &answer{status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": strconv.Itoa(after)}, body: genericError{
		Code: "rate-limit-exceeded", Message: fmt.Sprintf("Too many requests. Please retry after %d seconds.", after),
		Parameters: object{"retry_after": after, "limit": tightest.limit, "reset": reset},
	}}
}

func (r *RateLimit) bucket(key string) *bucket {
	b := r.clients[key]
	if b == nil {
		b = &bucket{}
		r.clients[key] = b
	}
	return b
}

// forget drops the buckets of those who have not asked for long; they would
// be full again.
func (r *RateLimit) forget(now time.Time) {
	idle, every := r.limits.MaxIdle, time.Minute
	if len(r.clients) >= maxClients {
		// Not at each request: looking at all of them takes milliseconds, in
		// which nobody else is let in.
		idle, every = time.Minute, time.Second
	}
	if since := now.Sub(r.swept); since >= 0 && since < every && len(r.clients) < 2*maxClients {
		return
	}
	r.swept = now
	for key, b := range r.clients {
		if now.Sub(b.at) > idle {
			delete(r.clients, key)
		}
	}
	if len(r.clients) >= 2*maxClients {
		clear(r.clients)
	}
}

// matchPath matches a path against a pattern where * is any text.
func matchPath(pattern, path string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(path, parts[0])
	if !ok {
		return false
	}
	if len(parts) == 1 {
		return rest == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
