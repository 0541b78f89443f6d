package sovd

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// However many addresses ask, few requests pay for forgetting them, and what
// is remembered is bounded.
func TestRateLimitForgets(t *testing.T) {
	r, err := NewRateLimit(RateLimits{Client: 5})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	n := 0
	take := func() {
		n++
		r.take(http.Header{}, &http.Request{RemoteAddr: fmt.Sprintf("[fd00::%x]:1", n), URL: &url.URL{Path: "/"}}, now)
	}
	take()
	fill := func(to int) {
		for i := len(r.clients); i < to; i++ {
			r.clients[strconv.Itoa(i)] = &bucket{at: now}
		}
	}
	fill(maxClients)
	swept := now
	now = now.Add(time.Second)
	for range 3 {
		take()
		if swept = swept.Add(time.Second); !r.swept.Equal(swept) {
			t.Fatalf("swept at %v, want %v", r.swept, swept)
		}
		now = now.Add(999 * time.Millisecond)
		take() // too soon
		if !r.swept.Equal(swept) {
			t.Fatalf("swept again at %v", r.swept)
		}
		now = now.Add(time.Millisecond)
	}
	fill(2 * maxClients)
	take()
	if len(r.clients) != 1 {
		t.Errorf("%d are remembered", len(r.clients))
	}
	// Who has not asked for long is forgotten; a clock that goes back keeps
	// nobody for ever.
	now = now.Add(-time.Hour)
	take()
	take()
	now = now.Add(r.limits.MaxIdle + time.Second)
	take()
	if len(r.clients) != 2 { // one is of before the clock went back
		t.Errorf("%d are remembered", len(r.clients))
	}
}
