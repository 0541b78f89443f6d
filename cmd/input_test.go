package cmd

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// A call that is stopped ends although what feeds its stdin is silent and
// stays, and says that it was interrupted.
func TestStdinEndsWithTheCall(t *testing.T) {
	silent, feeder := io.Pipe()
	defer feeder.Close()
	ctx, cancel := context.WithCancel(t.Context())
	k := &call{streams: &streams{in: silent}, ctx: ctx, args: []string{"SetVariable", "-"}}
	go func() {
		feeder.Write([]byte(`["config.a",`))
		cancel()
	}()
	_, err := k.payload()
	if exit := classify(ctx, err); exit != exitINT {
		t.Errorf("%v: exit %v, want %v", err, exit, exitINT)
	}

	k = &call{streams: &streams{in: strings.NewReader(strings.Repeat("x", 1<<20))}, ctx: t.Context()}
	r, err := k.stdin("the text")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || len(b) != 1<<20 || bytes.Trim(b, "x") != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := k.stdin("another"); classify(t.Context(), err) != exitUsage {
		t.Errorf("stdin twice: %v", err)
	}
}
