local text = [[
; comment
[server]
host = example.org
port=8080
debug = true

[paths]
root = /var/lib/x
name with spaces = "quoted # not comment"
# end
broken line
]]
local ini, section, errors = {}, nil, {}
local n = 0
for line in (text .. "\n"):gmatch("(.-)\r?\n") do
  n = n + 1
  local s = line:match("^%[([^%]]+)%]$")
  local k, v = line:match("^([^=;#]-)%s*=%s*(.-)%s*$")
  if s then section = s ini[s] = {}
  elseif k and section then ini[section][k] = tonumber(v) or (v == "true") or v:match('^"(.*)"$') or v
  elseif not line:match("^%s*[;#]") and line:match("%S") then errors[#errors + 1] = n .. ": " .. line end
end
print(ini.server.host, ini.server.port + 1, ini.server.debug, ini.paths.root, ini.paths["name with spaces"])
print(table.concat(errors, "|"))
