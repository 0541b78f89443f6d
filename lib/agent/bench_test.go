//go:build unix

package agent_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"lander/lib/emp/frame"
)

const reading = `{"asset":"a","policy":"hourly","path":"p","data":{"timestamp":1700000000,"temp":21.5}}`

// The yardstick: one append and one fsync after the other.
func BenchmarkAppendFsync(b *testing.B) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "f"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := append(bytes.Repeat([]byte("x"), len(reading)), '\n')
	for b.Loop() {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// PData to flash, each confirmed durably: one after the other, and many open
// at once, which share their fsyncs.
func BenchmarkPData(b *testing.B) {
	for _, open := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			d := startDevice(b, "", nil, 0)
			p := d.dial(nil)
			window := make(chan struct{}, open)
			var wg sync.WaitGroup
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				wg.Add(1)
				err := p.Post(frame.CmdPData, []byte(reading), func(r frame.Response, err error) {
					if err != nil || r.Status != 0 {
						b.Errorf("%v %d %s", err, r.Status, r.Body)
					}
					<-window
					wg.Done()
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
		})
	}
}

// The hot path with the whole dispatcher in place.
func BenchmarkGetVariable(b *testing.B) {
	for _, open := range []int{1, 256} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			d := startDevice(b, "", nil, 0)
			p := d.dial(nil)
			window := make(chan struct{}, open)
			var wg sync.WaitGroup
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				wg.Add(1)
				err := p.Post(frame.CmdGetVariable, []byte(`"config.agent.deviceId"`), func(r frame.Response, err error) {
					<-window
					wg.Done()
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
		})
	}
}
