local t = {}
for i = 1, 16 do t[i] = i io.write(#t, " ") end
for i = 16, 1, -1 do t[i] = nil io.write(#t, " ") end
print()
local h = { 1, 2, 3, nil, 5, nil, nil, 8 }
print(#h)
h = { n = 1, [1] = 1, [2] = 2, [4] = 4 }
print(#h)
h[3] = 3 print(#h)
h[5] = 5 h[6] = 6 h[8] = 8 print(#h)
local g = {} for i = 1, 10 do g[i] = true end g[5] = nil print(#g) g[10] = nil print(#g) g[9] = nil g[8] = nil print(#g)
local big = {} for i = 1, 1000 do big[i] = i end for i = 1, 1000, 2 do big[i] = nil end print(#big)
local r = {} for i = 10, 1, -1 do r[i] = i end print(#r)
