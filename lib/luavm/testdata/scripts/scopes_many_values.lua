local t = {}
for i = 1, 300 do t[#t + 1] = "v" .. i .. " = " .. i end
local f = assert(loadstring("return {" .. table.concat(t, ", ") .. "}"))
local r = f() local s = 0 for _, v in pairs(r) do s = s + v end print(s, r.v300)
local big = {} for i = 1, 26000 do big[i] = i % 10 end
local g = assert(loadstring("return {" .. table.concat(big, ",") .. "}"))
local q = g() print(#q, q[1], q[25551], q[26000])
local ks = {} for i = 1, 400 do ks[i] = ("local a = %d.5 b = 'k%d' .. a"):format(i, i) end
local h = assert(loadstring("do " .. table.concat(ks, " end do ") .. " end return b")) print(h())
print(pcall(loadstring, "local " .. ("a,"):rep(250) .. "b"))
local nest = assert(loadstring(("do "):rep(100) .. "x = 1" .. (" end"):rep(100))) nest() print(x)
print(select("#", unpack({}, 1, 250)), (select(2, pcall(unpack, {}, 1, 1e7))))
local function many(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, ...) return a10, select("#", ...) end
print(many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
