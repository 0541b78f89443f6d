local a, b, c = 1, 2, 3
a, b, c = c, a, b
print(a, b, c)
a, b = b, a
print(a, b)
local t = { 1, 2, 3 }
local i = 1
i, t[i] = i + 1, 20
print(i, t[1], t[2])
t[1], t[2], t[3] = t[3], t[1], t[2]
print(t[1], t[2], t[3])
local x, y, z = (function() return 1, 2, 3 end)()
print(x, y, z)
x, y, z = 0, (function() return 1, 2, 3 end)()
print(x, y, z)
x, y, z = (function() return 1, 2, 3 end)(), 10
print(x, y, z)
local function va(...) local p, q, r = 1, 2, 3 r = (...) return p, q, r, ... end
print(va(7, 8))
print((va(7, 8)))
do local a = a; a = a + 1; print(a) end
local q = { f = { g = {} } }
q.f.g.h, q.f.k = q, q.f
print(q.f.g.h == q, q.f.k == q.f)
a = { a = 1, a = 2, [1] = "x", "y" }
print(a.a, a[1])
