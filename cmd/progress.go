package cmd

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	barWidth = 40
	barEvery = 50 * time.Millisecond
)

// bar shows how far a transfer is, on a terminal. The library that would draw
// it brings the width of every character and costs each start more than the
// drawing.
type bar struct {
	mu    sync.Mutex
	w     io.Writer
	what  string
	now   func() time.Time
	drawn time.Time
}

// progressBar is nil when nobody would see it; its methods take that.
func (k *call) progressBar(what string) *bar {
	if !isTerminal(k.streams.err) || k.json || k.quiet > 0 || k.getenv("CI") != "" || k.getenv("TERM") == "dumb" {
		return nil
	}
	return &bar{w: k.streams.err, what: what, now: time.Now}
}

// set draws the bar, unless it was drawn a moment ago.
func (b *bar) set(sent, total int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.Sub(b.drawn) < barEvery && sent < total {
		return
	}
	b.drawn = now
	total = max(total, 1)
	sent = min(max(sent, 0), total)
	n := barWidth * sent / total
	fmt.Fprintf(b.w, "\r%s [%s%s] %3d%% %d/%d kB", b.what, strings.Repeat("#", n), strings.Repeat(".", barWidth-n), 100*sent/total, (sent+999)/1000, (total+999)/1000)
}

// clear takes the bar off the terminal.
func (b *bar) clear() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.drawn.IsZero() {
		fmt.Fprintf(b.w, "\r%s\r", strings.Repeat(" ", barWidth+len(b.what)+40))
		b.drawn = time.Time{}
	}
}
