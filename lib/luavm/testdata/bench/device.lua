-- What a script on a device does: read a value, filter, judge, report.
local history, alarms, log = {}, 0, {}
local function median(t)
  local c = {}
  for i, v in ipairs(t) do c[i] = v end
  table.sort(c)
  return c[math.ceil(#c / 2)]
end
local function sample(i)
  local raw = 2048 + 900 * math.sin(i / 50) + (i * 7919 % 97)
  history[#history + 1] = raw
  if #history > 9 then table.remove(history, 1) end
  local volts = median(history) * 3.3 / 4095
  local celsius = (volts - 0.5) * 100
  local spread = ((raw - 2048) ^ 2) ^ 0.5
  if celsius > 160 or spread > 950 then
    alarms = alarms + 1
    log[#log + 1] = string.format("%05d alarm t=%.2f spread=%.1f", i, celsius, spread)
  end
  return string.format('{"id":%d,"t":%.2f,"v":%.3f,"ok":%s}', i, celsius, volts, tostring(celsius < 150))
end
local bytes = 0
for i = 1, 3000 do bytes = bytes + #sample(i) end
print(bytes, alarms, #log, log[1])
