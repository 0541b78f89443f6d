local function try(f, ...) print(select(2, pcall(f, ...))) end
local t = {}
try(function() local a; a.b = 1 end) try(function() local a; return a.b.c end) try(function() return t.x.y end)
try(function() t.x.y = 1 end) try(function() undefinedglobal() end) try(function() t.method() end) try(function() t:method() end)
try(function() return 1 + nil end) try(function() return t + 1 end) try(function() local s = "x" return s + 1 end) try(function() return {} .. "x" end)
try(function() return #nil end) try(function() return -{} end) try(function() return 1 < "2" end) try(function() return {} < {} end) try(function() return nil > 1 end)
try(function() t[nil] = 1 end) try(function() t[0 / 0] = 1 end) try(function() for i = 1, "x" do end end) try(function() for i = {}, 1 do end end) try(function() for i = 1, 2, {} do end end)
try(function() for k in 5 do end end) try(function() for k in nil do end end) try(function() return ("x")() end) try(function() return math.floor("a") end)
try(string.rep) try(string.rep, "x") try(string.rep, "x", {}) try(setmetatable, 1, {}) try(ipairs) try(tonumber) try(math.max)
try(function() string.rep() end) try(function() ("x"):rep({}) end) try(function() ("x").rep() end) try(function() error() end) try(function() error(nil) end)
try(error, "plain") try(function() error("with position") end) try(function() error("level 2", 2) end) try(function() error("level 0", 0) end) try(function() error(42) end)
try(function() assert(false) end) try(function() assert(nil, "assertion text") end) try(function() assert(1 == 1, "no") return error("after") end)
local up = nil
try(function() up.x = 1 end) try(function() up() end) try(function() return up .. "x" end) try(function() return t.a.b.c.d end)
try(function() local a = {} a.b.c = 1 end) try(function() (function() end)().x = 1 end) try(function() return (nil)[1] end)
