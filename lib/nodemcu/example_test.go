package nodemcu_test

import (
	"context"
	"crypto/sha256"
	"fmt"

	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

// A file on a board, hashed there before and after it gets its name.
func Example() {
	board := &nodemcutest.Board{ID: 1122867} // or link.Dial to a real one
	defer board.Off()
	port := nodemcutest.NewWire(board)
	ctx := context.Background()

	c, err := nodemcu.Attach(ctx, port, nodemcu.Options{Now: port.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := c.Probe(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	digest := info.Choose([]nodemcu.Digest{{Alg: "sha256", Sum: func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }}})
	content := []byte("print 'hello'\n")
	if _, err := c.Upload(ctx, "~of.1", content, nil); err != nil {
		fmt.Println(err)
		return
	}
	there, err := c.Hash(ctx, digest, "~of.1")
	if err != nil || there["~of.1"] != digest.Of(content) {
		fmt.Println("not what was sent", err)
		return
	}
	after, err := c.Replace(ctx, digest, "~of.1", "hello.lua")
	fmt.Println(info.Chip, digest.Alg, after == digest.Of(content), err)
	// Output: 1122867 sha256 true <nil>
}
