package capability_test

import (
	"fmt"

	"lander/lib/capability"
)

func ExampleIntersect() {
	policy, err := capability.Parse([]string{"base", "fs:/var/lib", "net:*:443"})
	if err != nil {
		fmt.Println(err)
		return
	}
	asked := capability.Set{"base", "fs:/var/lib/app:ro", "exec"}
	fmt.Println(capability.Intersect(policy, asked))
	fmt.Println(policy.Missing(asked))
	// Output:
	// [base fs:/var/lib/app:ro]
	// exec
}
