package devtree_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/devtree"
	"lander/lib/emp/frame"
)

// childFile, in the environment, makes the test binary the process that is
// killed.
const childFile = "DEVTREE_TEST_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		churn(path)
	}
	os.Exit(m.Run())
}

// churn changes the tree until it is killed, and says which change is
// confirmed. Each change sets two variables to the same number.
func churn(path string) {
	tree, err := devtree.Open(devtree.Options{File: path})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	v, _, _ := tree.Get("config.k0.a")
	n, _ := v.Int()
	pad := strings.Repeat("x", 20_000) // so that the file is written anew now and then
	window := make(chan struct{}, 16)
	for i := n + 1; ; i++ {
		window <- struct{}{}
		pair := frame.Map(frame.Member{Key: "a", Value: frame.Int(i)}, frame.Member{Key: "pad", Value: frame.String(pad)}, frame.Member{Key: "b", Value: frame.Int(i)})
		err := tree.Set(fmt.Sprintf("config.k%d", i%5), pair, func(err error) {
			if err != nil {
				fmt.Println("error", err)
			}
			fmt.Println("confirmed", i)
			<-window
		})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		if i%5 == 4 {
			if err := tree.Set("config.k0.a", frame.Int(i), nil); err != nil {
				os.Exit(1)
			}
		}
	}
}

// The process is killed again and again. What it confirmed is there
// afterwards, no change is there by half, and the file is sound.
func TestKill(t *testing.T) {
	rounds := 10
	if os.Getenv("LANDER_LONG") == "1" {
		rounds = 200
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tree")
	total := int64(0)
	for round := range rounds {
		child := exec.Command(self)
		child.Env = append(os.Environ(), childFile+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		confirmed := map[int64]int64{} // by variable
		limit := rand.N(60 * time.Millisecond)
		var kill *time.Timer
		for s := bufio.NewScanner(out); s.Scan(); {
			word, rest, _ := strings.Cut(s.Text(), " ")
			i, err := strconv.ParseInt(rest, 10, 64)
			if word != "confirmed" || err != nil {
				t.Errorf("round %d: %s", round, s.Text())
				break
			}
			confirmed[i%5] = i
			total++
			if kill == nil { // it is at work: a moment from now it dies
				kill = time.AfterFunc(limit, func() { child.Process.Kill() })
			}
		}
		child.Process.Kill()
		child.Wait()
		tree, err := devtree.Open(devtree.Options{File: path})
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range confirmed {
			a, _, _ := tree.Get(fmt.Sprintf("config.k%d.a", k))
			b, _, _ := tree.Get(fmt.Sprintf("config.k%d.b", k))
			na, _ := a.Int()
			nb, _ := b.Int()
			if nb < want || na < nb || k != 0 && na != nb {
				t.Errorf("round %d: variable %d was confirmed as %d and is %d, %d", round, k, want, na, nb)
			}
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path + ".damaged"); err == nil {
			t.Fatalf("round %d: the file is damaged", round)
		}
	}
	if total < int64(rounds) {
		t.Errorf("only %d changes in %d rounds", total, rounds)
	}
}
