package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// Several gateways may stand for one server, and each serves the scripts of
// all. When one dies, the commands that it has sent come again from another,
// with a URL there.

const scriptCommand = "ExecuteScript"

// identity is the digest of a command, by which it is known when it comes
// again. Which host its script is fetched from makes no difference.
func identity(path string, body bysant.Value) string {
	if url := urlIn(body); url != "" {
		var all []bysant.Member
		for _, m := range body.Members() {
			if m.Key == bysant.Name(scriptCommand) {
				var args []bysant.Member
				for _, a := range m.Value.Members() {
					if a.Key == bysant.Name("url") {
						a.Value = bysant.OfString(withoutHost(url))
					}
					args = append(args, a)
				}
				m.Value = bysant.OfMap(args...).Sized()
			}
			all = append(all, m)
		}
		body = bysant.OfMap(all...).Sized()
	}
	sum := sha256.Sum256(envelope.Message{Path: path, Body: body}.Append(nil))
	return hex.EncodeToString(sum[:])
}

// urlIn is the URL of a script's command, "" where there is none.
func urlIn(body bysant.Value) string {
	args, _ := body.Get(scriptCommand)
	url, _ := args.Get("url")
	text, _ := url.Str()
	return text
}

func withoutHost(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return "/"
}

// move is the URL that a command had when it came again.
type move struct {
	url  string
	news chan struct{} // closed when it comes again once more
}

// moved notes the URL of a command that came again while it is under way.
func (c *commands) moved(key, url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url == "" || !c.open[key] {
		return
	}
	if m := c.moves[key]; m != nil {
		close(m.news)
	}
	c.moves[key] = &move{url, make(chan struct{})}
}

// A script that cannot be fetched, because nobody answers, is tried again.
const (
	fetchTries = 5
	fetchPause = 6 * time.Second
)

// passing reports whether a delivery failed in a way that may pass: nothing of
// it is on record then.
func passing(err error) bool { return errors.Is(err, frame.StatusCommunicationError) }

// another returns a URL that the command has had when it came again, or waits
// for it to come, for a while.
func (c *commands) another(ctx context.Context, key, url string) string {
	c.mu.Lock()
	m := c.moves[key]
	if m == nil {
		m = &move{url, make(chan struct{})}
		c.moves[key] = m
	}
	c.mu.Unlock()
	if m.url != url {
		return m.url
	}
	over := make(chan struct{})
	stop := c.a.afterFunc(fetchPause, func() { close(over) })
	defer stop()
	select {
	case <-m.news:
	case <-over:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moves[key].url
}
