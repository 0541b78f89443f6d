local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
local inc, get = counter()
inc() inc()
print(get())
local fs = {}
for i = 1, 3 do
  local j = i * 10
  fs[i] = function(x) j = j + x return i, j end
end
print(fs[1](1)) print(fs[2](2)) print(fs[1](1))
local function deep(a) return function(b) return function(c) a = a + 1 return a + b + c end end end
local d = deep(1)(2)
print(d(3), d(3))
repeat local u = 5 local f = function() return u end until f() == 5
while true do local v = 7 local f = function() v = v + 1 return v end print(f()) break end
