package sovd

import (
	"net/http"
	"slices"
)

// gatewayName is what clients are told. Some of them look for it.
const gatewayName = "Lander SOVD Gateway"

// rootInfo serves what the gateway can do. Every capability that the clients'
// schemas ask for is there, false where we do not serve it.
func (q *request) rootInfo() error {
	g := q.g
	scripts := g.on()
	o := object{
		"api_base": Base, "name": gatewayName, "version": g.c.Version,
		"capabilities": object{
			"aggregation": false, "async_actions": scripts, "authentication": g.c.Auth != nil, "bulk_data": false, "configurations": false,
			"cyclic_subscriptions": false, "data_access": g.c.Devices != nil, "discovery": true, "faults": false, "locking": false, "logs": false, "operations": false,
			"scripts": scripts, "tls": g.c.TLS, "triggers": false, "updates": false, "vendor_extensions": false,
		},
		"endpoints": g.endpoints(),
	}
	if g.c.Auth != nil {
		o["auth"] = object{"enabled": true, "algorithm": g.c.Auth.Algorithm(), "require_auth_for": g.c.Auth.RequireFor()}
	}
	if g.c.TLS {
		o["tls"] = object{"enabled": true, "min_version": "1.2"}
	}
	return q.reply(http.StatusOK, o)
}

func (g *Gateway) endpoints() []string {
	var out []string
	for _, r := range g.routes {
		out = append(out, r.method+" "+Base+r.path)
	}
	if !g.c.NoDocs {
		out = append(out, "GET "+Base+"/{entity-path}/docs")
	}
	slices.Sort(out)
	return out
}

// health answers as long as the process serves.
func (q *request) health() error {
	return q.reply(http.StatusOK, object{
		"status": "healthy", "timestamp": q.g.c.Clock().UnixNano(), "warnings": []any{}, "warning_schema_version": 2,
		"discovery": object{"mode": "manifest_only", "strategy": "manifest"}, "x-medkit-entity-cache": q.g.counts(),
	})
}

// readiness answers 503 when new work is not taken.
func (q *request) readiness() error {
	select {
	case <-q.g.draining:
		return Errorf(KindUnavailable, "The gateway is shutting down")
	default:
	}
	err := q.g.audit.ready(q.r.Context())
	if err == nil && q.g.c.Ready != nil {
		err = q.g.c.Ready()
	}
	if err != nil {
		q.g.c.Log.Warn("not ready", "error", err)
		return Errorf(KindUnavailable, "The gateway is not ready")
	}
	return q.reply(http.StatusOK, object{"status": "ready", "timestamp": q.g.c.Clock().UnixNano()})
}

// sovdVersion is the version of SOVD that is spoken.
const sovdVersion = "1.0.0"

func (q *request) versionInfo() error {
	return q.reply(http.StatusOK, object{"items": []object{{
		"version": sovdVersion, "base_uri": Base, "vendor_info": object{"name": "lander", "version": q.g.c.Version},
	}}})
}
