local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local s = 0
for i in range(100) do s = s + i end
print(s)
local function permgen(a, n)
  n = n or #a
  if n <= 1 then coroutine.yield(a) else
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permgen(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
end
for p in coroutine.wrap(function() permgen { "a", "b", "c" } end) do io.write(table.concat(p), " ") end
print()
local function walk(t) if t then walk(t.l) coroutine.yield(t.v) walk(t.r) end end
local tree = { v = 5, l = { v = 2, l = { v = 1 }, r = { v = 3 } }, r = { v = 8, r = { v = 9 } } }
for v in coroutine.wrap(function() walk(tree) end) do io.write(v, " ") end
print()
