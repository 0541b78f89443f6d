-- Obeys the records of the provisioning service. Data goes to a file of its
-- own at once; a file has its name only when it is whole.
local self = ...
return function()
  local P, hex = self.P, self.hex
  local tmp = P .. "~"
  local buf, key, sn, dn, accepted = "", nil, 0, 0, false

  local function seal(side, n, s, d)
    return hex(crypto.hmac("sha256", side .. n .. "\n" .. s .. "\n" .. d, key))
  end

  local function say(t, d)
    local s = sjson.encode(t)
    local sig = self.tag
    if key then
      sig = seal("d", dn, s, d or "")
      dn = dn + 1
    else
      sig = sig(s)
    end
    self.sock:send(s .. sig .. "\n" .. (d or ""))
  end

  local function keep(d)
    if not self.fd then
      self.fd = file.open(tmp, "w+")
      self.bad = not self.fd
    end
    if not self.bad and #d > 0 and not self.fd:write(d) then self.bad = true end
  end

  local function whole(d) -- what was kept is a file
    keep(d)
    if self.fd then self.fd:close() end
    self.fd = nil
    if self.bad then file.remove(tmp) end
    return not self.bad
  end

  local function place(name)
    file.remove(name)
    return file.rename(tmp, name)
  end

  local function hash(name)
    return key and file.exists(name) and hex(crypto.fhash("sha256", name)) or nil
  end

  local function write(name, parts)
    local f = file.open(name, "w+")
    local ok = f and true
    for i = 1, #parts, 512 do ok = ok and f:write(parts:sub(i, i + 511)) end
    if f then f:close() end
    return ok
  end

  local act = {}
  act.pu = function(_, d) keep(d) return {s = "OK"} end
  act.dl = function(c, d)
    if whole(d) and place(c.name) then return {s = "OK", h = hash(c.name)} end
    file.remove(c.name)
    return {s = "write failed"}
  end
  act.cm = function(c, d)
    if not whole(d) then return {s = "write failed"} end
    local src = file.open(tmp, "r")
    local f, err = load(function() return src:read(512) end, c.name)
    src:close()
    if not f then
      file.remove(tmp)
      return {s = "compile fail", err = err}
    end
    if node.stripdebug then pcall(node.stripdebug, 2, f) end
    local code = string.dump(f)
    f = nil
    if write(tmp, code) and place(c.name:sub(1, -5) .. ".lc") then return {s = "OK", lcsize = #code} end
    file.remove(tmp)
    return {s = "write failed"}
  end
  act.mv = function(c)
    if file.exists(c.from) then
      file.remove(c.to)
      if not file.rename(c.from, c.to) then return {s = "Rename failed"} end
    end
    return {s = "OK"}
  end
  act.ls = function()
    local r = {}
    for k, v in pairs(file.list()) do r[k] = v end
    r.s = "OK"
    return r
  end
  act.ul = function(c)
    local f, d, left = file.open(c.name, "r"), {}, c.len
    if f then
      f:seek("set", c.offset)
      while left > 0 do
        local s = f:read(math.min(left, 512))
        if not s then break end
        d[#d + 1], left = s, left - #s
      end
      f:close()
    end
    return {s = "OK"}, table.concat(d)
  end
  act.rm = function(c) file.remove(c.name) return {s = "OK"} end
  act.sh = function(c) return {s = "OK", h = hash(c.name)} end
  act.restart = function(c)
    c.a, c.n, c.sx, c.secret = nil, nil, nil, self.secret
    if write(P .. "~c", sjson.encode(c) .. "\n") then
      file.remove(P .. "config.json")
      file.rename(P .. "~c", P .. "config.json")
    end
    self.over = true
    self.clean()
    node.restart()
  end

  local function check(line, d)
    local n = not accepted and self.config.sx and line:match('"n":"(%x+)"')
    if n and #line > 64 then
      key = crypto.hmac("sha256", "luaOTA sx1\n" .. self.hello .. "\n" .. n, self.secret)
    end
    if self.config.strict and not key then return end
    local w = key and 64 or 6
    local s, sig = line:sub(1, -w - 1), line:sub(-w)
    if key then
      local good = #s > 0 and seal("s", sn, s, d) == sig
      sn = sn + 1
      return good and s
    end
    return #s >= 10 and self.tag(s) == sig and s
  end

  local function one(line, d)
    local s = check(line, d)
    local ok, c = pcall(sjson.decode, s or "")
    if not (s and ok and (c.data or 0) == #d) then
      return self.startApp(accepted and "Invalid record" or "OK: No valid answer of the provision service")
    end
    if not accepted and c.r == "OK!" then return self.startApp("OK! No further updates needed") end
    accepted = true
    self.arm(30000, function() self.startApp("General timeout on provisioning") end)
    self.log("<<", s)
    local f = act[c.a]
    if f then
      local r, data = f(c, d)
      if r then say(r, data) end
    else
      say({s = "OK"})
    end
  end

  return function(piece)
    buf = buf .. piece
    while not self.over do
      local e = buf:find("\n", 1, true)
      if not e then
        if #buf > 4096 then self.startApp("Invalid record") end
        return
      end
      local line = buf:sub(1, e - 1)
      local n = tonumber(line:match('"data":(%d+)') or 0)
      if n > 4096 then return self.startApp("Invalid record") end
      if #buf < e + n then return end
      local d = buf:sub(e + 1, e + n)
      buf = buf:sub(e + n + 1)
      one(line, d)
    end
  end
end
