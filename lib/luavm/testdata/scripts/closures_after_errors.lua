local x, log = 1, {}
local function inc() x = x + 1 end
pcall(error, "e")
inc()
print(x)
local function guarded(f) local ok, e = pcall(f) log[#log + 1] = tostring(e) return ok end
local y = 10
local function set(v) y = v end
guarded(function() set(20) error("after set") end)
print(y)
set(30)
print(y)
print(xpcall(function() set(40) local z = nil; return z.x end, function(m) set(y + 1) return m end))
print(y, #log)
local co = coroutine.wrap(function() set(50) coroutine.yield(y) set(60) error("in co") end)
print(co(), y)
print(pcall(co))
print(y)
