package store_test

import (
	"context"
	"errors"
	"fmt"

	"lander/lib/store"
)

func Example() {
	ctx := context.Background()
	s, err := store.Open(ctx, "memory:", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	key := "devices/" + store.Word("pump №1")
	rev, err := s.Put(ctx, key, []byte("idle"), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = s.Put(ctx, key, []byte("busy"), rev)
	fmt.Println(err)
	_, err = s.Put(ctx, key, []byte("broken"), rev) // a revision too old
	fmt.Println(errors.Is(err, store.ErrConflict))
	for e, err := range s.List(ctx, "devices") {
		fmt.Println(e.Key, string(e.Value), err)
	}
	// Output:
	// <nil>
	// true
	// devices/pump=20=E2=84=961 busy <nil>
}
