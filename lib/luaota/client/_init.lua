-- Reads the configuration, starts the WiFi and the tick.
local self = ...
return function(_, args)
  if self.on then return end
  self.on, self.halt = true, nil
  stopOTA = self.stop
  local name = self.P .. "config.json"
  if not file.exists(name) then file.rename(self.P .. "~c", name) end
  local f = file.open(name, "r")
  local text, c = {}, nil
  if f then
    local s = f:read()
    while s do text[#text + 1] = s; s = f:read() end
    f:close()
    local ok, v = pcall(sjson.decode, table.concat(text))
    c = ok and type(v) == "table" and v
  end
  c = c or {}
  for k, v in pairs(args or {}) do c[k] = v end
  for k, v in pairs(c) do if v == "nil" then c[k] = false end end
  c.a, c.id = "HI", node.chipid()
  self.secret, c.secret = c.secret, nil
  self.config = c
  if not (c.ssid and c.server and self.secret) then
    return self.startApp("Invalid configuration")
  end
  -- The stronger mode, where the firmware has what it takes.
  local ok, h = pcall(crypto.hmac, "sha256", tostring(tmr.now()) .. node.heap() .. (node.random or math.random)(1, 2147483646) .. (self.seed or ""), self.secret)
  self.hex = crypto.toHex or encoder and encoder.toHex or function(s)
    return (s:gsub(".", function(x) return ("%02x"):format(x:byte()) end))
  end
  c.sx = ok and h and self.hex(h):sub(1, 32) or nil
  wifi.setmode(wifi.STATION, false)
  wifi.sta.config {ssid = c.ssid, pwd = c.spwd, auto = false, save = false}
  if c.espip then
    wifi.sta.setip {ip = c.espip, gateway = c.gw, netmask = c.nm}
  end
  wifi.sta.connect()
  self.arm(500, self:_doTick())
end
