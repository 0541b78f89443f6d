package flash_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"lander/lib/flash"
	"lander/lib/luaota/record"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

const configText = `{"ssid":"lab","spwd":"w1fi-geheim","server":"192.0.2.1","port":8266,"secret":"s3cret-geheim"}` + "\n"

func config(t testing.TB, text string) record.Object {
	t.Helper()
	o, err := record.ParseObject([]byte(strings.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// options are those of an ordinary run over w.
func options(t testing.TB, w *nodemcutest.Wire) flash.Options {
	return flash.Options{
		Files: flash.Client(), Own: true, Config: config(t, configText), Now: w.Now,
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func power(t testing.TB, b *nodemcutest.Board) *nodemcutest.Wire {
	t.Helper()
	w := nodemcutest.NewWire(b)
	t.Cleanup(func() {
		b.Off()
		if err := b.Err(); err != nil {
			t.Errorf("the simulation: %v", err)
		}
		if b.Overlong > 0 {
			t.Errorf("%d lines were longer than the board's buffer", b.Overlong)
		}
	})
	return w
}

// wanted are all files of an ordinary run.
func wanted() map[string]string {
	out := map[string]string{"init.lua": "require \"luaOTA.check\"\n", "luaOTA/config.json": configText}
	for _, f := range flash.Client() {
		out[f.Name] = string(f.Content)
	}
	return out
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %.80q, want %.80q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

func actions(r flash.Report) string {
	var out []string
	for _, f := range r.Files {
		out = append(out, f.Name+" "+f.Action)
	}
	return strings.Join(out, ", ")
}

func TestNewBoard(t *testing.T) {
	b := &nodemcutest.Board{ID: 1122867}
	w := power(t, b)
	r, err := flash.Run(context.Background(), w, options(t, w))
	if err != nil {
		t.Fatal(err)
	}
	same(t, b.Flash.Files(), wanted())
	const order = "luaOTA/_todo.lua sent, luaOTA/_provision.lua sent, luaOTA/_doTick.lua sent, luaOTA/_init.lua sent, luaOTA/default.lua sent, luaOTA/config.json sent, luaOTA/check.lua sent, init.lua sent"
	if got := actions(r); got != order {
		t.Errorf("%s", got)
	}
	size, wire := 0, 0
	for _, text := range wanted() {
		size += len(text)
		wire += nodemcu.Wire([]byte(text))
	}
	t.Logf("%d bytes, %d on the wire, %d ms, %d bytes sent in all", size, wire, r.ElapsedMS, w.Sent)
	if b.Lost > 0 {
		t.Errorf("%d bytes lost", b.Lost)
	}
	changes := b.Flash.Changes()
	w2 := nodemcutest.NewWire(b)
	r, err = flash.Run(context.Background(), w2, options(t, w2))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("unchanged: %d ms, %d bytes sent", r.ElapsedMS, w2.Sent)
	if strings.Contains(actions(r), "sent") || b.Flash.Changes() != changes {
		t.Errorf("%s, %d changes", actions(r), b.Flash.Changes()-changes)
	}
}

func TestPreflightError(t *testing.T) {
	b := &nodemcutest.Board{ID: 7, Options: "no-sjson"}
	w := power(t, b)
	_, err := flash.Run(context.Background(), w, options(t, w))
	if _, ok := errors.AsType[*flash.PreflightError](err); !ok {
		t.Errorf("%v", err)
	}
}
