package rom_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/nodemcu/nodemcutest"
)

// npmModule finds a file of an npm package: below LANDER_NPM, the directories of
// NODE_PATH, or the cache of the CI run.
func npmModule(t *testing.T, path string) string {
	t.Helper()
	dirs := append([]string{os.Getenv("LANDER_NPM")}, filepath.SplitList(os.Getenv("NODE_PATH"))...)
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cache", "lander-ci", "node_modules"))
	}
	if _, err := exec.LookPath("node"); err == nil {
		for _, dir := range dirs {
			p := filepath.Join(dir, filepath.FromSlash(path))
			if _, err := os.Stat(p); dir != "" && err == nil {
				return p
			}
		}
	}
	if os.Getenv("LANDER_INTEROP") == "1" {
		t.Fatalf("node or the npm package of %s is not installed, and LANDER_INTEROP=1 makes it mandatory", path)
	}
	t.Skipf("node or the npm package of %s is not installed", path)
	return ""
}

// The fake is right as far as another implementation of the loader's protocol
// can tell: esptool-js flashes it too.
func TestEsptoolFlashesTheFake(t *testing.T) {
	module := npmModule(t, "esptool-js/lib/index.js")
	for _, esp32 := range []bool{false, true} {
		t.Run(fmt.Sprintf("esp32=%v", esp32), func(t *testing.T) {
			r := nodemcutest.NewROM(esp32, 1<<20)
			copy(r.Flash, bytes.Repeat([]byte{0x5A}, len(r.Flash)))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			served := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					served <- err
					return
				}
				defer conn.Close()
				served <- r.Serve(conn)
			}()
			const offset, size = 0x1D000, 36_864 + 100
			content := image(size)
			file := filepath.Join(t.TempDir(), "fs.img")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "node", "testdata/esptool.mjs", module, strconv.Itoa(l.Addr().(*net.TCPAddr).Port), strconv.Itoa(offset), file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			l.Close()
			if err := <-served; err != nil && !strings.Contains(err.Error(), "reset") {
				t.Error(err)
			}
			want := "chip ESP8266"
			if esp32 {
				want = "chip ESP32"
				// It shows the 32 digits of the ROM byte by byte, in hexadecimal.
				sum := md5.Sum(content)
				if digits := hex.EncodeToString([]byte(hex.EncodeToString(sum[:]))); !strings.Contains(string(out), "md5 "+digits) {
					t.Errorf("not the digest %s", digits)
				}
			}
			if !strings.Contains(string(out), want) || !strings.Contains(string(out), "written") {
				t.Errorf("%s", out)
			}
			if !bytes.Equal(r.Flash[offset:offset+size], content) {
				t.Error("another content")
			}
			if i := bytes.IndexByte(r.Flash[:offset], 0xFF); i >= 0 {
				t.Errorf("erased at %#x, before the image", i)
			}
		})
	}
}
