local function decode(s)
  local pos = 1
  local value
  local function fail(m) error(m .. " at " .. pos, 0) end
  local function ws() pos = s:find("[^ \t\r\n]", pos) or #s + 1 end
  local function str()
    local out = {}
    pos = pos + 1
    while true do
      local a = s:find('["\\]', pos)
      if not a then fail("open string") end
      out[#out + 1] = s:sub(pos, a - 1)
      if s:sub(a, a) == '"' then pos = a + 1 return table.concat(out) end
      local c = s:sub(a + 1, a + 1)
      if c == "u" then out[#out + 1] = string.char(tonumber(s:sub(a + 2, a + 5), 16) % 256) pos = a + 6
      else out[#out + 1] = ({ n = "\n", t = "\t", r = "\r", b = "\b", f = "\f" })[c] or c pos = a + 2 end
    end
  end
  function value()
    ws()
    local c = s:sub(pos, pos)
    if c == "{" then
      local o = {} pos = pos + 1 ws()
      if s:sub(pos, pos) == "}" then pos = pos + 1 return o end
      while true do ws() if s:sub(pos, pos) ~= '"' then fail("key") end local k = str() ws() if s:sub(pos, pos) ~= ":" then fail("colon") end pos = pos + 1 o[k] = value() ws() local d = s:sub(pos, pos) pos = pos + 1 if d == "}" then return o elseif d ~= "," then fail("comma") end end
    elseif c == "[" then
      local o = {} pos = pos + 1 ws()
      if s:sub(pos, pos) == "]" then pos = pos + 1 return o end
      while true do o[#o + 1] = value() ws() local d = s:sub(pos, pos) pos = pos + 1 if d == "]" then return o elseif d ~= "," then fail("comma") end end
    elseif c == '"' then return str() end
    for w, v in pairs { ["true"] = true, ["false"] = false } do if s:sub(pos, pos + #w - 1) == w then pos = pos + #w return v end end
    if s:sub(pos, pos + 3) == "null" then pos = pos + 4 return nil end
    local n = s:match("^-?%d+%.?%d*[eE]?[+-]?%d*", pos)
    if not n then fail("value") end
    pos = pos + #n
    return tonumber(n)
  end
  return value()
end
local d = decode('{"a": [1, 2.5, -3e2, "x\\n\\u0041"], "b": {"c": true, "d": null}, "e": {}}')
print(d.a[1], d.a[2], d.a[3], d.a[4], d.b.c, d.b.d, next(d.e))
for _, bad in ipairs { "", "{", "[1,", '{"a"}', "[1 2]", '"x', "nul" } do print(pcall(decode, bad)) end
