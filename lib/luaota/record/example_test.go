package record_test

import (
	"fmt"

	"lander/lib/luaota/record"
)

func ExampleParse() {
	r, rest, err := record.Parse([]byte("{\"a\":\"dl\",\"data\":4,\"name\":\"a.dat\"}8cf561\ntail"), record.TagBytes)
	if err != nil {
		fmt.Println(err)
		return
	}
	o, err := record.ParseObject(r.JSON)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s %x %s\n", o.Text("a"), o.Text("name"), r.Tag, rest)
	// Output: dl a.dat 8cf561 tail
}
