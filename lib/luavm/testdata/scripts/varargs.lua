local function count(...) return select("#", ...), ... end
print(count()) print(count(nil)) print(count(1, nil, nil))
local function pass(...) return ... end
print((pass(1, 2, 3)), pass(1, 2, 3))
local function tail(...) return count(...) end
print(tail(nil, 2))
local function old(...) return arg.n, arg[1], #arg end
print(old(5, nil))
print(select(2, "a", "b", "c"), select(-1, "a", "b", "c"))
local t = { pass(1, 2), pass(3, 4) }
print(#t, t[1], t[2], t[3])
t = { pass(1, 2), (pass(3, 4)) }
print(#t)
print(unpack({ 1, 2, 3 }, 2), unpack({ 1, 2, 3 }, 2, 3), unpack({}, 1, 3))
print(math.max(pass(3, 9, 2)), string.char(pass(72, 105)))
local function f(a, b, ...) local x, y = ... return a, b, x, y, select("#", ...) end
print(f(1)) print(f(1, 2, 3)) print(f(1, 2, 3, 4, 5))
