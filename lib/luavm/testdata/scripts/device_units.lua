local units = { { "B", 1 }, { "KB", 2 ^ 10 }, { "MB", 2 ^ 20 }, { "GB", 2 ^ 30 } }
local function human(n)
  local best = units[1]
  for _, u in ipairs(units) do if n >= u[2] then best = u end end
  return ("%.4g%s"):format(n / best[2], best[1])
end
for _, n in ipairs { 0, 1, 1023, 1024, 1536, 10 ^ 6, 2 ^ 30, 123456789012 } do io.write(human(n), " ") end
print()
for _, c in ipairs { -40, 0, 36.6, 100 } do print(("%6.1fC = %6.1fF = %7.2fK"):format(c, c * 9 / 5 + 32, c + 273.15)) end
