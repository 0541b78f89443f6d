package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/store"
)

// What a server says of a message is the error of the operation, and nothing
// is printed.
func TestNATSPrintsNothing(t *testing.T) {
	allowed := &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"lander.a.denied"}}}
	srv := natsServer(t, &server.Options{Users: []*server.User{{Username: "u", Password: "p", Permissions: allowed}}})
	s := openNATS(t, strings.Replace(srv.ClientURL(), "nats://", "nats://u:p@", 1))
	name := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = f
	_, err = s.Put(store.WithPatience(t.Context(), time.Second), "a/denied", nil, 0)
	s.Close() // its callbacks have ended
	os.Stderr = old
	if f.Close(); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "Permissions Violation") {
		t.Errorf("what may not be written: %v", err)
	}
	if b, err := os.ReadFile(name); err != nil || len(b) > 0 {
		t.Errorf("printed %q, %v", b, err)
	}
}
