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
local function trigger(name)
  return function(...) return { trigger = rt[name](...) } end
end
for _, name in ipairs { "onchange", "onhold", "onperiod", "ondate", "onboot", "onthreshold", "ondeadband" } do
  _G[name] = trigger(name)
end
function filter(test, of) return { trigger = rt.filter(test, of.trigger) } end
function connect(to, action) rt.connect(to.trigger, action) end
time, sendtimestampeddata = rt.time, rt.send
local rule, err = loadstring(rt.text(), "@" .. rt.name())
if not rule then error(err, 0) end
rule()
