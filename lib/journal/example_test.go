package journal_test

import (
	"context"
	"fmt"
	"os"

	"lander/lib/journal"
)

func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer j.Close()

	ctx := context.Background()
	for _, verdict := range []string{journal.Accepted, journal.Refused} {
		if _, err := j.Append(ctx, journal.Line{Source: "cli", Action: journal.ActionVerify, Name: "job.lua", Verdict: verdict}); err != nil {
			fmt.Println(err)
			return
		}
	}
	report, err := journal.VerifyDir(ctx, dir, "")
	fmt.Println(report.Lines, "lines,", err)
	// Output: 2 lines, <nil>
}
