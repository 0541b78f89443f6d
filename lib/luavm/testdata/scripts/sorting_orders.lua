local t = { 5, 2, 8, 1, 9, 3 }
table.sort(t) print(table.concat(t, " "))
table.sort(t, function(a, b) return a > b end) print(table.concat(t, " "))
local w = { "banana", "Apple", "cherry", "apple", "Banana" }
table.sort(w) print(table.concat(w, " "))
table.sort(w, function(a, b) return a:lower() < b:lower() or a:lower() == b:lower() and a < b end) print(table.concat(w, " "))
local r = {} for i = 1, 300 do r[i] = (i * 7919) % 1009 end
table.sort(r)
local ok = true for i = 2, #r do ok = ok and r[i - 1] <= r[i] end print(ok, r[1], r[300])
local calls = 0
local q = {} for i = 1, 100 do q[i] = i end
table.sort(q, function(a, b) calls = calls + 1 return a < b end) print(calls)
print(pcall(table.sort, { 1, "x", 2 }))
print(pcall(table.sort, { 3, 1, 2, 5, 4, 7, 6 }, function() return true end))
table.sort({}) table.sort({ 1 })
local objs = {} for i, n in ipairs { "d", "b", "a", "c" } do objs[i] = setmetatable({ n = n }, { __lt = function(x, y) return x.n < y.n end }) end
local mt = getmetatable(objs[1]) for _, o in ipairs(objs) do setmetatable(o, mt) end
table.sort(objs) for _, o in ipairs(objs) do io.write(o.n) end print()
