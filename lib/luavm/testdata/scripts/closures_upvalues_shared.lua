local function make()
  local v = 0
  local function get() return v end
  local function set(n) v = n end
  local function nest() return function() v = v + 1 return get() end end
  return get, set, nest
end
local get, set, nest = make()
set(5)
local n1, n2 = nest(), nest()
print(n1(), n2(), get())
local t = {}
do
  local a
  for i = 1, 3 do
    local b = i
    t[#t + 1] = function() a = (a or 0) + b return a end
  end
end
print(t[1](), t[2](), t[3](), t[1]())
local i = 1
local gs = {}
while i <= 3 do
  local k = i
  gs[i] = function() return k end
  if i == 2 then i = i + 1 else i = i + 1 end
end
print(gs[1](), gs[2](), gs[3]())
repeat local z = get() ; local f = function() return z end until f() == z
