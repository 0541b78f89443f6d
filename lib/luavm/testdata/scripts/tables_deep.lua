local function copy(o, seen)
  seen = seen or {}
  if type(o) ~= "table" then return o end
  if seen[o] then return seen[o] end
  local c = {}
  seen[o] = c
  for k, v in pairs(o) do c[copy(k, seen)] = copy(v, seen) end
  return setmetatable(c, getmetatable(o))
end
local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not equal(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end
local a = { 1, { 2, { 3, x = { y = "z" } } }, [true] = { 1 } }
local b = copy(a)
print(equal(a, b), a == b, a[2] == b[2])
b[2][2].x.y = "w"
print(equal(a, b), a[2][2].x.y)
local cyc = { name = "c" } cyc.self = cyc
local d = copy(cyc)
print(d.self == d, d.name, d ~= cyc)
local m = {} for i = 1, 5 do m[i] = {} for j = 1, 5 do m[i][j] = i * j end end
local tr = 0 for i = 1, 5 do tr = tr + m[i][i] end print(tr, #m, #m[1])
