local function level3() error({ code = 3 }) end
local function level2() local ok, e = pcall(level3) error({ code = 2, inner = e }) end
local ok, e = pcall(level2)
print(ok, e.code, e.inner.code)
print(xpcall(function() error("base") end, function(m) return "handled: " .. m end))
print(xpcall(function() return "fine", 2 end, print))
print(xpcall(function() error("x") end, function(m) error("in handler") end))
print(pcall(pcall)) print(pcall(pcall, error)) print(pcall(error)) print(pcall(error, nil))
local function cleanup(f, g) local r = { pcall(f) } g() if not r[1] then error(r[2], 0) end return unpack(r, 2) end
print(pcall(cleanup, function() error("body", 0) end, function() io.write("cleaned ") end))
print(cleanup(function() return 1, 2 end, function() io.write("cleaned ") end))
local n = 0
local function rec() n = n + 1 rec() end
print(pcall(rec) , n > 100)
print(select("#", pcall(error)), select(2, pcall(error, setmetatable({}, { __tostring = function() return "custom" end }))) ~= nil)
local trace = select(2, xpcall(function() local x = nil; x() end, debug.traceback))
print(trace:match("^[^\n]+"), trace:find("stack traceback") ~= nil)
