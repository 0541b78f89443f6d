-- Waits for an address, connects, says HI, waits for the first record.
local self = ...
return function()
  local n, c, sock = 0, self.config, nil
  return function()
    n = n + 1
    if sock then
      if n >= 6 then self.startApp("OK: Timeout on waiting for provision service response") end
      return
    end
    if not wifi.sta.getip() then
      if n >= 20 then self.startApp("OK: Timeout on waiting for wifi station setup") end
      return
    end
    n = 0
    local ns = c.nsserver or c.ns
    if ns then net.dns.setdnsserver(ns, 0) end
    local hex, secret = self.hex, self.secret
    self.tag = function(s) return hex(crypto.hmac("MD5", s, secret)):sub(-6) end
    sock = net.createConnection(net.TCP, 0)
    self.sock = sock
    sock:on("connection", function(s)
      self.log("Connected to provisioning service")
      self.hello = sjson.encode(c)
      self.recv = self:_provision()
      s:send(self.hello .. self.tag(self.hello) .. "\n")
    end)
    sock:on("receive", function(_, d) if self.recv then self.recv(d) end end)
    sock:on("disconnection", function() self.startApp("Unexpected socket close") end)
    sock:connect(c.port or 8266, c.server)
  end
end
