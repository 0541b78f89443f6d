package sovd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lander/lib/sovd"
	"lander/lib/store"
)

const jsonBody = "Content-Type: application/json"

// A cheap hash of "secret": the costs are what the file says.
const cheapHash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"

var hashes = sync.OnceValue(func() string {
	h, err := sovd.HashSecret([]byte("secret"), rand.Reader)
	if err != nil {
		panic(err)
	}
	return h
})

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

var hmacKey = []byte(strings.Repeat("k", 32))

func authOptions() sovd.AuthOptions {
	var clients []sovd.Client
	for id, role := range map[string]string{"view": "viewer", "op": "operator", "conf": "configurator", "root": "admin"} {
		clients = append(clients, sovd.Client{ID: id, Role: role, Hash: hashes()})
	}
	clients = append(clients, sovd.Client{ID: "off", Role: "admin", Hash: hashes(), Disabled: true})
	return sovd.AuthOptions{Secret: hmacKey, Clients: clients, Clock: time.Now}
}

func authRig(t *testing.T, change ...func(*sovd.AuthOptions)) *rig {
	t.Helper()
	o := authOptions()
	for _, c := range change {
		c(&o)
	}
	a, err := sovd.NewAuth(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.Auth = a })
}

// login returns the tokens of a client.
func (g *rig) login(id string) (access, refresh string) {
	g.t.Helper()
	r := g.do("POST", "/api/v1/auth/authorize", fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":"secret"}`, id), jsonBody)
	if r.status != 200 || r.at("token_type") != "Bearer" || r.at("expires_in") != 3600.0 {
		g.t.Fatalf("login: %d %s", r.status, r.text)
	}
	return r.body["access_token"].(string), r.body["refresh_token"].(string)
}

func TestAuthRoutes(t *testing.T) {
	g := authRig(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	ok := `{"grant_type":"client_credentials","client_id":"op","client_secret":"secret"}`
	access, refresh := g.login("op")
	g.rows([]row{
		{name: "JSON", method: "POST", path: "/auth/authorize", body: ok, headers: []string{jsonBody}, status: 200, want: []string{"scope=operator", "header:Cache-Control=no-store"}},
		{name: "form", method: "POST", path: "/auth/authorize", body: "grant_type=client_credentials&client_id=view&client_secret=secret", headers: []string{form}, status: 200, want: []string{"scope=viewer"}},
		{name: "unknown client", method: "POST", path: "/auth/authorize", body: strings.ReplaceAll(ok, `"op"`, `"who"`), headers: []string{jsonBody}, status: 401, text: `{"error":"invalid_client","error_description":"Invalid client credentials"}`},
		{name: "disabled", method: "POST", path: "/auth/authorize", body: strings.ReplaceAll(ok, `"op"`, `"off"`), headers: []string{jsonBody}, status: 401, text: `{"error":"invalid_client","error_description":"Client is disabled"}`},
		{name: "disabled, wrong secret", method: "POST", path: "/auth/authorize", body: `{"grant_type":"client_credentials","client_id":"off","client_secret":"guess"}`, headers: []string{jsonBody}, status: 401, text: `{"error":"invalid_client","error_description":"Invalid client credentials"}`},
		{name: "grant type", method: "POST", path: "/auth/authorize", body: `{"grant_type":"password"}`, headers: []string{jsonBody}, status: 400, want: []string{"error=unsupported_grant_type"}},
		{name: "no id", method: "POST", path: "/auth/authorize", body: `{"grant_type":"client_credentials"}`, headers: []string{jsonBody}, status: 400, text: `{"error":"invalid_request","error_description":"client_id is required"}`},
		{name: "no secret", method: "POST", path: "/auth/authorize", body: `{"grant_type":"client_credentials","client_id":"op"}`, headers: []string{jsonBody}, status: 400, want: []string{"error_description=client_secret is required"}},
		{name: "content type", method: "POST", path: "/auth/authorize", body: ok, headers: []string{"Content-Type: text/plain"}, status: 400, want: []string{"error_description=Content-Type must be application/json or application/x-www-form-urlencoded"}},
		{name: "bad JSON", method: "POST", path: "/auth/authorize", body: "{", headers: []string{jsonBody}, status: 400, want: []string{"error=invalid_request"}},
		{name: "no object", method: "POST", path: "/auth/authorize", body: "[]", headers: []string{jsonBody}, status: 400, text: `{"error":"invalid_request","error_description":"Invalid JSON: expected an object"}`},
		{name: "refresh", method: "POST", path: "/auth/token", body: fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q}`, refresh), headers: []string{jsonBody}, status: 200, want: []string{"refresh_token=" + refresh, "scope=operator"}},
		{name: "refresh by access token", method: "POST", path: "/auth/token", body: fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q}`, access), headers: []string{jsonBody}, status: 401, text: `{"error":"invalid_grant","error_description":"Token is not a refresh token"}`},
		{name: "refresh without", method: "POST", path: "/auth/token", body: `{"grant_type":"refresh_token"}`, headers: []string{jsonBody}, status: 400, want: []string{"error_description=refresh_token is required"}},
		{name: "revoke without", method: "POST", path: "/auth/revoke", body: `{}`, headers: []string{jsonBody}, status: 400, want: []string{"error_description=token is required"}},
		{name: "revoke nonsense", method: "POST", path: "/auth/revoke", body: `{"token":"x"}`, headers: []string{jsonBody}, status: 200, text: `{"status":"revoked"}`},
		{name: "before the end", method: "POST", path: runs + "/man_true/executions", body: `{"execution_type":"now"}`, headers: []string{"Authorization: Bearer " + access}, status: 202},
		{name: "revoke", method: "POST", path: "/auth/revoke", body: fmt.Sprintf(`{"token":%q}`, refresh), headers: []string{jsonBody}, status: 200},
		{name: "refresh after the end", method: "POST", path: "/auth/token", body: fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q}`, refresh), headers: []string{jsonBody}, status: 401, text: `{"error":"invalid_grant","error_description":"Refresh token has been revoked"}`},
		{name: "access after the end", method: "POST", path: runs + "/man_true/executions", body: `{"execution_type":"now"}`, headers: []string{"Authorization: Bearer " + access}, status: 401},
		{name: "refresh token as access token", method: "POST", path: runs + "/man_true/executions", body: `{"execution_type":"now"}`, headers: []string{"Authorization: Bearer " + func() string { _, r := g.login("root"); return r }()}, status: 401, text: `{"error":"invalid_token","error_description":"Invalid token type: expected access, got refresh"}`},
		{name: "no header", method: "POST", path: runs + "/man_true/executions", status: 401, text: `{"error":"invalid_token","error_description":"Missing Authorization header"}`, want: []string{`header:WWW-Authenticate=Bearer realm="ros2_medkit_gateway", error="invalid_token"`}},
		{name: "bad header", method: "POST", path: runs + "/man_true/executions", headers: []string{"Authorization: Basic x"}, status: 401, text: `{"error":"invalid_token","error_description":"Invalid Authorization header format. Expected: Bearer \u003ctoken\u003e"}`},
		{name: "nonsense", method: "POST", path: runs + "/man_true/executions", headers: []string{"Authorization: Bearer x.y.z"}, status: 401, want: []string{"error_description=Token verification failed"}},
		{name: "reading is free", method: "GET", path: "/components", status: 200},
		{method: "GET", path: "/", status: 200, want: []string{"auth.enabled=true", "auth.algorithm=HS256", "auth.require_auth_for=write", "capabilities.authentication=true"}},
	})
}

func TestAuthOff(t *testing.T) {
	g := newRig(t)
	for _, p := range []string{"authorize", "token", "revoke"} {
		if r := g.do("POST", "/api/v1/auth/"+p, "{}", jsonBody); r.status != 404 || r.text != `{"error":"resource-not-found","error_description":"Authentication is not enabled"}` {
			t.Errorf("%s: %d %s", p, r.status, r.text)
		}
	}
}

func TestRoles(t *testing.T) {
	g := authRig(t, func(o *sovd.AuthOptions) { o.RequireFor = sovd.RequireAll })
	id := "man_true"
	requests := []struct {
		method, path, body string
		least              int // 0 viewer ... 3 admin
	}{
		{"GET", "/health", "", 0},
		{"GET", runs, "", 0},
		{"GET", runs + "/" + id, "", 0},
		{"GET", runs + "/" + id + "/executions/exec_1", "", 0},
		{"GET", runs + "/" + id + "/executions/exec_1/events", "", 0},
		{"POST", runs + "/" + id + "/executions", `{"execution_type":"now"}`, 1},
		{"PUT", runs + "/" + id + "/executions/exec_1", `{"action":"stop"}`, 1},
		{"DELETE", runs + "/" + id + "/executions/exec_1", "", 1},
		{"POST", runs, "", 2},
		{"DELETE", runs + "/" + id, "", 2},
		// What is not served here.
		{"GET", "/components/x/operations", "", 0},
		{"POST", "/components/x/operations/calibrate/executions", "{}", 1},
		{"DELETE", "/components/x/faults/F001", "", 1},
		{"PUT", "/components/x/configurations/param", "{}", 2},
		{"POST", "/nothing", "{}", 3},
	}
	for level, client := range []string{"view", "op", "conf", "root"} {
		access, _ := g.login(client)
		for _, rq := range requests {
			r := g.do(rq.method, "/api/v1"+rq.path, rq.body, "Authorization: Bearer "+access)
			if may := level >= rq.least; may == (r.status == 403) {
				t.Errorf("%s %s by %s: %d %s", rq.method, rq.path, client, r.status, r.text)
			}
			if r.status == 403 && r.text != `{"error":"insufficient_scope","error_description":"Insufficient permissions"}` {
				t.Errorf("%s", r.text)
			}
		}
	}
	for _, p := range []string{"/health", "/nothing", runs} {
		if r := g.do("GET", "/api/v1"+p, ""); r.status != 401 {
			t.Errorf("%s without a token: %d", p, r.status)
		}
	}
}

func TestTokens(t *testing.T) {
	c := &clock{now: time.Now()}
	st := store.NewMemory()
	g := authRig(t, func(o *sovd.AuthOptions) { o.Clock, o.Store = c.time, st })
	access, refresh := g.login("op")
	start := func(token string) reply {
		return g.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`, "Authorization: Bearer "+token)
	}
	tok, _, err := jwt.NewParser().ParseUnverified(access, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	m := tok.Claims.(jwt.MapClaims)
	if tok.Header["typ"] != "access" || tok.Header["alg"] != "HS256" || m["sub"] != "op" || m["role"] != "operator" || m["jti"] == nil || m["refresh_token_id"] == nil || m["iss"] == nil {
		t.Errorf("header %v, claims %v", tok.Header, m)
	}
	forge := func(method jwt.SigningMethod, key any, change func(*jwt.Token)) string {
		f := jwt.NewWithClaims(method, jwt.MapClaims{"iss": m["iss"], "sub": "op", "role": "admin", "exp": c.time().Add(time.Hour).Unix(), "jti": "x", "refresh_token_id": "y"})
		f.Header["typ"] = "access"
		if change != nil {
			change(f)
		}
		s, err := f.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	bad := map[string]string{
		"none":          forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"other key":     forge(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil),
		"other method":  forge(jwt.SigningMethodHS512, hmacKey, nil),
		"other issuer":  forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Claims.(jwt.MapClaims)["iss"] = "x" }),
		"no expiry":     forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { delete(t.Claims.(jwt.MapClaims), "exp") }),
		"unknown type":  forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Header["typ"] = "JWT" }),
		"nobody's":      forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Claims.(jwt.MapClaims)["sub"] = "who" }),
		"of a disabled": forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Claims.(jwt.MapClaims)["sub"] = "off" }),
		"not yet":       forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Claims.(jwt.MapClaims)["iat"] = c.time().Add(2 * time.Minute).Unix() }),
		"extension":     forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Header["crit"] = []string{"exp"} }),
	}
	for name, token := range bad {
		if r := start(token); r.status != 401 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	// The clock of whoever made it may be a little ahead.
	if r := start(forge(jwt.SigningMethodHS256, hmacKey, func(t *jwt.Token) { t.Claims.(jwt.MapClaims)["iat"] = c.time().Add(30 * time.Second).Unix() })); r.status != 202 {
		t.Errorf("half a minute ahead: %d %s", r.status, r.text)
	}
	// Which of two tokens counts, a proxy in front may see otherwise.
	if r := g.do("POST", "/api/v1"+runs+"/man_true/executions", `{"execution_type":"now"}`, "Authorization: Bearer "+access, "Authorization: Bearer x"); r.status != 401 {
		t.Errorf("two tokens: %d", r.status)
	}
	// A role that the client does not have any more counts for nothing.
	if r := g.do("DELETE", scripts+"/x", "", "Authorization: Bearer "+forge(jwt.SigningMethodHS256, hmacKey, nil)); r.status != 403 {
		t.Errorf("a role from the token alone: %d", r.status)
	}
	if r := start(access); r.status != 202 {
		t.Errorf("%d %s", r.status, r.text)
	}
	c.add(2 * time.Hour)
	if r := start(access); r.at("error_description") != "Token has expired" {
		t.Errorf("%s", r.text)
	}
	r := g.do("POST", "/api/v1/auth/token", fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q}`, refresh), jsonBody)
	if r2 := start(fmt.Sprint(r.at("access_token"))); r2.status != 202 {
		t.Errorf("%d %s", r2.status, r2.text)
	}
	g.do("POST", "/api/v1/auth/revoke", fmt.Sprintf(`{"token":%q}`, refresh), jsonBody)
	// The revocation is durable.
	o := authOptions()
	o.Clock, o.Store = c.time, st
	a, err := sovd.NewAuth(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	conf := g.config
	conf.Auth, conf.Provider = a, g.files
	g.serve(conf)
	if r2 := start(fmt.Sprint(r.at("access_token"))); r2.status != 401 {
		t.Errorf("revoked: %d %s", r2.status, r2.text)
	}
}

// faulty is a store that does not take what it is given.
type faulty struct {
	store.Store
	full bool
}

func (f *faulty) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if f.full {
		return 0, errors.New("the disk is full")
	}
	return f.Store.Put(ctx, key, value, rev)
}

// A revocation holds as long as anything that it ends, with other options and
// after a restart too, and is not said to be made before it lasts.
func TestRevocationLasts(t *testing.T) {
	c := &clock{now: time.Now()}
	st := &faulty{Store: store.NewMemory()}
	o := authOptions()
	o.Clock, o.Store, o.Refresh = c.time, st, 2*time.Hour
	for i := range o.Clients {
		o.Clients[i].Hash = cheapHash + "+c6q23sQwLpOH1shdbgrn6Ho39DyRbsdY34ab5ZO+fs"
	}
	auth := func() *sovd.Auth {
		a, err := sovd.NewAuth(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := auth()
	g := newRig(t, func(_ *sovd.FilesOptions, conf *sovd.Config) { conf.Auth = a })
	start := func(token any) int {
		return g.do("POST", scripts+"/man_true/executions?wait=30s", `{"execution_type":"now"}`, fmt.Sprintf("Authorization: Bearer %s", token)).status
	}
	revoke := func(token string) int {
		return g.do("POST", "/api/v1/auth/revoke", fmt.Sprintf(`{"token":%q}`, token), jsonBody).status
	}
	_, refresh := g.login("op")
	c.add(2*time.Hour - time.Minute)
	late := g.do("POST", "/api/v1/auth/token", fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q}`, refresh), jsonBody).at("access_token")
	st.full = true
	if got := revoke(refresh); got != 500 {
		t.Errorf("where nothing can be recorded: %d", got)
	}
	st.full = false
	// Who replaces the options names no store.
	next := o
	next.Store, next.Clock = nil, nil
	if err := a.Replace(next); err != nil {
		t.Fatal(err)
	}
	if got, after := revoke(refresh), start(late); got != 200 || after != 401 {
		t.Errorf("once more: %d, and then %d", got, after)
	}
	c.add(2 * time.Minute)
	if _, other := g.login("conf"); revoke(other) != 200 || start(late) != 401 {
		t.Error("a token holds again after its refresh token would have ended")
	}
	a = auth()
	conf := g.config
	conf.Auth, conf.Provider = a, g.files
	g.serve(conf)
	if got := start(late); got != 401 {
		t.Errorf("after a restart: %d", got)
	}
	c.add(4 * time.Hour)
	auth()
	for e, err := range st.List(t.Context(), "auth/revoked") {
		t.Errorf("what ends nothing any more is kept: %s %v", e.Key, err)
	}
}

