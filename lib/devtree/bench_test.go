package devtree_test

import (
	"os"
	"path/filepath"
	"testing"

	"lander/lib/devtree"
	"lander/lib/emp/frame"
)

// A confirmed change of `config` one after the other, and 256 on their way,
// beside what the disk does with an append and a sync.
func BenchmarkSetConfig(b *testing.B) {
	b.Run("append+sync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		line := make([]byte, 40)
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, w := range []struct {
		name   string
		window int
	}{{"serial", 1}, {"256", 256}} {
		b.Run(w.name, func(b *testing.B) {
			tree := open(b, devtree.Options{File: filepath.Join(b.TempDir(), "tree")})
			window := make(chan struct{}, w.window)
			i := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				i++
				if err := tree.Set("config.counter", frame.Int(i), func(err error) {
					if err != nil {
						b.Error(err)
					}
					<-window
				}); err != nil {
					b.Fatal(err)
				}
			}
			for range w.window {
				window <- struct{}{}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	tree := open(b, devtree.Options{})
	if err := tree.Set("config.agent.deviceId", frame.String("012345678901234"), nil); err != nil {
		b.Fatal(err)
	}
	c := tree.Client(nil)
	defer c.Close()
	payload, dst := []byte(`"config.agent.deviceId"`), make([]byte, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetVariable(dst, payload); err != nil {
			b.Fatal(err)
		}
	}
}
