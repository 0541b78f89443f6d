package link_test

import (
	"context"
	"fmt"
	"io"

	"lander/lib/link"
)

func Example() {
	ctx := context.Background()
	address, err := link.Parse("tcp://127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := link.Listen(ctx, address, link.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	served := make(chan error)
	go func() {
		c, err := l.Accept(ctx)
		if err == nil {
			_, err = io.WriteString(c, "hello")
			c.Close()
		}
		served <- err
	}()

	c, err := link.Dial(ctx, l.Address(), link.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	fmt.Println(string(text), err, <-served)
	// Output: hello <nil> <nil>
}