// raced is a store in which another gateway forgets what we are about to.
type raced struct{ store.Store }

func (r raced) Delete(ctx context.Context, key string, rev store.Revision) error {
	if err := r.Store.Delete(ctx, key, rev); err != nil {
		return err
	}
	return r.Store.Delete(ctx, key, rev)
}

// Gateways that start at the same time forget the same revocations: that one
// is faster ends no other.
func TestForgottenTogether(t *testing.T) {
	st := raced{store.NewMemory()}
	o := authOptions()
	o.Store = st
	old, err := json.Marshal(time.Now().Add(-time.Hour))
	if err == nil {
		_, err = st.Put(t.Context(), "auth/revoked/old", old, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sovd.NewAuth(t.Context(), o); err != nil {
		t.Error(err)
	}
	if _, err := st.Get(t.Context(), "auth/revoked/old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestRS256(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	g := authRig(t, func(o *sovd.AuthOptions) { o.Algorithm, o.PrivateKey, o.PublicKey = "RS256", private, public })
	access, _ := g.login("op")
	if r := g.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`, "Authorization: Bearer "+access); r.status != 202 {
		t.Errorf("%d %s", r.status, r.text)
	}
	// The public key is no secret: signing with it as one does not help.
	f := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "ros2_medkit_gateway", "sub": "op", "role": "admin", "exp": time.Now().Add(time.Hour).Unix()})
	f.Header["typ"] = "access"
	s, err := f.SignedString(public)
	if err != nil {
		t.Fatal(err)
	}
	if r := g.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`, "Authorization: Bearer "+s); r.status != 401 {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// salt is n bytes of a hash, and the dollar behind them.
func salt(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) + "$" }

func TestAuthOptions(t *testing.T) {
	tests := map[string]func(*sovd.AuthOptions){
		"short secret": func(o *sovd.AuthOptions) { o.Secret = hmacKey[:31] },
		"algorithm":    func(o *sovd.AuthOptions) { o.Algorithm = "none" },
		"required":     func(o *sovd.AuthOptions) { o.RequireFor = "some" },
		"lives":        func(o *sovd.AuthOptions) { o.Refresh = time.Minute },
		"role":         func(o *sovd.AuthOptions) { o.Clients[0].Role = "king" },
		"twice":        func(o *sovd.AuthOptions) { o.Clients = append(o.Clients, o.Clients[0]) },
		"plain secret": func(o *sovd.AuthOptions) { o.Clients[0].Hash = "secret" },
		"no key":       func(o *sovd.AuthOptions) { o.Algorithm = "RS256" },
		"huge cost": func(o *sovd.AuthOptions) {
			o.Clients[0].Hash = strings.Replace(cheapHash+strings.Repeat("A", 43), "m=8", "m=99999999", 1)
		},
		"no client id":   func(o *sovd.AuthOptions) { o.Clients[0].ID = "" },
		"long client id": func(o *sovd.AuthOptions) { o.Clients[0].ID = strings.Repeat("x", 257) },
	}
	// The costs and lengths of a hash are bounded on both sides.
	for _, bad := range []string{
		"$m=7,t=1,p=1$" + salt(8) + salt(16), "$m=1048577,t=1,p=1$" + salt(8) + salt(16), "$m=8,t=0,p=1$" + salt(8) + salt(16), "$m=8,t=65,p=1$" + salt(8) + salt(16),
		"$m=8,t=1,p=0$" + salt(8) + salt(16), "$m=136,t=1,p=17$" + salt(8) + salt(16), "$m=15,t=1,p=2$" + salt(8) + salt(16),
		"$m=8,t=1,p=1$" + salt(7) + salt(16), "$m=8,t=1,p=1$" + salt(65) + salt(16), "$m=8,t=1,p=1$" + salt(8) + salt(15), "$m=8,t=1,p=1$" + salt(8) + salt(65),
		"$m=8,t=1,p=01$" + salt(8) + salt(16), "$m=8,t=1,p=1$AAAAAAAAAAB$" + salt(16),
	} {
		tests[bad] = func(o *sovd.AuthOptions) { o.Clients[0].Hash = strings.TrimSuffix("$argon2id$v=19"+bad, "$") }
	}
	for name, change := range tests {
		o := authOptions()
		change(&o)
		if _, err := sovd.NewAuth(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, good := range []string{"$m=8,t=1,p=1$" + salt(8) + salt(16), "$m=1048576,t=64,p=16$" + salt(64) + salt(64)} {
		o := authOptions()
		o.Clients[0].Hash = strings.TrimSuffix("$argon2id$v=19"+good, "$")
		if _, err := sovd.NewAuth(t.Context(), o); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestHashSecret(t *testing.T) {
	h := hashes()
	if !strings.HasPrefix(h, "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Errorf("hash %s", h)
	}
	if _, err := sovd.HashSecret(nil, rand.Reader); err == nil {
		t.Error("an empty secret is hashed")
	}
	if _, err := sovd.HashSecret([]byte("x"), bytes.NewReader(nil)); err == nil {
		t.Error("a hash without a salt")
	}
}
