local w = setmetatable({}, { __mode = "v" })
w[1], w.x = {}, {}
local keep = {} w.keep = keep
collectgarbage() collectgarbage()
print(w[1], w.x, w.keep == keep)
local k = setmetatable({}, { __mode = "k" })
k[{}] = 1 k[keep] = 2 k.s = 3
collectgarbage() collectgarbage()
local n = 0 for _ in pairs(k) do n = n + 1 end
print(n, k[keep])
local order = {}
for i = 1, 3 do local p = newproxy(true) getmetatable(p).__gc = function() order[#order + 1] = i end end
collectgarbage() collectgarbage()
print(table.concat(order, " "))
print(type(collectgarbage("count")), collectgarbage("collect"), collectgarbage("setpause", 200), type(gcinfo()))
local big = {} for i = 1, 1000 do big[i] = { i } end
local before = collectgarbage("count") big = nil collectgarbage()
print(collectgarbage("count") < before)
