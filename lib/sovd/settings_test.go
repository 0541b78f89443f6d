package sovd_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lander/lib/sovd"
)

const ros2Text = `
ros2_medkit_gateway:
  ros__parameters:
    server:
      host: 0.0.0.0
      port: 8081
      http_thread_pool_size: 6
      tls: {enabled: true, cert_file: c.pem, key_file: k.pem}
    scripts.scripts_dir: /var/scripts
    scripts: {allow_uploads: false, max_file_size_mb: 3, max_concurrent_executions: 2, default_timeout_sec: 9, max_execution_history: 4}
    auth: {enabled: true, jwt_secret: "0123456789012345678901234567890123", clients: ["a:s:admin"], require_auth_for: all, token_expiry_seconds: 60}
    cors: {allowed_origins: ["http://x"], allow_credentials: true, max_age_seconds: 5}
    rate_limiting: {enabled: true, endpoint_limits: ["/api/v1/*/operations/*:10"]}
    docs: {enabled: false}
    bulk_data: {max_upload_size: 1000}
    discovery: {manifest_path: m.yaml, manifest_strict_validation: true}
`

func TestParseROS2(t *testing.T) {
	s, err := sovd.ParseROS2([]byte(ros2Text))
	if err != nil {
		t.Fatal(err)
	}
	r := s.ROS2
	if r.Host != "0.0.0.0" || r.Port != 8081 || r.TLS == nil || !*r.TLS || r.TLSCert != "c.pem" || r.TLSKey != "k.pem" || !r.AuthEnabled || r.RequireFor != "all" || r.Access != 60 || r.Manifest != "m.yaml" || r.MaxBody != 1000 || *r.Docs || r.Clients[0] != "a:s:admin" {
		t.Errorf("%+v", r)
	}
	if s.Scripts.Dir != "/var/scripts" || *s.Scripts.AllowUploads || *s.Scripts.MaxFileSizeMB != 3 || *s.Scripts.MaxRunning != 2 || *s.Scripts.TimeoutSec != 9 || *s.Scripts.History != 4 {
		t.Errorf("%+v", s.Scripts)
	}
	if c, err := s.Origins(); err != nil || !c.Credentials || c.MaxAge != 5 {
		t.Errorf("%+v", c)
	}
	if l, err := s.Limits(); l == nil || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	if want := []string{"discovery.manifest_strict_validation", "server.http_thread_pool_size"}; !slices.Equal(r.Warnings, want) {
		t.Errorf("warnings %q", r.Warnings)
	}
	for _, bad := range []string{"", "x", "a: {b: {c: 1}}", "a: {ros__parameters: {}}", "a: {ros__parameters: {scripts: {allow_uploads: maybe}}}", "a: {ros__parameters: {server: {port: x}}}", "[", strings.Repeat("#", 5<<20),
		"a: {ros__parameters: {scripts: {max_file_size_mb: 0}}}", "a: {ros__parameters: {scripts: {max_file_size_mb: 99999999999999}}}", "a: {ros__parameters: {scripts: {max_concurrent_executions: 0}}}",
		"a: {ros__parameters: {scripts: {default_timeout_sec: -1}}}", "a: {ros__parameters: {scripts: {default_timeout_sec: 9999999999999}}}", "a: {ros__parameters: {scripts: {max_execution_history: -1}}}",
		"a: {ros__parameters: {rate_limiting: {client_max_idle_seconds: -1}}}", "a: {ros__parameters: {cors: {max_age_seconds: -5}}}",
	} {
		if _, err := sovd.ParseROS2([]byte(bad)); !errors.Is(err, sovd.ErrSettings) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// ROS 2 cannot write an empty list: in its files, ros2_medkit's own among
// them, [""] is one.
func TestParseROS2EmptyLists(t *testing.T) {
	s, err := sovd.ParseROS2([]byte(`
ros2_medkit_gateway:
  ros__parameters:
    cors: {allowed_origins: [""], allowed_methods: ["", "GET"], allowed_headers: [""]}
    auth: {enabled: true, clients: ["", "a:s:admin"]}
    rate_limiting: {enabled: true, endpoint_limits: [""]}
    plugins: [""]
`))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Origins(); c != nil || err != nil {
		t.Errorf("origins: %+v, %v", c, err)
	}
	if l, err := s.Limits(); l == nil || err != nil {
		t.Errorf("limits: %v, %v", l, err)
	}
	if !slices.Equal(s.CORS.Methods, []string{"GET"}) || s.CORS.Headers != nil || !slices.Equal(s.ROS2.Clients, []string{"a:s:admin"}) || s.ROS2.Warnings != nil {
		t.Errorf("%+v, %+v", s.CORS, s.ROS2)
	}
}

// Of a parameter file all is shown but the secrets, however they are written.
func TestShowROS2(t *testing.T) {
	got, err := sovd.ShowROS2([]byte(ros2Text))
	if err != nil || got["auth.jwt_secret"] != "***" || got["server.port"] != 8081 || got["scripts.max_execution_history"] != 4 {
		t.Errorf("%v, %v", got, err)
	}
	for in, want := range map[string]string{
		`["a:s:admin", "b:s:t:viewer"]`: "[a:***:admin b:***:viewer]", `["secret", "a:secret", ""]`: "[*** *** ***]", `"a:secret:admin"`: "***",
	} {
		got, err := sovd.ShowROS2([]byte("n: {ros__parameters: {auth: {clients: " + in + "}}}"))
		if text := fmt.Sprint(got["auth.clients"]); err != nil || text != want {
			t.Errorf("%s: %s, %v", in, text, err)
		}
	}
}

func TestParseManifest(t *testing.T) {
	m, err := sovd.ParseManifest([]byte(manifestText))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Entities) != 6 || len(m.Scripts) != 8 || m.Scripts[0].ID != "man_apps" || m.Entities["camera"].Name != "camera" {
		t.Errorf("%d entities, %d scripts", len(m.Entities), len(m.Scripts))
	}
	if len(m.Warnings) != 3 || !strings.Contains(m.Warnings[0], "future") || !strings.Contains(m.Warnings[1], "taken as named") || !strings.Contains(m.Warnings[2], "left out") {
		t.Errorf("warnings %q", m.Warnings)
	}
	const head = "manifest_version: \"1.0\"\n"
	for _, bad := range []string{
		"", "x: 1", head + "components: [{id: a}, {id: a}]", head + "components: [{id: a}]\napps: [{id: a}]", head + "components: [{id: a.b}]", head + "components: [{name: x}]",
		head + "apps: [{id: a, is_located_on: none}]", head + "components: [{id: a, area: none}]", head + "scripts: [{path: x, format: sh}]", head + "scripts: [{id: a, format: sh}]",
		head + "scripts: [{id: a, path: x}]", head + "scripts: [{id: a, path: x, format: perl}]", head + "scripts: [{id: a, path: x, format: sh, timeout_sec: -1}]",
		head + "scripts: [{id: a, path: x, format: sh, proximity_sha256: abc}]", head + "scripts: [{id: a, path: x, format: sh, entity_filter: ['[']}]",
		head + "scripts: [{id: a, path: x, format: sh, parameters_schema: {type: nonsense}}]", head + "scripts: {", head + strings.Repeat("#", 5<<20),
	} {
		if _, err := sovd.ParseManifest([]byte(bad)); !errors.Is(err, sovd.ErrManifest) {
			t.Errorf("%.80q: %v", bad, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifestText))
	f.Add([]byte("manifest_version: 1\ncomponents: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := sovd.ParseManifest(text)
		if (m == nil) == (err == nil) && err != nil {
			t.Errorf("%v with a manifest", err)
		}
	})
}

func FuzzParseROS2(f *testing.F) {
	f.Add([]byte(ros2Text))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := sovd.ParseROS2(text)
		if err != nil && (s.ROS2.Port != 0 || s.Scripts.Dir != "") {
			t.Errorf("%v with settings", err)
		}
	})
}

func FuzzParseAuthFile(f *testing.F) {
	f.Add([]byte("[auth]\nissuer='x'\n[[client]]\nid='a'\nrole='admin'\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := sovd.ParseAuthFile(text)
		if err != nil && (a.Clients != nil || a.Auth.Issuer != "") {
			t.Errorf("%v with a file", err)
		}
	})
}
