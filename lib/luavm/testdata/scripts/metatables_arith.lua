local V = {}
V.__index = V
local function new(x, y) return setmetatable({ x = x, y = y }, V) end
V.__add = function(a, b) return new(a.x + b.x, a.y + b.y) end
V.__sub = function(a, b) return new(a.x - b.x, a.y - b.y) end
V.__mul = function(a, b) if type(a) == "number" then return new(a * b.x, a * b.y) elseif type(b) == "number" then return new(a.x * b, a.y * b) end return a.x * b.x + a.y * b.y end
V.__div = function(a, b) return new(a.x / b, a.y / b) end
V.__mod = function(a, b) return new(a.x % b, a.y % b) end
V.__pow = function(a, b) return new(a.x ^ b, a.y ^ b) end
V.__unm = function(a) return new(-a.x, -a.y) end
V.__eq = function(a, b) return a.x == b.x and a.y == b.y end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__concat = function(a, b) return tostring(a) .. "~" .. tostring(b) end
V.__tostring = function(a) return "(" .. a.x .. "," .. a.y .. ")" end
V.__call = function(self, k, ...) return self[k], ... end
V.__len = function() return 99 end
local a, b = new(1, 2), new(3, 4)
print(tostring(a + b), tostring(a - b), a * b, tostring(2 * a), tostring(a * 2), tostring(b / 2), tostring(b % 2), tostring(a ^ 2), tostring(-a))
print(a == b, a == new(1, 2), a ~= b, a < b, a <= b, a > b, a >= b)
print(a .. b, a .. "x", "x" .. a, 1 .. a, a .. b .. "y")
print(a("x", 10), #a, pcall(function() return a + {} end))
print(pcall(function() return {} < {} end), pcall(function() return {} .. "x" end))
