-- luaOTA client, drop-in for the original: require "luaOTA.check", or
-- require "luaOTA.check":_init {ssid=..., spwd=..., server=..., port=..., secret=...}
local P = "luaOTA/"
local self = {P = P}
setmetatable(self, {__index = function(_, k)
  local f = k:byte() == 95 and (loadfile(P .. k .. ".lc") or loadfile(P .. k .. ".lua"))
  return f and f(self)
end})

self.log = function(...) if DEBUG then print("luaOTA", ...) end end

-- An update that a cut interrupted is finished first.
if file.exists(P .. "todo") then
  self:_todo()
  return self
end

local static = pcall(tmr.stop, 0)
self.arm = function(ms, f)
  if static then
    tmr.stop(0)
    if ms then tmr.alarm(0, ms, 1, f) end
    return
  end
  if self.t then self.t:unregister(); self.t = nil end
  if ms then
    self.t = tmr.create()
    self.t:alarm(ms, tmr.ALARM_AUTO, f)
  end
end

-- Ends everything; what stays is what was there before.
self.clean = function()
  self.arm()
  local s = self.sock
  self.sock, self.recv = nil, nil
  if s then pcall(s.close, s) end
  if self.fd then self.fd:close(); self.fd = nil end
  if rawget(_G, "stopOTA") == self.stop then stopOTA = nil end
  package.loaded["luaOTA.check"] = nil
end

self.startApp = function(why)
  if self.over then return end
  self.over = true
  local c = self.config or {}
  self.log("starting the application:", why)
  self.clean()
  if not c.leave then wifi.setmode(wifi.NULLMODE, false) end
  local app, entry = c.app or "luaOTA.default", c.entry or "entry"
  for k in pairs(self) do self[k] = nil end
  self.over = true
  node.task.post(function() require(app)[entry](why) end)
end

self.stop = function()
  self.on, self.halt = nil, true
  self.clean()
  package.loaded["luaOTA.check"] = self
end
stopOTA = self.stop

node.task.post(function()
  if not (self.on or self.halt or self.over) then self:_init() end
end)
return self
