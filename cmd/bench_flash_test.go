//go:build linux || darwin

package cmd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lander/lib/flash"
	"lander/lib/luaota/luaotatest"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

// npmProgram finds a script of an npm package, as the interop tests do.
func npmProgram(b *testing.B, path string) string {
	b.Helper()
	dirs := append([]string{os.Getenv("LANDER_NPM")}, filepath.SplitList(os.Getenv("NODE_PATH"))...)
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cache", "lander-ci", "node_modules"))
	}
	for _, dir := range dirs {
		p := filepath.Join(dir, filepath.FromSlash(path))
		if _, err := os.Stat(p); dir != "" && err == nil {
			return p
		}
	}
	if interop() {
		b.Fatalf("%s of npm is not installed, and LANDER_INTEROP=1 makes it mandatory", path)
	}
	b.Skipf("%s of npm is not installed", path)
	return ""
}

// BenchmarkFlash puts the client's modules and config.json on a board whose
// wire is as slow as 115200 baud, each program in a process of its own. The wire
// alone takes wire-s for the bytes of our method; ours are hashed on the board
// before and after they get their names, those of nodemcu-tool are not checked.
func BenchmarkFlash(b *testing.B) {
	lander := filepath.Join(b.TempDir(), "lander")
	build := exec.Command("go", "build", "-o", lander, "..")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	const config = `{"ssid":"lab","spwd":"w1fi","server":"192.0.2.1","port":8266,"secret":"s3cret"}` + "\n"
	files := []flash.File{{Name: "luaOTA/config.json", Content: []byte(config)}}
	for _, f := range flash.Client() {
		switch f.Name {
		case "luaOTA/check.lua", "luaOTA/_init.lua", "luaOTA/_doTick.lua", "luaOTA/_provision.lua":
			files = append(files, f)
		}
	}
	dir := b.TempDir()
	var names []string
	wire := 0
	for _, f := range files {
		p := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, f.Content, 0o644); err != nil {
			b.Fatal(err)
		}
		names = append(names, f.Name)
		wire += nodemcu.Wire(f.Content)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, fresh bool, argv func(port string) []string) {
		var stored map[string]string
		for range b.N {
			b.StopTimer()
			board := &nodemcutest.Board{ID: 7, Flash: luaotatest.NewFlash(stored)}
			port, err := nodemcutest.NewPty(board, nodemcutest.Serving{Paced: true})
			if err != nil {
				b.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond) // it starts
			rounds := 1
			if !fresh {
				rounds = 2
			}
			for i := range rounds {
				if i == rounds-1 {
					b.StartTimer()
				}
				args := argv(port.Path)
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				cmd := exec.CommandContext(ctx, args[0], args[1:]...)
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				cancel()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			b.StopTimer()
			if err := port.Close(); err != nil {
				b.Fatal(err)
			}
			got := board.Flash.Files()
			for _, f := range files {
				if !bytes.Equal([]byte(got[f.Name]), f.Content) {
					b.Fatalf("%s is not what was sent", f.Name)
				}
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(wire)*10/115200, "wire-s")
	}
	ours := func(port string) []string {
		return []string{lander, "ota", "flash", "--port", port, "--no-init", "--device-config", "config.json", dir}
	}
	b.Run("lander", func(b *testing.B) { run(b, true, ours) })
	b.Run("lander-unchanged", func(b *testing.B) { run(b, false, ours) })
	b.Run("nodemcu-tool", func(b *testing.B) {
		tool := npmProgram(b, "nodemcu-tool/bin/nodemcu-tool.js")
		run(b, true, func(port string) []string {
			return slices.Concat([]string{"node", tool, "upload", "--port", port, "--baud", "115200", "--connection-delay", "0", "--keeppath"}, names)
		})
	})
}
