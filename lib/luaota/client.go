package luaota

import "embed"

// clientFiles are the modules of our device client, in Lua 5.1 that 5.3 reads
// too.
//
//go:embed client/*.lua
var clientFiles embed.FS

// ClientModules is our device client: names on the flash and sources. It takes
// the place of the original's modules, with the same config.json.
func ClientModules() map[string]string {
	out := map[string]string{}
	for _, name := range []string{"check", "_init", "_doTick", "_provision", "_todo", "default"} {
		b, err := clientFiles.ReadFile("client/" + name + ".lua")
		if err == nil { // they are embedded
			out["luaOTA/"+name+".lua"] = string(b)
		}
	}
	return out
}
