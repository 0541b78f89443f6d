package provision_test

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"lander/lib/luaota/luaotatest"
	"lander/lib/luaota/record"
)

// lean is a board that does no more than it must: tags, and the names and sizes
// that a listing shows. It is the client of both sides of a measurement.
func lean(t testing.TB, conn net.Conn, id int64, think time.Duration) (trips int) {
	defer conn.Close()
	tag := luaotatest.Keys("s3cret").Tag
	send := func(text []byte) bool {
		sum := tag(text)
		_, err := conn.Write(record.Append(nil, record.Record{JSON: text, Tag: sum[:]}))
		return err == nil
	}
	if !send(fmt.Appendf(nil, `{"a":"HI","id":%d,"ssid":"lab","spwd":"w1fi","server":"127.0.0.1"}`, id)) {
		t.Error("the HI was not taken")
		return 0
	}
	buf := make([]byte, 4096)
	listing := []byte(`{"s":"OK"`)
	size := 0
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Errorf("board %d after %d records: %v", id, trips, err)
			return trips
		}
		line, data, _ := bytes.Cut(buf[:n], []byte{'\n'})
		text := line[:max(0, len(line)-6)]
		sum := tag(text)
		if fmt.Sprintf("%x", sum[:]) != string(line[len(text):]) {
			t.Errorf("board %d: wrong tag", id)
			return trips
		}
		trips++
		time.Sleep(think) // what a real board needs for a record
		size += len(data)
		switch {
		case bytes.HasPrefix(text, []byte(`{"a":"restart"`)):
			return trips
		case bytes.HasPrefix(text, []byte(`{"a":"dl"`)):
			_, name, _ := bytes.Cut(text, []byte(`"name":`))
			listing = append(append(append(listing, ','), bytes.TrimSuffix(name, []byte("}"))...), ':')
			listing = strconv.AppendInt(listing, int64(size), 10)
			size = 0
		case bytes.HasPrefix(text, []byte(`{"a":"ls"`)):
			if !send(append(bytes.Clone(listing), '}')) {
				return trips
			}
			continue
		}
		if !send([]byte(`{"s":"OK"}`)) {
			return trips
		}
	}
}
