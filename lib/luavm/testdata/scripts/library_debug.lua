local function f(a, b, ...) local c = a + b local d = debug.getinfo(1, "nSlu") return d, debug.getlocal(1, 3) end
local d, name, value = f(1, 2)
print(d.name, d.namewhat, d.what, d.currentline, d.linedefined, d.lastlinedefined, d.nups, name, value)
print(debug.getinfo(print).what, debug.getinfo(1, "l").currentline, debug.getinfo(f, "L").activelines[1])
local up = 5
local function g() return up end
print(debug.getupvalue(g, 1), debug.setupvalue(g, 1, 9), up, debug.getupvalue(g, 2))
local function h() local x, y = 1, 2 debug.setlocal(1, 1, 10) return x, y end
print(h())
print(debug.traceback("msg", 1):match("^msg\nstack traceback:\n\t[^\n]+in main chunk") ~= nil, debug.traceback({}) ~= nil)
print(debug.getmetatable("").__index == string, debug.getinfo(100), pcall(debug.getlocal, 100, 1))
local t = setmetatable({}, { __metatable = "hidden" })
print(getmetatable(t), type(debug.getmetatable(t)), debug.gethook())
local co = coroutine.create(function(a) local b = a coroutine.yield(b) end)
coroutine.resume(co, 7)
print(debug.getlocal(co, 1, 1), debug.getlocal(co, 1, 2), debug.getinfo(co, 1, "l").currentline)
