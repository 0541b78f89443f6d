local log = {}
local base = { greet = function(self) return "hi " .. self.name end, kind = "base" }
local mid = setmetatable({ kind = "mid" }, { __index = base })
local obj = setmetatable({ name = "o" }, { __index = mid })
print(obj:greet(), obj.kind, obj.none)
local proxy = setmetatable({}, { __index = function(t, k) log[#log + 1] = "get " .. tostring(k) return k end, __newindex = function(t, k, v) log[#log + 1] = "set " .. tostring(k) rawset(t, k, v) end })
print(proxy.a, proxy[1], proxy[true])
proxy.x = 1
proxy.x = 2
print(rawget(proxy, "x"), rawget(proxy, "a"))
print(table.concat(log, ";"))
local ro = setmetatable({}, { __index = { v = 1 }, __newindex = function(_, k) error("read only: " .. k, 2) end, __metatable = "locked" })
print(ro.v, pcall(function() ro.v = 2 end))
print(getmetatable(ro), pcall(setmetatable, ro, {}))
local default = setmetatable({}, { __index = function(t, k) local v = {} t[k] = v return v end })
default.a.b = 1 default.a.c = 2
print(default.a.b, default.a.c, next(default))
local redirect, store = setmetatable({}, { __newindex = base }), nil
redirect.added = 5
print(base.added, rawget(redirect, "added"))
print(rawequal(obj, obj), rawequal({}, {}), ("x").len, ("x"):len(), #"abc")
