package store_test

import (
	"testing"

	"lander/lib/store"
	"lander/lib/store/storetest"
)

func TestLogged(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := store.OpenLogged(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
