package sovd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lander/lib/store"
)

// For which requests a token is needed.
const (
	RequireNone  = "none"
	RequireWrite = "write"
	RequireAll   = "all"
)

// AuthOptions says who may do what. The zero values of the first block are
// the defaults of the document.
type AuthOptions struct {
	RequireFor string        // "": RequireWrite
	Algorithm  string        // "": HS256; or RS256
	Issuer     string        // "": ros2_medkit_gateway
	Access     time.Duration // life of an access token; 0: one hour
	Refresh    time.Duration // life of a refresh token; 0: a day

	Secret     []byte // HS256: at least 32 bytes
	PrivateKey []byte // RS256: PEM
	PublicKey  []byte // RS256: PEM
	Clients    []Client

	Store  store.Store // of revocations, below auth/revoked; nil: they end with the process
	Clock  func() time.Time
	Random io.Reader // nil: crypto/rand
}

// Client may ask for tokens.
type Client struct {
	ID       string
	Role     string // viewer, operator, configurator or admin
	Hash     string // as HashSecret makes it
	Disabled bool
}

// Auth gives out and checks tokens: OAuth2 client credentials and JWT. Who may
// what can be replaced while it is used.
type Auth struct {
	now     atomic.Pointer[rules]
	hashing chan struct{} // bounds the memory of hashes under way

	mu      sync.Mutex
	revoked map[string]time.Time // ids of refresh tokens, until when they or what came of them would have held
}

// rules are what one set of options says. They do not change.
type rules struct {
	*Auth
	o       AuthOptions
	method  jwt.SigningMethod
	sign    any
	verify  any
	clients map[string]client
	dummy   secretHash
}

type client struct {
	role     role
	hash     secretHash
	disabled bool
}

// NewAuth checks the options and loads the revocations.
func NewAuth(ctx context.Context, o AuthOptions) (*Auth, error) {
	a := &Auth{hashing: make(chan struct{}, 2), revoked: map[string]time.Time{}}
	r, err := a.rules(o)
	if err != nil {
		return nil, err
	}
	a.now.Store(r)
	return a, r.loadRevoked(ctx)
}

// Replace has other options hold from now on, those of the store, the clock
// and the random source excepted. When they are wrong those before stay.
// Tokens that were given out hold as far as their client still may what they
// say, and only when the keys are the same.
func (a *Auth) Replace(o AuthOptions) error {
	old := a.now.Load().o
	o.Store, o.Clock, o.Random = old.Store, old.Clock, old.Random
	r, err := a.rules(o)
	if err == nil {
		a.now.Store(r)
	}
	return err
}

func (a *Auth) rules(o AuthOptions) (*rules, error) {
	if o.RequireFor == "" {
		o.RequireFor = RequireWrite
	}
	if o.Algorithm == "" {
		o.Algorithm = "HS256"
	}
	if o.Issuer == "" {
		o.Issuer = "ros2_medkit_gateway" // as the realm: what its clients know
	}
	if o.Access == 0 {
		o.Access = time.Hour
	}
	if o.Refresh == 0 {
		o.Refresh = 24 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	r := &rules{Auth: a, o: o, clients: map[string]client{}}
	if o.RequireFor != RequireNone && o.RequireFor != RequireWrite && o.RequireFor != RequireAll {
		return nil, fmt.Errorf("authentication: require_auth_for %q is not none, write or all", o.RequireFor)
	}
	if o.Access < 0 || o.Refresh < o.Access {
		return nil, errors.New("authentication: a refresh token must live as long as an access token")
	}
	if err := r.loadKeys(); err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	for _, c := range o.Clients {
		if err := r.addClient(c); err != nil {
			return nil, fmt.Errorf("authentication: client %q: %w", c.ID, err)
		}
	}
	// Whoever asks under an unknown name waits as long as the others.
	r.dummy = secretHash{argonMemory, argonTime, argonThreads, make([]byte, 16), make([]byte, argonLength)}
	for _, c := range r.clients {
		r.dummy = c.hash
		r.dummy.sum = make([]byte, len(c.hash.sum))
		break
	}
	return r, nil
}

func (a *rules) loadKeys() (err error) {
	switch a.o.Algorithm {
	case "HS256":
		if len(a.o.Secret) < 32 {
			return fmt.Errorf("the secret has %d bytes: HS256 needs 32 at least", len(a.o.Secret))
		}
		a.method, a.sign, a.verify = jwt.SigningMethodHS256, a.o.Secret, a.o.Secret
		return nil
	case "RS256":
		a.method = jwt.SigningMethodRS256
		if a.sign, err = jwt.ParseRSAPrivateKeyFromPEM(a.o.PrivateKey); err != nil {
			return fmt.Errorf("reading the private key: %w", err)
		}
		if a.verify, err = jwt.ParseRSAPublicKeyFromPEM(a.o.PublicKey); err != nil {
			return fmt.Errorf("reading the public key: %w", err)
		}
		return nil
	}
	return fmt.Errorf("algorithm %q is not HS256 or RS256", a.o.Algorithm)
}

func (a *rules) addClient(c Client) error {
	if c.ID == "" || len(c.ID) > 256 {
		return errors.New("its id is empty or too long")
	}
	if _, twice := a.clients[c.ID]; twice {
		return errors.New("it is there twice")
	}
	r, err := parseRole(c.Role)
	if err != nil {
		return err
	}
	h, err := parseSecretHash(c.Hash)
	if err != nil {
		return err
	}
	a.clients[c.ID] = client{r, h, c.Disabled}
	return nil
}

// Algorithm is how tokens are signed.
func (a *Auth) Algorithm() string { return a.now.Load().o.Algorithm }

// RequireFor says which requests need a token.
func (a *Auth) RequireFor() string { return a.now.Load().o.RequireFor }

func (a *rules) requires(method string) bool {
	switch a.o.RequireFor {
	case RequireAll:
		return true
	case RequireWrite:
		return method == http.MethodPost || method == http.MethodPut || method == http.MethodDelete || method == http.MethodPatch
	}
	return false
}

// claims are the payload of our tokens.
type claims struct {
	jwt.RegisteredClaims
	Role    string `json:"role"`
	Refresh string `json:"refresh_token_id,omitempty"` // of an access token
}

// The values of a token's typ header.
const (
	typeAccess  = "access"
	typeRefresh = "refresh"
)

func (a *rules) issue(typ, subject, roleName, refresh string, life time.Duration) (token, id string, err error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		return "", "", err
	}
	id = hex.EncodeToString(b)
	now := a.o.Clock()
	t := jwt.NewWithClaims(a.method, claims{jwt.RegisteredClaims{
		Issuer: a.o.Issuer, Subject: subject, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)), ID: id,
	}, roleName, refresh})
	t.Header["typ"] = typ
	token, err = t.SignedString(a.sign)
	return token, id, err
}

