package provision_test

import (
	"context"
	"fmt"
	"strings"
	"testing/fstest"

	"lander/lib/provision"
	"lander/lib/store"
)

// What a board would get, without any board.
func ExamplePlans() {
	tree, err := provision.Load(fstest.MapFS{
		"ESP-7.json": {Data: []byte(`{"secret":"s3cret","release":"1.4","files":["main.lua","page.html"]}`)},
		"main.lua":   {Data: []byte("return 1\n")},
		"page.html":  {Data: []byte("<p>")},
	}, provision.LoadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	plans, err := provision.Plans(context.Background(), tree, provision.Options{Store: store.NewMemory(), Percent: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range plans {
		fmt.Println(p.Device, p.Action, p.Release, p.Bytes)
		for _, s := range p.Steps {
			fmt.Printf("- %s\n", strings.TrimSpace(s.Do+" "+s.Name))
		}
	}
	// Output:
	// 7 update 1.4 12
	// - compile main.lc
	// - send page.html
	// - verify
	// - move main.lc
	// - move page.html
	// - restart
}
