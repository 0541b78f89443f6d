package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"lander/lib/fetch"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "print('hello')")
	}))
	defer server.Close()

	ctx := context.Background()
	_, err := fetch.Get(ctx, server.URL, fetch.Options{})
	fmt.Println(errors.Is(err, fetch.ErrAddress))

	body, err := fetch.Get(ctx, server.URL, fetch.Options{AllowLoopback: true, MaxBytes: 1 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	fmt.Println(string(text), err)
	// Output:
	// true
	// print('hello') <nil>
}
