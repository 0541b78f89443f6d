package sovd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Settings are the parts of a configuration that have the document's names.
// Nil and zero mean: not said.
type Settings struct {
	Scripts struct {
		Dir           string `json:"scripts_dir"`
		AllowUploads  *bool  `json:"allow_uploads"`
		MaxFileSizeMB *int64 `json:"max_file_size_mb"`
		MaxRunning    *int   `json:"max_concurrent_executions"`
		TimeoutSec    *int64 `json:"default_timeout_sec"`
		History       *int   `json:"max_execution_history"`
	} `json:"scripts"`
	RateLimit struct {
		Enabled   bool     `json:"enabled"`
		Global    int      `json:"global_requests_per_minute"`
		Client    int      `json:"client_requests_per_minute"`
		Endpoints []string `json:"endpoint_limits"`
		MaxIdle   int64    `json:"client_max_idle_seconds"`
	} `json:"rate_limit"`
	CORS struct {
		Origins     []string `json:"allowed_origins"`
		Methods     []string `json:"allowed_methods"`
		Headers     []string `json:"allowed_headers"`
		Credentials bool     `json:"allow_credentials"`
		MaxAge      int      `json:"max_age_seconds"`
	} `json:"cors"`
	ROS2 ROS2 `json:"-"`
}

// SectionKeys are the sections of Settings in config.toml and their keys.
func SectionKeys() map[string][]string {
	return map[string][]string{
		"scripts":    {"scripts_dir", "allow_uploads", "max_file_size_mb", "max_concurrent_executions", "default_timeout_sec", "max_execution_history"},
		"rate_limit": {"enabled", "global_requests_per_minute", "client_requests_per_minute", "endpoint_limits", "client_max_idle_seconds"},
		"cors":       {"allowed_origins", "allowed_methods", "allowed_headers", "allow_credentials", "max_age_seconds"},
	}
}

// ROS2 is what only a ros2_medkit parameter file says.
type ROS2 struct {
	Host, Manifest        string
	Port                  int
	TLSCert, TLSKey       string
	TLS, Docs             *bool
	MaxBody               int64
	AuthEnabled           bool
	RequireFor, Algorithm string
	Issuer                string
	Secret, PublicKey     string   // HS256: the secret itself; RS256: paths
	Clients               []string // "id:secret:role"
	Access, Refresh       int64    // seconds
	Warnings              []string // a key that Lander does not have
}

// ErrSettings is wrapped by every fault of settings.
var ErrSettings = errors.New("settings")

// SettingsOf reads the sections of a table, as a TOML or YAML parser gives it.
func SettingsOf(table map[string]any) (Settings, error) {
	var s Settings
	sections := map[string]any{}
	for name := range SectionKeys() {
		if v, ok := table[name].(map[string]any); ok {
			sections[name] = v
		}
	}
	b, err := json.Marshal(sections)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err = settingsFault(err); err == nil {
		err = s.checkNumbers()
	}
	if err != nil {
		return Settings{}, err
	}
	return s, nil
}

// checkNumbers refuses what no gateway could go by, under the document's names.
func (s *Settings) checkNumbers() error {
	year := int64(365 * 24 * time.Hour / time.Second)
	for _, n := range []struct {
		name      string
		value     *int64
		low, high int64
	}{
		{"scripts.max_file_size_mb", s.Scripts.MaxFileSizeMB, 1, 1 << 20},
		{"scripts.max_concurrent_executions", wide(s.Scripts.MaxRunning), 1, 1 << 20},
		{"scripts.default_timeout_sec", s.Scripts.TimeoutSec, 0, year},
		{"scripts.max_execution_history", wide(s.Scripts.History), 0, 1 << 30},
		{"rate_limit.client_max_idle_seconds", &s.RateLimit.MaxIdle, 0, year},
		{"cors.max_age_seconds", wide(&s.CORS.MaxAge), 0, year},
	} {
		if n.value != nil && (*n.value < n.low || *n.value > n.high) {
			return fmt.Errorf("%w: %s %d is not within %d and %d", ErrSettings, n.name, *n.value, n.low, n.high)
		}
	}
	return nil
}

func wide(n *int) *int64 {
	if n == nil {
		return nil
	}
	w := int64(*n)
	return &w
}

// settingsFault words what does not fit.
func settingsFault(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: %s is a %s, which does not fit", ErrSettings, t.Field, t.Value)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return nil
}

// Limits makes the rate limit that the settings ask for; nil when none.
func (s *Settings) Limits() (*RateLimit, error) {
	if !s.RateLimit.Enabled {
		return nil, nil
	}
	l := RateLimits{Global: s.RateLimit.Global, Client: s.RateLimit.Client, Endpoints: s.RateLimit.Endpoints, MaxIdle: time.Duration(s.RateLimit.MaxIdle) * time.Second}
	if l.Global == 0 {
		l.Global = 600
	}
	if l.Client == 0 {
		l.Client = 60
	}
	return NewRateLimit(l)
}

// Origins makes the CORS that the settings ask for; nil when none.
func (s *Settings) Origins() (*CORS, error) {
	if len(s.CORS.Origins) == 0 {
		return nil, nil
	}
	c := &CORS{Origins: s.CORS.Origins, Methods: s.CORS.Methods, Headers: s.CORS.Headers, Credentials: s.CORS.Credentials, MaxAge: s.CORS.MaxAge}
	return c, c.check()
}

