// Package sovd is the gateway of SOVD diagnostic scripts (ISO 17978-3, 7.15)
// over REST: entities from a manifest, the script library of each, their
// executions, who may do what, and the error bodies that clients know.
//
// A Gateway is an http.Handler. What it serves is one table of routes, from
// which the OpenAPI description and the list of endpoints are made too. The
// scripts are a ScriptProvider's: Files keeps them in a directory and runs
// them on this machine, Command asks an external program. A script's life is
// durable before it is acknowledged.
//
// The one table of errors to HTTP is in errors.go.
package sovd
