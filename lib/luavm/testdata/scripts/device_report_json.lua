local function encode(v)
  local t = type(v)
  if t == "nil" then return "null"
  elseif t == "number" or t == "boolean" then return tostring(v)
  elseif t == "string" then
    return '"' .. v:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
  end
  local out = {}
  if #v > 0 then
    for i, x in ipairs(v) do out[i] = encode(x) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  local keys = {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys)
  for i, k in ipairs(keys) do out[i] = encode(k) .. ":" .. encode(v[k]) end
  return "{" .. table.concat(out, ",") .. "}"
end
print(encode { id = 7, name = 'a "b"\n\\', values = { 1, 2.5, -0, 1e20, 1 / 3 }, ok = true, nested = { { x = 1 }, { y = {} } } })
