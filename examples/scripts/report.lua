-- A first script in Lua.
local words = {}
for w in ("hello from " .. _VERSION):gmatch("%S+") do words[#words + 1] = w end
print(table.concat(words, " "))
