package bysant_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	. "lander/lib/m3da/bysant"
)

// sample is what an agent sends: a column of counters, one of readings, and
// a map of settings, as the values of each codec.
func sample() (Value, any) {
	const rows = 500
	var counters, readings []Value
	var anyCounters, anyReadings []any
	for i := range rows {
		n, f := int64(1_700_000_000+60*i), 20+float64(i%40)/8
		counters, anyCounters = append(counters, OfInt(n)), append(anyCounters, n)
		readings, anyReadings = append(readings, OfFloat(f)), append(anyReadings, f)
	}
	var settings []Member
	anySettings := map[string]any{}
	for i := range 50 {
		k, s := fmt.Sprintf("config.value%d", i), fmt.Sprintf("some text of a setting, number %d", i)
		settings = append(settings, Member{Name(k), OfString(s)})
		anySettings[k] = s
	}
	return OfMap(Member{Name("timestamps"), OfList(counters...)}, Member{Name("temperature"), OfList(readings...)}, Member{Name("settings"), OfMap(settings...)}),
		map[string]any{"timestamps": anyCounters, "temperature": anyReadings, "settings": anySettings}
}

// The throughput is that of the values, counted for all three as the bytes of
// their JSON text.
func BenchmarkEncode(b *testing.B) {
	v, plain := sample()
	text, err := json.Marshal(plain)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, encode func() (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			size := 0
			for b.Loop() {
				n, err := encode()
				if err != nil {
					b.Fatal(err)
				}
				size = n
			}
			b.ReportMetric(float64(size), "encoded-bytes")
		})
	}
	var buf []byte
	run("bysant", func() (int, error) { buf = Append(buf[:0], v); return len(buf), nil })
	run("json", func() (int, error) { out, err := json.Marshal(plain); return len(out), err })
	run("cbor", func() (int, error) { out, err := cbor.Marshal(plain); return len(out), err })
}

func BenchmarkDecode(b *testing.B) {
	v, plain := sample()
	text, err := json.Marshal(plain)
	if err != nil {
		b.Fatal(err)
	}
	binary, err := cbor.Marshal(plain)
	if err != nil {
		b.Fatal(err)
	}
	bytes := Append(nil, v)
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("bysant", func() error { _, _, err := Parse(bytes); return err })
	run("json", func() error { var out any; return json.Unmarshal(text, &out) })
	run("cbor", func() error { var out any; return cbor.Unmarshal(binary, &out) })
}
