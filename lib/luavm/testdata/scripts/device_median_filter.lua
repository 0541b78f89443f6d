local function median(window)
  local c = {}
  for i = 1, #window do c[i] = window[i] end
  table.sort(c)
  local n = #c
  if n % 2 == 1 then return c[(n + 1) / 2] end
  return (c[n / 2] + c[n / 2 + 1]) / 2
end
local seed = 7
local function noise() seed = (seed * 1103515245 + 12345) % 2147483648 return seed / 2147483648 end
local w, sum = {}, 0
for i = 1, 200 do
  w[#w + 1] = 100 + noise() * 10 + (i % 17 == 0 and 500 or 0)
  if #w > 5 then table.remove(w, 1) end
  sum = sum + median(w)
end
print(sum, median(w), #w)
