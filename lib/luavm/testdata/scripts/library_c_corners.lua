-- Where C's own functions show through the libraries.
print(tonumber("1\0"), tonumber("12\0junk") , "5\0" + 1, tonumber("ff\0", 16))
print(os.difftime(5), os.difftime(7.9, 3.2))
print(os.time { year = 2020, month = 7, day = 1, isdst = false } - os.time { year = 2020, month = 7, day = 1, isdst = true })
print(os.time { year = 2020 + 2 ^ 32, month = 1, day = 2 ^ 32 + 3, hour = 0 } - os.time { year = 2020, month = 1, day = 3, hour = 0 })
print(os.date("!*tx", 0), type(os.date("!*t", 0)), os.date("a\0b", 0), os.date("!%Z", 0), os.date("!%c", 1e18))

local function number(s)
  local f = io.tmpfile()
  f:write(s)
  f:seek("set")
  local n = f:read("*n")
  return tostring(n) .. "|" .. f:read("*a"):sub(1, 20)
end
for _, s in ipairs { "1e", "1e+", "1e5e", "--1", "+5", "0x", "0xg", "0x.", "0x1p4", "1.2.3", "x 7", ". 1", "-.", "nan", "nanx", "nan(1)",
  "nope", "inf", "infinity!", "infinite", "-inf", " \t\n 5,5", ("1"):rep(300), ("0"):rep(5000) .. "7 rest" } do
  print(number(s))
end
local f = io.tmpfile()
f:write("all of it")
f:seek("set")
print(f:read(-1), f:read(-1))

print(pcall(function() print(load(function() return {} end)) end))
package.preload.odd = 7
print(pcall(require, "odd") == false, (select(2, pcall(require, "odd")):match("^[^\n]*")))
io.input(io.tmpfile())
io.input():close()
print(pcall(io.lines))
local nan = 0 / 0
for _, y in ipairs { 1, -1, 2, 3, 0.5, 2 ^ 53, 2 ^ 52 + 1, 1 / 0, -5 } do io.write(tostring(nan ^ y), " ", tostring((-nan) ^ y), "; ") end
print()
local t = {}
print(pcall(function() t["a\0b"].c = 1 end))
print(pcall(function() t["a\0b"]() end))
for _, f in ipairs { "%#o", "%#.o", "%#.0o", "%#5.0o", "%-#5o", "%#08o", "%# 012o", "%#.3o", "%#6.4o" } do
  io.write(f, ": ")
  for _, n in ipairs { 0, 1, 8, 100, 4096 } do io.write("[", string.format(f, n), "]") end
  print()
end
for _, n in ipairs { 65, 65 + 256, 65 + 2 ^ 31, 65 - 2 ^ 31, 65 + 2 ^ 40, 1 / 0, 65.9, -191.5 } do io.write(#string.format("%c", n), " ", string.format("%c", n), ";") end
print()
