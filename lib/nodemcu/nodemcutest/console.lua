-- What a board with a serial console has beyond the shims of luaOTA's modules:
-- the prompt, and the modules that its users at the prompt need.
host.console = function(e)
  local call, option, hex = e.call, e.option, e.hex
  local real_node, real_file = node, file

  local function handle(name, at)
    local f = {}
    function f:read(n)
      local s = call("read", name, at, math.min(n or 1024, 1024))
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
    function f:write(s)
      if call("pwrite", name, at, s) ~= "ok" then return nil end
      at = at + #s
      return true
    end
    function f:writeline(s) return self:write(s .. "\n") end
    function f:seek(w, o)
      local size = tonumber(call("size", name))
      if w == "set" then at = o or 0 elseif w == "cur" then at = at + (o or 0) elseif w == "end" then at = size + (o or 0) end
      return at
    end
    function f:flush() return true end
    function f:close() end
    return f
  end
  local function open(name, mode)
    if #name > 31 then error("filename invalid") end
    mode = mode or "r"
    if mode:sub(1, 1) == "w" then
      if call("create", name) ~= "ok" then return nil end
    elseif call("exists", name) ~= "yes" then
      return nil
    end
    return handle(name, mode:sub(1, 1) == "a" and tonumber(call("size", name)) or 0)
  end
  file.open = open
  file.close = function() end
  file.fsinfo = function()
    local free, used, total = call("fsinfo")
    return tonumber(free), tonumber(used), tonumber(total)
  end
  if option.oldfile then -- one current file, and no objects
    local at
    file.open = function(n, m) at = open(n, m) return at and true end
    file.write = function(s) return at:write(s) end
    file.read = function(n) return at:read(n) end
    file.seek = function(w, o) return at:seek(w, o) end
    file.close = function() at = nil end
  elseif not option.esp32 then
    -- nodemcu-tool writes to the current file.
    local cur
    file.open = function(n, m) cur = open(n, m) return cur end
    file.write = function(s) return cur:write(s) end
    file.close = function() cur = nil end
    file.flush = function() return true end
  end

  crypto.hash = function(alg, s)
    local d = call("hash", alg:lower(), s)
    if not d then error("unknown hash algorithm") end
    return d
  end
  crypto.fhash = function(alg, n)
    crypto.hash(alg, "")
    local d = call("fhash", alg:lower(), n)
    if not d and not option.esp32 then error("file does not exist") end -- both are seen
    return d
  end
  encoder = {
    toHex = hex,
    fromHex = function(s) return (s:gsub("..", function(h) return string.char(tonumber(h, 16)) end)) end,
    fromBase64 = function(s) return (call("unbase64", s)) end,
  }
  uart = {
    setup = function(id, baud, _, _, _, echo) call("uart", baud, echo or 1) return baud end,
    write = function(id, ...) for i = 1, select("#", ...) do call("write", (select(i, ...))) end end,
    on = function() end,
  }
  node.info = function(what)
    if option.info8 then return 2, 2, 0, node.chipid(), 1458400, 4096, 2, 40000000 end
    if what == "hw" then return {chip_id = node.chipid(), flash_id = 1458400, flash_size = 4096, flash_mode = 2, flash_speed = 40000000} end
    if what == "sw_version" then
      return {node_version_major = 3, node_version_minor = 0, node_version_revision = 0, git_branch = "release", git_commit_id = "8181c3be7aed9f0a0ceb73ac8137c1a519e8a8e9", git_release = "3.0.0-release_20240225"}
    end
    if what == "build_config" then return {ssl = false, lfs_size = 131072, number_type = "float", modules = "adc,crypto,encoder,file,net,node,sjson,tmr,uart,wifi"} end
    print("node.info() without parameter is deprecated")
    return 3, 0, 0, node.chipid(), 1458400, 4096, 2, 40000000
  end
  node.flashsize = function() return 4194304 end
  node.setcpufreq = function() return 80 end
  node.compile = function(n)
    local s = call("content", n)
    if not s then error("cannot open " .. n) end
    if option.nomemory then error("not enough memory") end
    local f, err = e.load(s, "@" .. n)
    if not f then error(err, 0) end
    call("create", n:gsub("%.lua$", ".lc"))
    if call("pwrite", n:gsub("%.lua$", ".lc"), 0, "\27Lua:" .. s) ~= "ok" then error("write failed") end
  end
  node.getpartitiontable = function()
    return {lfs_addr = 0x7b000, lfs_size = 0x20000, spiffs_addr = 0x100000, spiffs_size = 0x2fd000}
  end
  if option.nopartitions then node.getpartitiontable = nil end
  for w in pairs(option) do
    local m = w:match("^no%-(%a+)$")
    if m then _G[m] = nil end
  end

  function print(...)
    local t = {...}
    for i = 1, select("#", ...) do t[i] = tostring(t[i]) end
    call("print", table.concat(t, "\t"))
  end
  local function prompt(more) call("write", more and ">> " or "> ") end
  local function complain(err)
    call("write", option.v2 and err .. "\r\n" or "Lua error: \t" .. err .. "\r\nstack traceback:\r\n\t[C]: in ?\r\n")
  end
  local buf
  local function ready()
    if option.esp32 then
      io = {open = open}
      file.open, file.write, file.close, node.chipid = nil, nil, nil, function() end
    end
  end
  return {
    start = function(f, ...)
      ready()
      local ok, err = pcall(f, ...)
      if not ok then complain(err) end
    end,
    prompt = function() ready() prompt() end,
    line = function(s)
      s = buf and buf .. "\n" .. s or s
      buf = nil
      local f, err = e.load(s:sub(1, 1) == "=" and "return " .. s:sub(2) or s, "=stdin")
      if not f then
        if err:find("near '<eof>'", 1, true) then
          buf = s
          return prompt(true)
        end
        complain(err)
        return prompt()
      end
      local r = {pcall(f)}
      if not r[1] then
        complain(tostring(r[2]))
      elseif #r > 1 then
        print(unpack(r, 2))
      end
      prompt()
    end,
  }
end
