package sovd

import (
	"fmt"
	"net/http"
	"strings"
)

// role is what a client may do; each includes those below it.
type role int

const (
	nobodyRole role = iota
	viewer
	operator
	configurator
	admin
)

var roleNames = map[string]role{"viewer": viewer, "operator": operator, "configurator": configurator, "admin": admin}

func (r role) String() string {
	for name, v := range roleNames {
		if v == r {
			return name
		}
	}
	return ""
}

func parseRole(s string) (role, error) {
	r, ok := roleNames[s]
	if !ok {
		return 0, fmt.Errorf("role %q is not viewer, operator, configurator or admin", s)
	}
	return r, nil
}

// Actor is who asks, as far as the gateway knows.
type Actor struct {
	Name string // the client's id, or the subject of its certificate; "" for nobody known
	role role
}

func (a Actor) String() string {
	if a.role == nobodyRole {
		return a.Name
	}
	return a.Name + " (" + a.role.String() + ")"
}

// leastRole is who may ask for what is not served here: the roles are those
// of the whole of SOVD, and whoever has none for a resource is refused before
// anybody looks whether it is there.
func leastRole(method, path string) role {
	if method == http.MethodGet || method == http.MethodOptions {
		return viewer
	}
	for _, s := range strings.Split(path, "/") {
		switch s {
		case "operations", "executions", "data", "faults":
			return operator
		case "configurations":
			return configurator
		}
	}
	return admin
}
