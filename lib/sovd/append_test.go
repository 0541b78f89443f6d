package sovd

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"lander/lib/job"
)

// fill sets every field of a struct to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[job.Time]() {
			v.Set(reflect.ValueOf(job.Time{Time: time.Date(2026, 11, 22, 5, 45, 13, 512_900_000, time.FixedZone("", 3600))}))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("a \"b\" \\ <c> é \xff \n " + v.Type().Name())
	case reflect.Slice:
		v.SetBytes([]byte(`{"a":1}`))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-42)
	default:
		panic(v.Kind())
	}
}

// same fails unless what append makes of v is what encoding/json makes.
func same(t *testing.T, v any, got []byte) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%T\n got %s\nwant %s", v, got, want)
	}
}

func TestAppend(t *testing.T) {
	var r, none record
	fill(reflect.ValueOf(&r).Elem())
	same(t, &r, r.append(nil))
	same(t, &none, none.append(nil))
	var x, empty Execution
	fill(reflect.ValueOf(&x).Elem())
	same(t, &x, x.append(nil))
	same(t, &empty, empty.append(nil))
}

func TestOutputParameters(t *testing.T) {
	code := 3
	for _, c := range []struct {
		stdout, stderr string
		exit           *int
		want           string
	}{
		{"hello\n", "", &code, `{"exit_code":3,"stderr":"","stdout":"hello\n"}`},
		{"", "no <b>", nil, `{"exit_code":null,"stderr":"no \u003cb\u003e","stdout":""}`},
		{` {"result":"ok","stdout":1}`, "", &code, `{"exit_code":3,"result":"ok","stderr":"","stdout":" {\"result\":\"ok\",\"stdout\":1}"}`},
		{"{broken", "\xff", nil, `{"exit_code":null,"stderr":"\ufffd","stdout":"{broken"}`},
		{"42", "", nil, `{"exit_code":null,"stderr":"","stdout":"42"}`},
	} {
		if got := string(outputParameters([]byte(c.stdout), []byte(c.stderr), c.exit)); got != c.want {
			t.Errorf("%q %q\n got %s\nwant %s", c.stdout, c.stderr, got, c.want)
		}
	}
}
