package sovd_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/sovd"
	"lander/lib/store"
)

// Clients that are gone, disabled or less than they were lose what their
// tokens say; wrong options change nothing.
func TestReplaceAuth(t *testing.T) {
	o := authOptions()
	a, err := sovd.NewAuth(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.Auth = a })
	op, opRefresh := g.login("op")
	root, _ := g.login("root")
	start := func(token string) int {
		return g.do("POST", scripts+"/man_true/executions?wait=30s", `{"execution_type":"now"}`, "Authorization: Bearer "+token).status
	}
	codes := func(wantOp, wantRoot int) {
		t.Helper()
		if gotOp, gotRoot := start(op), start(root); gotOp != wantOp || gotRoot != wantRoot {
			t.Errorf("op %d, root %d; want %d and %d", gotOp, gotRoot, wantOp, wantRoot)
		}
	}
	codes(202, 202)
	for name, change := range map[string]func(*sovd.AuthOptions){
		"short secret": func(o *sovd.AuthOptions) { o.Secret = []byte("short") },
		"role":         func(o *sovd.AuthOptions) { o.Clients = []sovd.Client{{ID: "x", Role: "king", Hash: hashes()}} },
		"require":      func(o *sovd.AuthOptions) { o.RequireFor = "some" },
	} {
		bad := authOptions()
		change(&bad)
		if err := a.Replace(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
		codes(202, 202)
	}
	next := authOptions()
	next.Clients = []sovd.Client{{ID: "op", Role: "operator", Hash: hashes(), Disabled: true}, {ID: "root", Role: "viewer", Hash: hashes()}}
	if err := a.Replace(next); err != nil {
		t.Fatal(err)
	}
	codes(401, 403)
	if r := g.do("POST", "/api/v1/auth/token", `{"grant_type":"refresh_token","refresh_token":"`+opRefresh+`"}`, jsonBody); r.status != 401 {
		t.Errorf("a refresh token of a disabled client: %d %s", r.status, r.text)
	}
	if err := a.Replace(o); err != nil { // as before: the tokens hold again
		t.Fatal(err)
	}
	codes(202, 202)
	o.Secret = []byte(strings.Repeat("z", 32))
	if err := a.Replace(o); err != nil {
		t.Fatal(err)
	}
	codes(401, 401)
}

func TestReplaceManifest(t *testing.T) {
	g := newRig(t)
	long := g.start("man_stdin", `{"n":1}`)
	g.ended(long)
	text := `{manifest_version: "1.0", components: [{id: main-computer}, {id: new}], scripts: [{id: fresh, path: ` + filepath.Join(g.dir, "fresh.sh") + `, format: sh}]}`
	if err := os.WriteFile(filepath.Join(g.dir, "fresh.sh"), []byte("echo fresh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := sovd.ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	g.gw.SetManifest(m)
	if err := g.files.SetManaged(m.Scripts); err != nil {
		t.Fatal(err)
	}
	g.rows([]row{
		{name: "new entity", method: "GET", path: "/components/new", status: 200},
		{name: "old entity", method: "GET", path: "/apps/nav", status: 404},
		{name: "old script", method: "GET", path: runs + "/man_true", status: 404},
		{name: "its execution", method: "GET", path: strings.TrimPrefix(long, "/api/v1"), status: 200, want: []string{"status=completed"}},
		{name: "start", method: "POST", path: "/components/new/scripts/fresh/executions?wait=30s", body: `{"execution_type":"now"}`, status: 202, want: []string{"parameters.stdout=fresh\n"}},
	})
}

// What one gateway revokes holds at the others that share its store.
func TestRevokedElsewhere(t *testing.T) {
	st := store.NewMemory()
	o := authOptions()
	o.Store = st
	auth := func() (*rig, *sovd.Auth) {
		a, err := sovd.NewAuth(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.Auth = a }), a
	}
	g, _ := auth()
	h, follows := auth()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); follows.Follow(ctx, slog.New(slog.DiscardHandler)) }()
	defer func() { cancel(); <-done }()
	access, refresh := g.login("op")
	start := func() int {
		return h.do("POST", scripts+"/man_true/executions?wait=30s", `{"execution_type":"now"}`, "Authorization: Bearer "+access).status
	}
	if got := start(); got != 202 {
		t.Fatalf("at the other: %d", got)
	}
	if r := g.do("POST", "/api/v1/auth/revoke", `{"token":"`+refresh+`"}`, jsonBody); r.status != 200 {
		t.Fatal(r.text)
	}
	for end := time.Now().Add(30 * time.Second); start() != 401; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the other gateway takes a revoked token")
		}
	}
}
