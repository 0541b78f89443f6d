package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// authError is the body of errors of authentication: OAuth2's [RFC 6749 5.2].
type authError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func authAnswer(status int, code, description string) *answer {
	a := &answer{status: status, body: authError{code, description}, header: map[string]string{"Cache-Control": "no-store"}}
	if code == "invalid_token" {
		a.header["WWW-Authenticate"] = `Bearer realm="ros2_medkit_gateway", error="invalid_token"`
	}
	return a
}

// authorize checks the rights of a request.
func (g *Gateway) authorize(q *request, r *route) error {
	if q.r.TLS != nil && len(q.r.TLS.PeerCertificates) > 0 {
		q.actor.Name = "certificate:" + q.r.TLS.PeerCertificates[0].Subject.CommonName
	}
	if g.c.Auth == nil || r.open {
		return nil
	}
	a := g.c.Auth.now.Load()
	c, err := a.bearer(q.r.Header["Authorization"])
	if err == nil {
		q.actor = Actor{Name: c.Subject, role: roleNames[c.Role]}
	}
	if !a.requires(q.r.Method) {
		return nil
	}
	if err != nil {
		g.metrics.rejects.add("token")
		return authAnswer(http.StatusUnauthorized, "invalid_token", err.Error())
	}
	if q.actor.role < r.role {
		g.metrics.rejects.add("role")
		return authAnswer(http.StatusForbidden, "insufficient_scope", "Insufficient permissions")
	}
	return nil
}

func (a *rules) bearer(headers []string) (claims, error) {
	if len(headers) == 0 || len(headers) == 1 && headers[0] == "" {
		return claims{}, tokenError("Missing Authorization header")
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.Contains(token, " ") {
		return claims{}, tokenError("Invalid Authorization header format. Expected: Bearer <token>")
	}
	return a.check(token, typeAccess)
}

// form reads a body of JSON members or form fields that are texts.
func (q *request) form() (map[string]string, error) {
	body, err := q.readJSON()
	if err != nil {
		return nil, err
	}
	typ, _, _ := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	out := map[string]string{}
	switch typ {
	case "application/json":
		var members map[string]any
		err := json.Unmarshal(body, &members)
		if _, other := errors.AsType[*json.UnmarshalTypeError](err); other {
			err = errors.New("expected an object")
		}
		if err != nil {
			return nil, authAnswer(http.StatusBadRequest, "invalid_request", fmt.Sprintf("Invalid JSON: %v", err))
		}
		for k, v := range members {
			if s, ok := v.(string); ok {
				out[k] = s
			}
		}
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, authAnswer(http.StatusBadRequest, "invalid_request", "Invalid form body")
		}
		for k := range values {
			out[k] = values.Get(k)
		}
	default:
		return nil, authAnswer(http.StatusBadRequest, "invalid_request", "Content-Type must be application/json or application/x-www-form-urlencoded")
	}
	return out, nil
}

// credentials is the frame of the three routes of tokens.
func (q *request) credentials(grant string) (*rules, map[string]string, error) {
	if q.g.c.Auth == nil {
		return nil, nil, authAnswer(http.StatusNotFound, "resource-not-found", "Authentication is not enabled")
	}
	a := q.g.c.Auth.now.Load()
	in, err := q.form()
	if err != nil {
		return nil, nil, err
	}
	if grant != "" && in["grant_type"] != grant {
		return nil, nil, authAnswer(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be "+grant)
	}
	return a, in, nil
}

func missing(name string) *answer {
	return authAnswer(http.StatusBadRequest, "invalid_request", name+" is required")
}

// authorizeClient gives tokens for a client's id and secret. Unknown client
// and wrong secret are answered alike; that it is disabled learns who has the
// secret.
func (q *request) authorizeClient() error {
	a, in, err := q.credentials("client_credentials")
	if err != nil {
		return err
	}
	for _, name := range []string{"client_id", "client_secret"} {
		if in[name] == "" {
			return missing(name)
		}
	}
	c, known := a.clients[in["client_id"]]
	if !known {
		c.hash = a.dummy
	}
	good, err := a.secretMatches(q.r.Context(), c.hash, in["client_secret"])
	if err != nil {
		return err
	}
	if !good || !known || c.disabled {
		q.g.metrics.rejects.add("credentials")
		q.g.c.Log.Warn("a client was refused", "client", in["client_id"], "known", known, "disabled", c.disabled)
		text := "Invalid client credentials"
		if good && known {
			text = "Client is disabled"
		}
		return authAnswer(http.StatusUnauthorized, "invalid_client", text)
	}
	refresh, id, err := a.issue(typeRefresh, in["client_id"], c.role.String(), "", a.o.Refresh)
	if err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	return q.tokens(a, in["client_id"], c.role.String(), id, refresh)
}

// secretMatches bounds how many hashes are made at once: each takes memory.
func (a *rules) secretMatches(ctx context.Context, h secretHash, secret string) (bool, error) {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
		return h.matches([]byte(secret)), nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (q *request) tokens(a *rules, subject, roleName, refreshID, refresh string) error {
	access, _, err := a.issue(typeAccess, subject, roleName, refreshID, a.o.Access)
	if err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	q.w.Header().Set("Cache-Control", "no-store")
	return q.reply(http.StatusOK, object{
		"access_token": access, "token_type": "Bearer", "expires_in": int64(a.o.Access.Seconds()), "refresh_token": refresh, "scope": roleName,
	})
}

func (q *request) refreshToken() error {
	a, in, err := q.credentials("refresh_token")
	if err != nil {
		return err
	}
	token := in["refresh_token"]
	if token == "" {
		return missing("refresh_token")
	}
	c, err := a.check(token, typeRefresh)
	if err != nil {
		text := err.Error()
		if strings.HasPrefix(text, "Invalid token type") {
			text = "Token is not a refresh token"
		}
		return authAnswer(http.StatusUnauthorized, "invalid_grant", text)
	}
	return q.tokens(a, c.Subject, c.Role, c.ID, token)
}

// revokeToken always answers that the token does not hold [RFC 7009].
func (q *request) revokeToken() error {
	a, in, err := q.credentials("")
	if err != nil {
		return err
	}
	if in["token"] == "" {
		return missing("token")
	}
	c, err := a.check(in["token"], typeRefresh)
	if _, bad := errors.AsType[tokenError](err); !bad {
		if err == nil {
			err = a.revoke(context.WithoutCancel(q.r.Context()), c)
		}
		if err != nil {
			return err
		}
	}
	return q.reply(http.StatusOK, object{"status": "revoked"})
}
