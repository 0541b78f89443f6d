package sovd_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"lander/lib/sovd"
)

// A gateway is an http.Handler: entities from a manifest, scripts from a
// provider.
func Example() {
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: arm, name: Arm}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := sovd.New(sovd.Config{Manifest: m, Provider: sovd.NewMemory(), Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"/api/v1/components/arm/scripts", "/api/v1/components/leg/scripts"} {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest("GET", path, strings.NewReader("")))
		body, _ := io.ReadAll(w.Result().Body)
		fmt.Println(w.Code, string(body))
	}
	// Output:
	// 200 {"_links":{"parent":"/api/v1/components/arm","self":"/api/v1/components/arm/scripts"},"items":[]}
	// 404 {"error_code":"entity-not-found","message":"Entity not found","parameters":{"entity_id":"leg"}}
}
