package bysant_test

import (
	"fmt"

	"lander/lib/m3da/bysant"
)

func Example() {
	v := bysant.OfMap(
		bysant.Member{Key: bysant.Name("status"), Value: bysant.OfInt(200)},
		bysant.Member{Key: bysant.Name("values"), Value: bysant.OfList(bysant.OfFloat(1.5), bysant.OfString("x"))},
	)
	b := bysant.Append(nil, v)
	back, rest, err := bysant.Parse(b)
	status, _ := back.Get("status")
	n, _ := status.Int()
	fmt.Printf("%x %d %d %v\n", b, n, len(rest), err)
	// Output: 4c07737461747573e0870776616c7565732cfe3fc00000047800 200 0 <nil>
}
