local machine = {
  idle = { start = "warming", stop = "idle" },
  warming = { ready = "running", fault = "failed", stop = "idle" },
  running = { stop = "cooling", fault = "failed" },
  cooling = { ready = "idle" },
  failed = { reset = "idle" },
}
local function run(events)
  local s, trail = "idle", { "idle" }
  for e in events:gmatch "%a+" do
    local nextState = machine[s][e]
    if not nextState then return nil, ("no %s in %s"):format(e, s), trail end
    s = nextState
    trail[#trail + 1] = s
  end
  return s, nil, trail
end
for _, e in ipairs { "start ready stop ready", "start fault reset", "start start", "", "start ready fault reset start" } do
  local s, err, trail = run(e)
  print(s, err, table.concat(trail, ">"))
end
