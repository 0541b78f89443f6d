-- What a script of a device does: read, decide, report.
local limits = { temperature = 40, humidity = 80 }
local function check(name, value)
  local limit = limits[name]
  if limit and value > limit then
    return false, ("%s is %.1f, more than %d"):format(name, value, limit)
  end
  return true
end
local report = {}
for _, r in ipairs { { "temperature", 41.25 }, { "humidity", 50 }, { "pressure", 1013 } } do
  local ok, why = check(r[1], r[2])
  report[#report + 1] = r[1] .. "=" .. (ok and "ok" or why)
end
print(table.concat(report, "; "))
