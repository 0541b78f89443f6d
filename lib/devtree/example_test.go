package devtree_test

import (
	"context"
	"fmt"

	"lander/lib/devtree"
	"lander/lib/emp/frame"
)

func Example() {
	tree, err := devtree.Open(devtree.Options{}) // with a File, config survives
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tree.Close()
	client := tree.Client(func(n frame.NotifyVariable) {
		fmt.Println("changed:", frame.Map(n.Changes...))
	})
	defer client.Close()
	if _, err := client.Watch([]string{"config.led"}, []string{"config.name"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(tree.SetWait(context.Background(), "config", frame.Map(
		frame.Member{Key: "name", Value: frame.String("door")},
		frame.Member{Key: "led.on", Value: frame.Bool(true)},
	)))
	fmt.Println(tree.SetWait(context.Background(), "update.x", frame.Int(1)))
	body, err := client.GetVariable(nil, []byte(`"config"`))
	fmt.Println(string(body), err)
	// Unordered output:
	// <nil>
	// changed: {"config.led.on":true,"config.name":"door"}
	// update subtree is not writable
	// [null,["config.led","config.name"]] <nil>
}
