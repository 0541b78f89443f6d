package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"lander/lib/store"
	"lander/lib/store/storetest"
)

// TestMain lets the test binary be the other process: with the variable set
// it counts on in the store there and prints each number that was written.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LANDER_TEST_STORE"); dir != "" {
		if err := count(dir, os.Getenv("LANDER_TEST_COUNT")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func count(dir, times string) error {
	limit, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	s, err := store.OpenFiles(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := 0; i != limit; i++ {
		n, err := storetest.Add(context.Background(), s, "sum/n")
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// counting starts a process that adds one times times, or until it is killed
// when times is negative.
func counting(t *testing.T, dir string, times int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LANDER_TEST_STORE="+dir, fmt.Sprint("LANDER_TEST_COUNT=", times))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestProcessesShareTheFiles(t *testing.T) {
	dir := t.TempDir()
	const processes, each = 3, 40
	numbers := make(chan string, processes*each)
	var wg sync.WaitGroup
	for range processes {
		cmd, out := counting(t, dir, each)
		wg.Go(func() {
			for out.Scan() {
				numbers <- out.Text()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(numbers)
	seen := map[string]bool{}
	for n := range numbers {
		if seen[n] {
			t.Errorf("%s was written twice", n)
		}
		seen[n] = true
	}
	if n, err := storetest.Add(t.Context(), openFiles(t, dir), "sum/n"); err != nil || n != processes*each+1 {
		t.Errorf("sum %d, %v, want %d", n, err, processes*each+1)
	}
}

func TestKilledWriters(t *testing.T) {
	rounds := 10
	if os.Getenv("LANDER_LONG") == "1" {
		rounds = 200
	}
	dir := t.TempDir()
	s := openFiles(t, dir)
	last := 0
	for round := range rounds {
		cmd, out := counting(t, dir, -1)
		note := func() {
			// The last number may be cut short by the kill.
			if n, err := strconv.Atoi(out.Text()); err == nil {
				last = max(last, n)
			}
		}
		for n := 0; n < 1+round%5 && out.Scan(); n++ {
			note()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			note()
		}
		cmd.Wait()
		n, err := storetest.Add(t.Context(), s, "sum/n")
		// The killed one may have written one that it did not come to tell.
		if err != nil || n != last+1 && n != last+2 {
			t.Fatalf("round %d: %d after %d, %v", round, n, last, err)
		}
		last = n
	}
	for e, err := range s.List(t.Context(), "") {
		if err != nil || e.Key != "sum/n" {
			t.Errorf("listed %+v, %v", e, err)
		}
	}
}
