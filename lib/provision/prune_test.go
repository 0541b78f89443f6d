package provision_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lander/lib/provision"
	"lander/lib/store"
)

// Of the releases that were given to boards those are forgotten which nothing
// needs, but for the last ones, and of the contents those that no other has.
func TestOldReleases(t *testing.T) {
	reload := make(chan os.Signal)
	r := newRig(t, map[string]string{"default.json": `{"secret":"s3cret","release":"1","files":["a.txt"]}`, "a.txt": "one"}, func(o *provision.Options) {
		o.Reload, o.OldReleases = reload, 2
	})
	r.settle(1, board("s3cret"))
	first := r.device(1).Chk
	put := func(key, value string) {
		t.Helper()
		if _, err := r.store.Put(t.Context(), key, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(prefix string) (out []string) {
		t.Helper()
		for e, err := range r.store.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e.Key)
		}
		slices.Sort(out)
		return out
	}
	own := keys("blob")
	for i := range 6 {
		items := fmt.Sprintf(`{"Path":"a","SHA256":"content%d"}`, i)
		put(fmt.Sprintf("blob/content%d", i), "x")
		if i == 2 { // what a later one has too
			items += `,{"Path":"b","SHA256":"content4"}`
		}
		when := fmt.Sprintf(`,"kept":"2026-01-0%dT00:00:00.000Z"`, i+1)
		if i == 5 {
			when = "" // by an earlier version
		}
		put(fmt.Sprintf("release/old%d", i), `{"name":"old","items":[`+items+`]`+when+`}`)
	}
	put("assign/7", `{"device":"7","chk":"old0","release":"old"}`)
	put("offers/elsewhere", `[{"chk":"old1","release":"old","manifests":["ESP-9.json"]}]`)
	if err := os.WriteFile(filepath.Join(r.dir, "a.txt"), []byte("two, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	reload <- syscall.SIGHUP
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := r.store.Get(t.Context(), "release/old5") // which goes last
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("nothing is forgotten: %v %v", err, keys("release"))
		}
	}
	want := []string{"release/" + first, "release/old0", "release/old1", "release/old3", "release/old4"}
	slices.Sort(want)
	if got := keys("release"); !slices.Equal(got, want) {
		t.Errorf("kept are %v, not %v", got, want)
	}
	want = append(own, "blob/content0", "blob/content1", "blob/content3", "blob/content4")
	slices.Sort(want)
	if got := keys("blob"); !slices.Equal(got, want) {
		t.Errorf("kept are %v, not %v", got, want)
	}
	if strings.Contains(r.log.String(), "old releases stay") {
		t.Error(r.log)
	}
}
