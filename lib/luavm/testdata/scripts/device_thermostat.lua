-- A thermostat with hysteresis over a day of simulated readings.
local state, switched, log = "off", 0, {}
local function reading(minute) return 20 + 4 * math.sin(minute / 720 * math.pi) end
for minute = 0, 1439, 15 do
  local t = reading(minute)
  local want = state
  if t < 18.5 then want = "on" elseif t > 21.5 then want = "off" end
  if want ~= state then
    state, switched = want, switched + 1
    log[#log + 1] = string.format("%02d:%02d %s at %.2f", math.floor(minute / 60), minute % 60, state, t)
  end
end
print(switched, state)
print(table.concat(log, "\n"))
