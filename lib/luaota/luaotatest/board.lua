-- Shims of the NodeMCU modules that a luaOTA client uses, for Lua 5.1 and 5.3 on
-- a host.
-- Whatever is no Lua goes to the test over standard input and output, a line a
-- call: word, then arguments in hex. Time is that of the test.
local out, inp = io.stdout, io.stdin
out:setvbuf("full")
local exit, concat, realload, unpack = os.exit, table.concat, loadstring or load, unpack or table.unpack

local function hex(s)
  return (tostring(s):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end
local function unhex(s)
  return (s:gsub("..", function(h) return string.char(tonumber(h, 16)) end))
end
-- A host that runs this in its own process answers calls itself: host.call; it
-- may add a console, see the end.
local native = host and host.call
local function call(word, ...)
  if native then return native(word, ...) end
  local t = {word}
  for i = 1, select("#", ...) do t[#t + 1] = hex((select(i, ...))) .. "." end
  out:write(concat(t, " "), "\n")
  out:flush()
  local l = inp:read("*l")
  if not l then exit(3) end
  local r = {}
  for w in l:gmatch("%S+") do r[#r + 1] = unhex((w:gsub("%.$", ""))) end
  return unpack(r)
end

local option = {}
for w in (call("options") or ""):gmatch("%S+") do option[w] = true end

local tasks, timers, now, conn = {}, {}, 0, nil
local used = false

-- node, tmr
node = {
  chipid = function() return tonumber((call("chipid"))) end,
  heap = function() return 40000 end,
  random = math.random,
  restart = function() call("end", "reboot", "") exit(0) end,
  stripdebug = function() end,
  task = {post = function(p, f) tasks[#tasks + 1] = f or p end},
}
local function newTimer()
  local t = {}
  function t:alarm(ms, mode, f) self.ms, self.mode, self.f, self.at = ms, mode, f, now + ms; timers[self] = true return true end
  function t:stop() timers[self] = nil return true end
  t.unregister = t.stop
  return t
end
tmr = {
  ALARM_SINGLE = 0, ALARM_AUTO = 1,
  create = newTimer,
  now = function() return now * 1000 end,
}
if option.static then
  local slots = {}
  tmr.alarm = function(i, ms, mode, f)
    slots[i] = slots[i] or newTimer()
    return slots[i]:alarm(ms, mode, f)
  end
  tmr.stop = function(i) if slots[i] then slots[i]:stop() end return true end
  tmr.create = nil
end

-- wifi
local address = not option.nowifi
wifi = {
  NULLMODE = 0, STATION = 1, mode = nil,
  setmode = function(m) wifi.mode = m call("wifi", m) return m end,
  sta = {
    config = function(c)
      if not c.ssid then error("ssid required") end
      call("station", c.ssid, c.pwd or "")
      return true
    end,
    setip = function(c) call("setip", c.ip, c.gateway or "", c.netmask or "") return true end,
    connect = function() end,
    getip = function() return address and "192.0.2.7" or nil end,
  },
}

-- file
local function handle(name, at)
  local f = {}
  function f:read(n)
    n = math.min(n or 1024, 1024)
    local s = call("read", name, at, n)
    if not s or s == "" then return nil end
    at = at + #s
    return s
  end
  function f:readline()
    local s = call("read", name, at, 1024)
    if not s or s == "" then return nil end
    s = s:match("^[^\n]*\n?")
    at = at + #s
    return s
  end
  function f:write(s) return call("append", name, s) == "ok" or nil end
  function f:seek(w, o) at = o return at end
  function f:close() end
  return f
end
file = {
  exists = function(n) return call("exists", n) == "yes" end,
  remove = function(n) call("remove", n) end,
  rename = function(a, b) return call("rename", a, b) == "ok" end,
  list = function()
    local r, t = {}, {call("list")}
    for i = 1, #t, 2 do r[t[i]] = tonumber(t[i + 1]) end
    return r
  end,
  open = function(n, mode)
    local base = n:match("[^/]*$")
    if #base > 31 then error("filename invalid") end
    if (mode or "r"):sub(1, 1) == "w" then
      if call("create", n) ~= "ok" then return nil end
    elseif call("exists", n) ~= "yes" then
      return nil
    end
    return handle(n, 0)
  end,
}

-- crypto
crypto = {
  hmac = function(alg, s, k)
    if alg:lower() == "sha256" and option.nosha then error("Unsupported") end
    return (call("hmac", alg:lower(), k, s))
  end,
  fhash = function(alg, n) return (call("fhash", alg:lower(), n)) end,
  toHex = hex,
}
if option.nohex then crypto.toHex = nil end

-- sjson
local function quote(s)
  return '"' .. s:gsub('[%z\1-\31"]', function(c) return c == '"' and '\\"' or ("\\u%04x"):format(c:byte()) end) .. '"'
end
local function encode(v)
  local t = type(v)
  if t == "string" then return quote(v) end
  if t == "number" then return v == math.floor(v) and ("%.0f"):format(v) or ("%.19g"):format(v) end
  if t ~= "table" then return tostring(v) end
  if #v > 0 then
    local r = {}
    for i = 1, #v do r[i] = encode(v[i]) end
    return "[" .. concat(r, ",") .. "]"
  end
  local r = {}
  for k, x in pairs(v) do r[#r + 1] = quote(tostring(k)) .. ":" .. encode(x) end
  return "{" .. concat(r, ",") .. "}"
end
local function decode(s)
  local i = 1
  local value
  local function blank() i = s:find("[^ \t\r\n]", i) or #s + 1 end
  local function str()
    local r = {}
    i = i + 1
    while true do
      local a = s:find('["\\]', i)
      if not a then error("Incomplete JSON object passed to sjson.decode") end
      r[#r + 1] = s:sub(i, a - 1)
      if s:sub(a, a) == '"' then i = a + 1 return concat(r) end
      local c = s:sub(a + 1, a + 1)
      local plain = ({b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"})[c]
      if plain then r[#r + 1] = plain i = a + 2
      elseif c == "u" then r[#r + 1] = string.char(tonumber(s:sub(a + 2, a + 5), 16) % 256) i = a + 6
      else error("Invalid escape character") end
    end
  end
  function value()
    blank()
    local c = s:sub(i, i)
    if c == '"' then return str() end
    if c == "{" then
      local r = {}
      i = i + 1 blank()
      while s:sub(i, i) ~= "}" do
        blank()
        if s:sub(i, i) ~= '"' then error("expected string key") end
        local k = str() blank()
        if s:sub(i, i) ~= ":" then error("expected colon") end
        i = i + 1
        r[k] = value() blank()
        if s:sub(i, i) == "," then i = i + 1 elseif s:sub(i, i) ~= "}" then error("expected comma") end
      end
      i = i + 1
      return r
    end
    if c == "[" then
      local r = {}
      i = i + 1 blank()
      while s:sub(i, i) ~= "]" do
        r[#r + 1] = value() blank()
        if s:sub(i, i) == "," then i = i + 1 elseif s:sub(i, i) ~= "]" then error("expected comma") end
      end
      i = i + 1
      return r
    end
    for w, v in pairs {["true"] = true, ["false"] = false} do
      if s:sub(i, i + #w - 1) == w then i = i + #w return v end
    end
    if s:sub(i, i + 3) == "null" then i = i + 4 return nil end
    local n = s:match("^-?[0-9.eE+-]+", i)
    if not n or not tonumber(n) then error("invalid JSON at " .. i) end
    i = i + #n
    return tonumber(n)
  end
  local v = value()
  blank()
  if i <= #s then error("text behind the JSON") end
  return v
end
sjson = {encode = encode, decode = decode}

-- net
net = {
  TCP = 1,
  dns = {setdnsserver = function(ip, n) call("dns", ip, n) end},
  createConnection = function()
    local s = {cb = {}}
    function s:on(e, f) self.cb[e] = f end
    function s:connect(port, host)
      conn = self
      local ok = call("connect", host, port) == "ok"
      tasks[#tasks + 1] = function()
        local f = self.cb[ok and "connection" or "disconnection"]
        if not ok then conn = nil end
        if f then f(self) end
      end
    end
    function s:send(d) call("send", d) end
    function s:close() if conn == self then conn = nil call("close") end end
    return s
  end,
}

-- Lua as NodeMCU has it: files are on the flash.
local function content(n)
  if call("exists", n) ~= "yes" then return nil end
  local f, t = handle(n, 0), {}
  local s = f:read()
  while s do t[#t + 1] = s s = f:read() end
  return concat(t)
end
loadfile = function(n)
  local s = content(n)
  if not s then return nil, "cannot open " .. n end
  if native and s:sub(1, 5) == "\27Lua:" then s = s:sub(6) end
  return realload(s, "@" .. n)
end
dofile = function(n) return assert(loadfile(n))() end
local searchers = package.loaders or package.searchers
for i = #searchers, 2, -1 do searchers[i] = nil end
searchers[2] = function(n)
  local p = n:gsub("%.", "/")
  return loadfile(p .. ".lc") or loadfile(p .. ".lua") or "\n\tno file on the flash"
end
print = function(...)
  local t = {...}
  for i = 1, select("#", ...) do t[i] = tostring(t[i]) end
  call("print", concat(t, " "))
end
if native then -- no bytecode in this process: a mark and the source are it
  local sources = setmetatable({}, {__mode = "k"})
  load = function(reader, name)
    local t = {}
    for s in reader do t[#t + 1] = s end
    local text = concat(t)
    local f, err = realload(text, name)
    if f then sources[f] = text end
    return f, err
  end
  string.dump = function(f) return "\27Lua:" .. sources[f] end
end
local console = native and host.console and host.console {call = call, tasks = tasks, option = option, load = realload, hex = hex}
for _, n in ipairs {"io", "os", "debug"} do _G[n] = nil end

local function keys(t)
  local r = {}
  for k in pairs(t) do r[k] = true end
  return r
end
-- The table of all strings never shrinks below a quarter used: it is brought to
-- the same size before each measurement.
local function settle()
  local t = {}
  for i = 1, 2000 do t[i] = "settle " .. i end
  t = nil
  for _ = 1, 12 do collectgarbage() end
end
local globals, loaded = keys(_G), keys(package.loaded)
settle()
local heap = collectgarbage("count")

local function guarded(f, ...)
  local ok, err = pcall(f, ...)
  if not ok then
    call("end", "panic", err)
    exit(0)
  end
end

if call("exists", "init.lua") == "yes" then (console and console.start or guarded)(dofile, "init.lua") end
if console then console.prompt() end
local prompt = call("prompt")
if prompt and prompt ~= "" then guarded(function() assert(realload(prompt, "=stdin"))() end) end

-- A function of its own: what its registers held must not be kept from the
-- collector.
local function loop()
while true do
  while #tasks > 0 do guarded(table.remove(tasks, 1)) end
  local nextT
  for t in pairs(timers) do if not nextT or t.at < nextT.at then nextT = t end end
  if not nextT and not conn and not console then break end
  local ms = nextT and math.max(nextT.at - now, 0) or 60000
  local e, d, spent
  if conn or console then e, d, spent = call("wait", ms) else e, spent = "timeout", ms end
  if e == "timeout" then
    now = now + ms
    if nextT and nextT.at <= now then
      if nextT.mode == 0 then timers[nextT] = nil else nextT.at = now + nextT.ms end
      guarded(nextT.f, nextT)
    end
  else
    now = now + math.min(tonumber(spent) or 0, ms)
    local c = conn
    if e == "line" then
      console.line(d)
    elseif e == "data" then
      if c.cb.receive then guarded(c.cb.receive, c, d) end
    elseif e == "closed" then
      conn = nil
      if c.cb.disconnection then guarded(c.cb.disconnection, c) end
    end
  end
end

end
loop()

tasks, timers = {}, {}
settle()
local left = {}
for k in pairs(_G) do if not globals[k] then left[#left + 1] = "_G." .. tostring(k) end end
for k in pairs(package.loaded) do if not loaded[k] then left[#left + 1] = "package.loaded." .. k end end
table.sort(left)
call("left", concat(left, " "), ("%.0f"):format((collectgarbage("count") - heap) * 1024))
call("end", "idle", "")
