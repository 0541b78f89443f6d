package flash_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lander/lib/flash"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
	"lander/lib/nodemcu/rom"
)

func TestImage(t *testing.T) {
	content := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	for name, c := range map[string]struct {
		esp32    bool
		board    nodemcutest.Board
		o        flash.ImageOptions
		magic    uint32
		refusal  string // of the preflight
		verified string
	}{
		"esp8266":                {o: flash.ImageOptions{Offset: 0x100000}, verified: "checksums"},
		"esp32":                  {esp32: true, o: flash.ImageOptions{Offset: 0x100000}, verified: "md5"},
		"where the prompt says":  {o: flash.ImageOptions{Offset: -1}, verified: "checksums"},
		"over the firmware":      {o: flash.ImageOptions{Offset: 0x10000}, refusal: "the file system is at 0x100000 to 0x3fd000"},
		"forced":                 {o: flash.ImageOptions{Offset: 0x10000, Force: true}, verified: "checksums"},
		"not at a sector":        {o: flash.ImageOptions{Offset: 0x100010, Force: true}, refusal: "start of a sector"},
		"no prompt":              {board: nodemcutest.Board{Mute: true}, o: flash.ImageOptions{Offset: 0x100000}, refusal: "cannot be asked"},
		"no prompt, forced":      {board: nodemcutest.Board{Blocked: true}, o: flash.ImageOptions{Offset: 0x100000, Force: true}, verified: "checksums"},
		"no prompt, and where?":  {board: nodemcutest.Board{Mute: true}, o: flash.ImageOptions{Offset: -1, Force: true}, refusal: "cannot be asked"},
		"the prompt knows not":   {board: nodemcutest.Board{Options: "nopartitions"}, o: flash.ImageOptions{Offset: 0x100000}, refusal: "does not say"},
		"would be written, only": {o: flash.ImageOptions{Offset: -1, DryRun: true}},
	} {
		t.Run(name, func(t *testing.T) {
			chip := nodemcutest.NewROM(c.esp32, 4<<20)
			port := nodemcutest.NewChip(&c.board, chip)
			defer c.board.Off()
			c.o.Content, c.o.Now = content, port.Now
			shown := 0
			c.o.Show = func(done int) { shown = done }
			got, err := flash.Image(context.Background(), port, c.o)
			if c.refusal != "" {
				if pe, ok := errors.AsType[*flash.PreflightError](err); !ok || !strings.Contains(pe.Error(), c.refusal) {
					t.Errorf("%v", err)
				}
				if chip.Written > 0 || port.Loader() {
					t.Error("the board was touched")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.o.DryRun {
				if chip.Written > 0 || got.Offset != 0x100000 {
					t.Errorf("%+v, %d packets written", got, chip.Written)
				}
				return
			}
			if got.Verified != c.verified || shown != len(content) || port.Loader() {
				t.Errorf("%+v, %d shown, loader %v", got, shown, port.Loader())
			}
			if !bytes.Equal(chip.Flash[got.Offset:got.Offset+int64(len(content))], content) {
				t.Error("another content")
			}
		})
	}
}

func TestImageFaults(t *testing.T) {
	run := func(change func(*nodemcutest.ROM)) error {
		chip := nodemcutest.NewROM(true, 4<<20)
		change(chip)
		b := &nodemcutest.Board{}
		defer b.Off()
		port := nodemcutest.NewChip(b, chip)
		_, err := flash.Image(context.Background(), port, flash.ImageOptions{Content: make([]byte, 20*rom.Packet), Offset: -1, Now: port.Now, Wait: time.Second})
		return err
	}
	if err := run(func(r *nodemcutest.ROM) { r.Magic = 1 }); err != nil {
		if _, ok := errors.AsType[*rom.ChipError](err); !ok {
			t.Errorf("another chip: %v", err)
		}
	} else {
		t.Error("another chip was flashed")
	}
	err := run(func(r *nodemcutest.ROM) {
		r.Mute = map[int]bool{}
		for i := 10; i < 100; i++ {
			r.Mute[i] = true
		}
	})
	if _, ok := errors.AsType[*flash.ImageError](err); !ok || !errors.Is(err, rom.ErrSilent) {
		t.Errorf("it fell silent: %v", err)
	}
	err = run(func(r *nodemcutest.ROM) {
		r.Mute = map[int]bool{}
		for i := range 100 {
			r.Mute[i] = true
		}
	})
	if _, ok := errors.AsType[*nodemcu.PromptError](err); !ok {
		t.Errorf("it is silent: %v", err)
	}
	err = run(func(r *nodemcutest.ROM) { r.Fail = map[int]byte{5: 6, 6: 6, 7: 6} })
	if se, ok := errors.AsType[*rom.StatusError](err); !ok || se.Code != 6 {
		t.Errorf("it refused: %v", err)
	}
	err = run(func(r *nodemcutest.ROM) { r.Stuck = true })
	if me, ok := errors.AsType[*flash.MismatchError](err); !ok || me.Alg != "md5" {
		t.Errorf("a bit is stuck: %v", err)
	}
}
