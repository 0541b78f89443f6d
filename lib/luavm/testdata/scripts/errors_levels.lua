-- What is below the main chunk, and how deep everything may go.
print(debug.traceback())
print(debug.traceback(nil), debug.traceback(nil, "x"), debug.traceback({}, "y"), debug.traceback(true, 2), debug.traceback("m", -1))
local below = debug.getinfo(2)
print(below.what, below.currentline, below.short_src, type(below.func), debug.getinfo(3), debug.getinfo(-1).what)
print(getfenv(2) == _G, pcall(setfenv, 3, {}))
print(pcall(getfenv, 4))
local function deep(n)
  if n > 0 then return 1 + deep(n - 1) end
  print(debug.traceback("deep", 1))
  print(debug.traceback("cut", 14))
  return 0
end
for _, n in ipairs { 7, 8, 18, 19, 20, 21, 22 } do deep(n) end
local co = coroutine.create(function() deep(30) coroutine.yield() end)
coroutine.resume(co)
print(debug.traceback(co), debug.getinfo(co, 2))

-- C calls within each other
local n
local function wraps() n = n + 1 return coroutine.wrap(wraps)() end
local function pcalls() n = n + 1 local _, e = pcall(pcalls) return e end
local function gsubs() n = n + 1 string.gsub("a", "a", gsubs) end
for _, f in ipairs { wraps, pcalls, gsubs } do
  n = 0
  print(#tostring(select(2, pcall(f))), n)
  n = 0
  print(coroutine.wrap(function() return #tostring(select(2, pcall(f))), n end)())
end

-- and levels of syntax, which count with them
local function fits(open, mid, close)
  local low, high = 0, 300
  while high - low > 1 do
    local m = math.floor((low + high) / 2)
    if loadstring("x=" .. open:rep(m) .. mid .. close:rep(m)) then low = m else high = m end
  end
  return low, (select(2, loadstring("x=" .. open:rep(high) .. mid .. close:rep(high))):match("[^:]*$"))
end
print(fits("(", "1", ")"))
print(fits("{", "", "}"))
print(fits("not ", "1", ""))
print(fits("1 ..", "1", ""))
print(fits("1 do ", "", " end"))
print(fits("1 while 1 do ", "", " end"))
print(fits("function() return ", "1", " end"))
print(pcall(fits, "(", "1", ")"))
print(coroutine.wrap(fits)("(", "1", ")"))
local targets = {}
for i = 1, 300 do targets[i] = "x[" .. i .. "]" end
print(loadstring(table.concat(targets, ",") .. "=1"))
