package frame_test

import (
	"fmt"

	"lander/lib/emp/frame"
)

func Example() {
	b := frame.Append(nil, frame.Frame{
		Command: frame.CmdRegister,
		Payload: frame.Register{Name: "asset1"}.Append(nil),
	})
	fmt.Printf("% x\n", b)

	f, _, err := frame.Parse(b, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := frame.ParseRequest(f.Command, f.Payload)
	fmt.Println(f.Command, p, err)

	_, err = frame.ParseSetVariable([]byte(`"config.foo"`))
	fmt.Println(err)
	// Output:
	// 00 02 00 00 00 00 00 08 22 61 73 73 65 74 31 22
	// Register {asset1} <nil>
	// a list is wanted, got a string
}