// ParseROS2 reads a ros2_medkit parameter file: ros2_medkit_gateway (or any
// node), ros__parameters, and nested or dotted names. A key that Lander does
// not have is a warning.
func ParseROS2(text []byte) (Settings, error) {
	flat, err := parameters(text)
	if err != nil {
		return Settings{}, err
	}
	return ros2Settings(flat)
}

// ShowROS2 gives the parameters of such a file by their dotted names, without
// the secrets.
func ShowROS2(text []byte) (map[string]any, error) {
	flat, err := parameters(text)
	if err != nil {
		return nil, err
	}
	if flat["auth.jwt_secret"] != nil {
		flat["auth.jwt_secret"] = masked
	}
	if clients, ok := flat["auth.clients"].([]any); ok {
		shown := make([]any, len(clients))
		for i, c := range clients {
			shown[i] = masked
			id, rest, _ := strings.Cut(fmt.Sprint(c), ":")
			if end := strings.LastIndexByte(rest, ':'); end >= 0 {
				shown[i] = id + ":" + masked + rest[end:]
			}
		}
		flat["auth.clients"] = shown
	} else if flat["auth.clients"] != nil {
		flat["auth.clients"] = masked
	}
	return flat, nil
}

// masked is shown in place of a secret.
const masked = "***"

func parameters(text []byte) (map[string]any, error) {
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("%w: the file is longer than %d bytes", ErrSettings, MaxManifest)
	}
	var root map[string]map[string]map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s", ErrSettings, yamlFault(err))
	}
	flat := map[string]any{}
	for _, node := range root {
		for k, parameters := range node {
			if k != "ros__parameters" {
				return nil, fmt.Errorf("%w: %s is not ros__parameters", ErrSettings, k)
			}
			flatten("", parameters, flat)
		}
	}
	if len(flat) == 0 {
		return nil, fmt.Errorf("%w: no ros__parameters", ErrSettings)
	}
	return flat, nil
}

func flatten(prefix string, in map[string]any, out map[string]any) {
	for k, v := range in {
		if m, ok := v.(map[string]any); ok {
			flatten(prefix+k+".", m, out)
			continue
		}
		out[prefix+k] = v
	}
}

// ros2Settings sorts flat parameters into their places.
func ros2Settings(flat map[string]any) (Settings, error) {
	sections := map[string]any{}
	rest := map[string]any{}
	var warnings []string
	for _, k := range slices.Sorted(maps.Keys(flat)) {
		// ROS 2 has no empty list: [""] is how its files write one.
		if list, ok := flat[k].([]any); ok {
			if list = slices.DeleteFunc(list, func(e any) bool { return e == "" }); len(list) == 0 {
				continue
			}
			flat[k] = list
		}
		section, name, _ := strings.Cut(k, ".")
		if section == "rate_limiting" {
			section = "rate_limit"
		}
		switch {
		case slices.Contains(SectionKeys()[section], name):
			m, _ := sections[section].(map[string]any)
			if m == nil {
				m = map[string]any{}
				sections[section] = m
			}
			m[name] = flat[k]
		case ros2Keys[k]:
			rest[k] = flat[k]
		default:
			warnings = append(warnings, k)
		}
	}
	s, err := SettingsOf(sections)
	if err != nil {
		return Settings{}, err
	}
	b, err := json.Marshal(rest)
	if err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	var f ros2File
	if err := settingsFault(json.Unmarshal(b, &f)); err != nil {
		return Settings{}, err
	}
	s.ROS2 = ROS2{
		Host: f.Host, Port: f.Port, Manifest: f.Manifest, TLS: f.TLS, TLSCert: f.Cert, TLSKey: f.Key, Docs: f.Docs, MaxBody: f.MaxBody,
		AuthEnabled: f.Auth, RequireFor: f.RequireFor, Algorithm: f.Algorithm, Issuer: f.Issuer, Secret: f.Secret, PublicKey: f.PublicKey,
		Clients: f.Clients, Access: f.Access, Refresh: f.Refresh, Warnings: warnings,
	}
	return s, nil
}

// ros2File holds the parameters outside the sections.
type ros2File struct {
	Host       string   `json:"server.host"`
	Port       int      `json:"server.port"`
	TLS        *bool    `json:"server.tls.enabled"`
	Cert       string   `json:"server.tls.cert_file"`
	Key        string   `json:"server.tls.key_file"`
	Manifest   string   `json:"discovery.manifest_path"`
	MaxBody    int64    `json:"bulk_data.max_upload_size"`
	Docs       *bool    `json:"docs.enabled"`
	Auth       bool     `json:"auth.enabled"`
	Secret     string   `json:"auth.jwt_secret"`
	PublicKey  string   `json:"auth.jwt_public_key"`
	Algorithm  string   `json:"auth.jwt_algorithm"`
	Access     int64    `json:"auth.token_expiry_seconds"`
	Refresh    int64    `json:"auth.refresh_token_expiry_seconds"`
	RequireFor string   `json:"auth.require_auth_for"`
	Issuer     string   `json:"auth.issuer"`
	Clients    []string `json:"auth.clients"`
}

var ros2Keys = map[string]bool{
	"server.host": true, "server.port": true, "server.tls.enabled": true, "server.tls.cert_file": true, "server.tls.key_file": true,
	"discovery.manifest_path": true, "bulk_data.max_upload_size": true, "docs.enabled": true, "auth.enabled": true, "auth.jwt_secret": true,
	"auth.jwt_public_key": true, "auth.jwt_algorithm": true, "auth.token_expiry_seconds": true, "auth.refresh_token_expiry_seconds": true,
	"auth.require_auth_for": true, "auth.issuer": true, "auth.clients": true,
}