// tokenError is a token that does not hold; its text is for the client.
type tokenError string

func (e tokenError) Error() string { return string(e) }

// maxAhead is how far the clock of whoever made a token may be ahead of ours:
// the gateways of one store share the key.
const maxAhead = time.Minute

// check verifies a token of the given type.
func (a *rules) check(token, typ string) (claims, error) {
	var c claims
	t, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.verify, nil },
		jwt.WithValidMethods([]string{a.o.Algorithm}), jwt.WithIssuer(a.o.Issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(a.o.Clock))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return claims{}, tokenError("Token has expired")
	case err != nil:
		return claims{}, tokenError("Token verification failed")
	case t.Header["crit"] != nil: // what must be understood, and is not [RFC 7515 4.1.11]
		return claims{}, tokenError("Token verification failed")
	case c.IssuedAt != nil && c.IssuedAt.After(a.o.Clock().Add(maxAhead)):
		return claims{}, tokenError("Token was issued in the future")
	}
	if got, _ := t.Header["typ"].(string); got != typ {
		if got != typeAccess && got != typeRefresh {
			got = "unknown"
		}
		return claims{}, tokenError("Invalid token type: expected " + typ + ", got " + got)
	}
	id := c.ID
	if typ == typeAccess {
		id = c.Refresh
	}
	a.mu.Lock()
	_, revoked := a.revoked[id]
	a.mu.Unlock()
	if revoked {
		return claims{}, tokenError("Refresh token has been revoked")
	}
	// A client that is gone, or less than it was, has no old rights.
	cl, ok := a.clients[c.Subject]
	if !ok || cl.disabled {
		return claims{}, tokenError("Client is disabled")
	}
	c.Role = min(cl.role, roleNames[c.Role]).String()
	return c, nil
}

const revokedPrefix = "auth/revoked"

func (a *rules) loadRevoked(ctx context.Context) error {
	if a.o.Store == nil {
		return nil
	}
	for e, err := range a.o.Store.List(ctx, revokedPrefix) {
		if err != nil {
			return fmt.Errorf("reading revoked tokens: %w", err)
		}
		var until time.Time
		if json.Unmarshal(e.Value, &until) == nil && until.Before(a.o.Clock()) {
			err := a.o.Store.Delete(ctx, e.Key, e.Rev)
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) { // else another was faster
				return fmt.Errorf("forgetting a revoked token: %w", err)
			}
			continue
		}
		a.revoked[strings.TrimPrefix(e.Key, revokedPrefix+"/")] = until
	}
	return nil
}

// Follow takes in what other processes that share the store revoke, until ctx
// ends. Without it that is known at the next start.
func (a *Auth) Follow(ctx context.Context, log *slog.Logger) {
	st := a.now.Load().o.Store
	for st != nil && ctx.Err() == nil {
		for c, err := range st.Watch(ctx, revokedPrefix) {
			if err != nil && ctx.Err() == nil {
				log.Error("following what other gateways revoke", "error", err)
			}
			if err != nil || c.Kind != store.Wrote {
				continue
			}
			var until time.Time
			json.Unmarshal(c.Value, &until) // not read: it holds until the next start
			a.mu.Lock()
			a.revoked[strings.TrimPrefix(c.Key, revokedPrefix+"/")] = until
			a.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// revoke ends a refresh token and the access tokens made from it: the last of
// them may outlive it. Who is told that it failed asks again, so that nothing
// is noted here which the store does not have.
func (a *rules) revoke(ctx context.Context, c claims) error {
	until := c.ExpiresAt.Add(a.o.Access)
	if a.o.Store != nil {
		b, err := json.Marshal(until)
		if err == nil {
			_, err = a.o.Store.Put(ctx, revokedPrefix+"/"+c.ID, b, 0)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("recording a revoked token: %w", err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked[c.ID] = until
	for id, until := range a.revoked {
		if until.Before(a.o.Clock()) {
			delete(a.revoked, id)
		}
	}
	return nil
}
