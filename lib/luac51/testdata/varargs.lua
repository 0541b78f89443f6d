local function count(...) return select("#", ...), ... end
local function tail(...) return count(...) end
local function old(...) return arg.n, arg[2] end
local function mixed(a, ...) local b, c = ... return a, b, c, select("#", ...) end
print(count()) print(tail(1, nil, 3)) print(old(5, 6, 7)) print(mixed(1)) print(mixed(1, 2, 3, 4))
print((count(1, 2)))
local t = { count(1, 2), count(3) }
print(#t, unpack(t))
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end
print(loop(10000, 0))
local x, y, z = 1, 2, 3
local function va(...) x = (...) return x, y, z end
print(va(9, 8))
print(...)
