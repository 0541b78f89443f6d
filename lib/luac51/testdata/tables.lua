local t = { 1, 2, 3, x = "y", ["a b"] = 4, [10] = 5; 6 }
print(#t, t.x, t["a b"], t[10], t[4])
local a, b = 1, 2
a, b = b, a
print(a, b)
t[1], t[2] = t[2], t[1]
print(t[1], t[2])
local Point = {}
Point.__index = Point
Point.__add = function(p, q) return setmetatable({ x = p.x + q.x }, Point) end
Point.__tostring = function(p) return "P" .. p.x end
Point.__call = function(p, k) return p.x * k end
Point.__eq = function(p, q) return p.x == q.x end
Point.__lt = function(p, q) return p.x < q.x end
Point.__concat = function(p, q) return "cat" end
Point.__newindex = function(p, k, v) rawset(p, k, v * 2) end
function Point:get(d) return self.x + (d or 0) end
local p, q = setmetatable({ x = 1 }, Point), setmetatable({ x = 2 }, Point)
print(tostring(p + q), p(5), p == q, p < q, p .. q, p:get(), p:get(10), (p + q):get())
p.z = 4
print(p.z, -t[2], 2 ^ 10, 7 % 4, #"abc")
