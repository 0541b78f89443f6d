package provision_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lander/lib/bundle"
	"lander/lib/provision"
	"lander/lib/trust"
)

// Whose tree is served, to whom and how long.
func TestSignedTree(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, policy string
		change       func(*trust.Statement)
		stock        bool
		say          string // "" for accepted
		allowed      string // the ids that are served: of 1, 2 and 3, which is in the group lab
		later        string // and after the window
	}{
		{name: "for all", allowed: "123", later: "123"},
		{name: "for some", change: func(st *trust.Statement) { st.Targets = []string{"2", "group:lab"} }, allowed: "23", later: "23"},
		{name: "window at each use", policy: "recheck=true", allowed: "123"},
		{name: "window of the key", policy: "not_after=2026-01-02T04:00:00Z", allowed: "123"},
		{name: "expired", change: func(st *trust.Statement) { st.Signed, st.Expires = now.Add(-2*time.Hour), now }, say: "expired at"},
		{name: "no tree", change: func(st *trust.Statement) { st.Format = "lua" }, say: "format lua is not taken here"},
		{name: "stock", stock: true, say: "does not say plain = true"},
		{name: "stock allowed", policy: "plain=true", stock: true, allowed: "123", later: "123"},
		{name: "stock by a key for scripts", policy: "plain=true\nformats=['lua']", stock: true, say: "may sign only format lua"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := trust.Add(dir, key.Public().Text(), ""); err != nil {
				t.Fatal(err)
			}
			policy, err := trust.ParsePolicy("policy.toml", []byte("[defaults]\n"+tt.policy))
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{"init.lua": {Data: []byte("print(1)")}}
			list, err := bundle.TreeManifest(tree)
			if err != nil {
				t.Fatal(err)
			}
			p, err := bundle.Spool(bytes.NewReader(list), 1<<20, "")
			if err != nil {
				t.Fatal(err)
			}
			st := trust.Statement{Name: "tree", Format: "tree", Size: p.Size, SHA256: p.SHA256, Targets: []string{"*"}, Serial: 1, Signed: now, Expires: now.Add(time.Hour)}
			if tt.change != nil {
				tt.change(&st)
			}
			comment, err := st.Comment()
			if err != nil {
				t.Fatal(err)
			}
			if tt.stock {
				comment = "SHA256SUMS"
			}
			tree[bundle.TreeName] = &fstest.MapFile{Data: append(p.Sign(key, comment, bundle.Comment), list...)}
			clock := now
			s := provision.Signed{Clock: func() time.Time { return clock }, Trust: func() (*trust.Store, error) {
				store, err := trust.OpenStore(dir)
				if err != nil {
					return nil, err
				}
				return store.WithPolicy(policy), nil
			}}
			a, err := s.Verify(tree)
			if tt.say != "" {
				if _, ok := errors.AsType[*trust.Refusal](err); !ok || !strings.Contains(err.Error(), tt.say) || a.KeyID != key.Public().ID() || a.Sums != nil || a.Allowed != nil {
					t.Errorf("%v, %v; want %q", a, err, tt.say)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Fields(string(list))[0]; a.Sums["init.lua"] != want || a.KeyID != key.Public().ID() {
				t.Errorf("sums %v, key %s", a.Sums, a.KeyID)
			}
			served := func() (ids string) {
				for id, groups := range [][]string{nil, nil, nil, {"lab"}} {
					if id > 0 && a.Allowed(int64(id), groups) == nil {
						ids += string(rune('0' + id))
					}
				}
				return ids
			}
			if got := served(); got != tt.allowed {
				t.Errorf("served are %q, want %q", got, tt.allowed)
			}
			clock = now.Add(time.Hour)
			if got := served(); got != tt.later {
				t.Errorf("after the window, served are %q, want %q", got, tt.later)
			}
			// Whoever is trusted when a board comes decides, not who was at the start.
			clock = now
			if policy, err = trust.ParsePolicy("policy.toml", []byte("[defaults]\nrevoked=true\n"+tt.policy)); err != nil {
				t.Fatal(err)
			}
			if got := served(); got != "" {
				t.Errorf("after the key was revoked, served are %q", got)
			}
		})
	}
}
