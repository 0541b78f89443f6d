local function counter(start, step)
  local n = start
  return { inc = function() n = n + step return n end, get = function() return n end, reset = function() n = start end }
end
local a, b = counter(0, 1), counter(100, -5)
for _ = 1, 3 do a.inc() b.inc() end
print(a.get(), b.get())
pcall(error, "an error between must not part closures from variables")
a.inc()
print(a.get())
a.reset()
print(a.get(), b.get())
local fs = {}
for i = 1, 5 do local j = i * i fs[i] = function() j = j + i return j end end
for i = 1, 5 do io.write(fs[i](), " ", fs[i](), " ") end
print()
