local text = [[the quick brown fox jumps over the lazy dog the fox]]
local count, order = {}, {}
for w in text:gmatch("%a+") do
  if not count[w] then order[#order + 1] = w end
  count[w] = (count[w] or 0) + 1
end
table.sort(order, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
for _, w in ipairs(order) do print(w, count[w]) end
