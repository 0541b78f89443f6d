for i = 1, 3 do io.write(i, " ") end
for i = 3, 1, -1 do io.write(i, " ") end
for i = 1, 2, 0.5 do io.write(i, " ") end
for k, v in pairs { 10, 20, x = 30 } do io.write(tostring(k), "=", v, " ") end
for i, v in ipairs { "a", "b" } do io.write(i, v, " ") end
local n = 0
while n < 10 do n = n + 1 if n % 2 == 0 then n = n + 1 end if n > 7 then break end end
print(n)
repeat n = n - 1 until n < 3 or n == 4
print(n)
local function iter(s, c) if c < s then return c + 1, c * c end end
for a, b in iter, 4, 0 do io.write(a, ":", b, " ") end
print(1 < 2, 1 <= 1, 1 == 1, "a" < "b", not nil, nil and 1 or 2, false or nil)
