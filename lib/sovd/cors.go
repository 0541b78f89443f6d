package sovd

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS says which pages of other origins may use the API.
type CORS struct {
	Origins     []string // "*" is any
	Methods     []string // nil: GET, PUT, POST, DELETE, OPTIONS
	Headers     []string // nil: Content-Type, Accept
	Credentials bool
	MaxAge      int // seconds; 0: a day
}

func (c *CORS) check() error {
	if len(c.Origins) == 0 {
		return errors.New("cors: no origin is allowed")
	}
	if c.Credentials && slices.Contains(c.Origins, "*") {
		return errors.New("cors: allow_credentials needs named origins, not *")
	}
	return nil
}

// answer sets the headers, and answers an OPTIONS request.
func (c *CORS) answer(w http.ResponseWriter, r *http.Request, auth bool) (done bool) {
	origin := r.Header.Get("Origin")
	h := w.Header()
	h.Add("Vary", "Origin")
	allowed := origin != "" && (slices.Contains(c.Origins, origin) || slices.Contains(c.Origins, "*"))
	if !allowed {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	methods, headers := c.Methods, c.Headers
	if methods == nil {
		methods = []string{"GET", "PUT", "POST", "DELETE", "OPTIONS"}
	}
	if headers == nil {
		headers = []string{"Content-Type", "Accept", "Idempotency-Key", "Last-Event-ID"}
	}
	if auth && !slices.Contains(headers, "Authorization") {
		headers = append(slices.Clone(headers), "Authorization")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	h.Set("Access-Control-Expose-Headers", "Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Idempotent-Replayed")
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method != http.MethodOptions {
		return false
	}
	age := c.MaxAge
	if age == 0 {
		age = 86400
	}
	h.Set("Access-Control-Max-Age", strconv.Itoa(age))
	w.WriteHeader(http.StatusNoContent)
	return true
}
