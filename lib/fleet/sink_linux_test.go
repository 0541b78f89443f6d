package fleet_test

import (
	"os"
	"path/filepath"
	"testing"

	"lander/lib/durable/durabletest"
	"lander/lib/fleet"
)

// No half of a line stays where there was no room for the whole.
func TestSinkOnAFullDisk(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "sink"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := fleet.NewSink(file)
	put := func() error { return s.Write(fleet.Record{Device: "d", Path: "p"}) }
	if err := put(); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	room := durabletest.Fill(t, int64(len(one))+9)
	err = put()
	room()
	if err == nil {
		t.Error("a record was written where there is no room")
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file.Name()); string(b) != string(one)+string(one) {
		t.Errorf("the file is %q, %v", b, err)
	}
}
