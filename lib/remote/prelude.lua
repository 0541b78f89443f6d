-- What a monitoring rule finds when it begins.
local rt = require "agent.rules"
local node
function node(path)
  return setmetatable({}, {
    __index = function(_, k)
      local below = path .. "." .. tostring(k)
      local value, is_node = rt.get(below)
      if is_node then return node(below) end
      return value
    end,
    __newindex = function(_, k, v)
      local ok, err = rt.set(path .. "." .. tostring(k), v)
      if not ok then error(err, 2) end
    end,
  })
end
system, user, global, persist = node("system"), node("user"), node("global"), node("persist")
-- A fault of these is told where the rule calls them.
local function called(ok, ...)
  if not ok then error((...), 3) end
  return ...
end
local function trigger(name)
  return function(...) return { trigger = called(pcall(rt[name], ...)) } end
end
for _, name in ipairs { "onchange", "onhold", "onperiod", "ondate", "onboot", "onthreshold", "ondeadband" } do
  _G[name] = trigger(name)
end
local function handle(of, arg, name)
  if type(of) == "table" and of.trigger then return of.trigger end
  error(("bad argument #%d to '%s' (a trigger expected, got %s)"):format(arg, name, type(of)), 3)
end
function filter(test, of) return { trigger = called(pcall(rt.filter, test, handle(of, 2, "filter"))) } end
function connect(to, action) called(pcall(rt.connect, handle(to, 1, "connect"), action)) end
function sendtimestampeddata(...) called(pcall(rt.sendtimestampeddata, ...)) end
time = rt.time
local rule, err = loadstring(rt.text(), "@" .. rt.name())
if not rule then error(err, 0) end
rule()
