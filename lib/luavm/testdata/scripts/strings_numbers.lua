for _, s in ipairs { "10", "0x10", " 5 ", "1e2", "1e", "0x", "", "abc", "1.5.2", ".5", "5.", "-3", "- 3", "+7", "1 2", "010", "1e400", "0x1p4" } do
  io.write(tostring(tonumber(s)), " ")
end
print()
for _, n in ipairs { 0, -0, 1, 0.1, 1 / 3, 1e15, 1e14, 123456789012345, 2 ^ 53, 1e100, -1e-7, 100, 1e21, 0.1 + 0.2 } do io.write(n, " ") end
print()
print(10 .. "", "10" + 5, "3" * "4", "0x10" + 0, 10 .. 20, -2 ^ 2, 2 ^ -1, 7 % 3, -7 % 3, 7 % -3, 5.5 % 2)
print(tonumber("ff", 16), tonumber("zz", 36), tonumber("8", 8), tonumber("101", 2), tonumber("7", 2))
print("010" + 1, "1e1" * 1, " 0x1F " + 0, pcall(function() return "x" + 1 end))
