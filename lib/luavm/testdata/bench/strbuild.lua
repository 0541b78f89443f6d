-- Strings: building, joining, taking apart.
local parts = {}
for i = 1, 60000 do parts[#parts + 1] = "item " .. i .. "=" .. (i * 7 % 1000) end
local text = table.concat(parts, ";")
local count, sum = 0, 0
for k, v in text:gmatch("item (%d+)=(%d+)") do
  count = count + 1
  sum = sum + tonumber(v)
end
print(count, sum, #text)
local upper = text:sub(1, 20000):upper():gsub("ITEM", "x")
print(#upper)
local s = ""
for i = 1, 4000 do s = s .. string.char(65 + i % 26) end
print(#s, s:sub(-10))
