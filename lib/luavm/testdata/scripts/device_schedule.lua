local jobs = {}
local function every(n, name, f) jobs[#jobs + 1] = { n = n, name = name, f = f, at = n } end
local log = {}
every(3, "poll", function(t) log[#log + 1] = "poll" .. t end)
every(5, "send", function(t) log[#log + 1] = "send" .. t end)
every(7, "fail", function(t) error("at " .. t) end)
for t = 1, 21 do
  for _, j in ipairs(jobs) do
    if t == j.at then
      j.at = j.at + j.n
      local ok, err = pcall(j.f, t)
      if not ok then log[#log + 1] = j.name .. "!" .. err:gsub("^.-:%d+: ", "") end
    end
  end
end
print(table.concat(log, " "))
