package flash_test

import (
	"context"
	"fmt"

	"lander/lib/flash"
	"lander/lib/luaota/record"
	"lander/lib/nodemcu/nodemcutest"
)

// What would be done with a new board, and then done.
func ExampleRun() {
	board := &nodemcutest.Board{ID: 1122867} // or link.Dial to a real one
	defer board.Off()
	port := nodemcutest.NewWire(board)
	o := flash.Options{
		Files: flash.Client(), Own: true, Now: port.Now,
		Config: record.Object{
			{Key: "ssid", Value: record.String("lab")},
			{Key: "server", Value: record.String("192.0.2.1")},
			{Key: "secret", Value: record.String("s3cret")},
		},
	}
	o.DryRun = true
	r, err := flash.Run(context.Background(), port, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range r.Plan.Files[5:] {
		fmt.Println(s.Action, s.Name)
	}
	o.DryRun = false
	r, err = flash.Run(context.Background(), port, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range r.Files[5:] {
		fmt.Println(f.Name, f.Action)
	}
	// Output:
	// send luaOTA/config.json
	// send luaOTA/check.lua
	// send init.lua
	// luaOTA/config.json sent
	// luaOTA/check.lua sent
	// init.lua sent
}
