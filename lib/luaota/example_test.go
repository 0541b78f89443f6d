package luaota_test

import (
	"fmt"
	"net"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
	"lander/lib/trust"
)

// A server gives a board one file and lets it boot.
func Example() {
	dev, srv := net.Pipe()
	ended := make(chan luaota.Ending, 1)
	flash := luaotatest.NewFlash(nil)
	go func() {
		d, err := luaotatest.Original(7, `{"server":"ota","secret":"s3cret"}`, flash)
		if err != nil {
			fmt.Println(err)
		}
		e, err := d.Run(dev)
		if err != nil {
			fmt.Println(err)
		}
		ended <- e
	}()
	s := luaota.NewServer(srv, luaota.ServerOptions{})
	hello, err := s.Hello()
	if err == nil {
		_, err = s.Verify(luaota.Keys{Tag: trust.LuaOTATag([]byte("s3cret"))})
	}
	if err == nil {
		_, err = s.Do(luaota.File("hello.txt", []byte("hello")))
	}
	if err == nil {
		err = s.Restart(record.Object{{Key: "server", Value: record.String("ota")}, {Key: "chk", Value: record.String("1")}})
	}
	fmt.Println(hello.ID, err, (<-ended).Reboot, flash.Files()["hello.txt"])
	// Output: 7 <nil> true hello
}
