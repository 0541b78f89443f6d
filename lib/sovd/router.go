package sovd

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one line of the table: what is served, who may, and what the
// description says of it.
type route struct {
	method  string
	path    string // below Base, "/components/{component_id}/scripts"
	role    role   // the least that may
	open    bool   // served without authentication
	tag     string
	summary string
	query   []string // names of query parameters
	body    string   // name of the body's schema, "" for none
	answers map[int]string
	serve   func(*request) error

	params []string
}

// node is a place in the tree of paths.
type node struct {
	static  map[string]*node
	param   *node
	methods map[string]*route
}

func plant(routes []route) *node {
	root := &node{}
	for i := range routes {
		r := &routes[i]
		n := root
		for word := range strings.SplitSeq(strings.Trim(r.path, "/"), "/") {
			if word == "" {
				continue
			}
			if strings.HasPrefix(word, "{") {
				r.params = append(r.params, strings.Trim(word, "{}"))
				if n.param == nil {
					n.param = &node{}
				}
				n = n.param
				continue
			}
			if n.static == nil {
				n.static = map[string]*node{}
			}
			if n.static[word] == nil {
				n.static[word] = &node{}
			}
			n = n.static[word]
		}
		if n.methods == nil {
			n.methods = map[string]*route{}
		}
		n.methods[r.method] = r
	}
	return root
}

// find goes down an escaped path. A word that holds an escaped slash, or
// leads up, is nowhere. One slash at the end is borne.
func (n *node) find(path string) (*node, []string) {
	path = strings.TrimPrefix(path, "/")
	path = strings.TrimSuffix(path, "/")
	var params []string
	for path != "" {
		var word string
		word, path, _ = strings.Cut(path, "/")
		if strings.IndexByte(word, '%') >= 0 {
			plain, err := url.PathUnescape(word)
			if err != nil || strings.Contains(plain, "/") {
				return nil, nil
			}
			word = plain
		}
		if word == "" || word == "." || word == ".." {
			return nil, nil
		}
		next := n.static[word]
		if next == nil {
			if next = n.param; next == nil {
				return nil, nil
			}
			if params == nil {
				params = make([]string, 0, 3)
			}
			params = append(params, word)
		}
		n = next
	}
	return n, params
}

// allow lists the methods for an Allow header.
func (n *node) allow() []string {
	list := slices.Sorted(maps.Keys(n.methods))
	if n.methods[http.MethodGet] != nil {
		list = append(list, http.MethodHead)
		slices.Sort(list)
	}
	return list
}
