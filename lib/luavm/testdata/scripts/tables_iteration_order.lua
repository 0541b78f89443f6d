local t = {}
for i = 1, 20 do t["key" .. i] = i end
for i = 1, 10 do t[i] = -i end
t[1.5], t[true], t[-1], t[100] = "f", "b", "n", "h"
for k, v in pairs(t) do io.write(tostring(k), "=", tostring(v), " ") end
print()
for i = 1, 20, 2 do t["key" .. i] = nil end
for k, v in pairs(t) do io.write(tostring(k), "=", tostring(v), " ") end
print()
local u = { z = 1, y = 2, x = 3, 10, 20, [0] = 5, [3] = 30, [2 ^ 40] = 1 }
for k, v in pairs(u) do io.write(tostring(k), "=", tostring(v), " ") end
print(#u)
for k in pairs(u) do u[k] = nil end
print(next(u))
local s = {} for w in ("the order of a hash is that of its nodes and so it is the same here"):gmatch("%a+") do s[w] = (s[w] or 0) + 1 end
for k, v in pairs(s) do io.write(k, v, " ") end
print()
