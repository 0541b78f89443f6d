local function producer() return coroutine.create(function() for i = 1, 5 do coroutine.yield("line " .. i) end return nil end) end
local function filter(src) return coroutine.create(function()
  local n = 0
  while true do
    local _, v = coroutine.resume(src)
    if not v then return nil end
    n = n + 1
    coroutine.yield(("%03d %s"):format(n, v))
  end
end) end
local f = filter(filter(producer()))
while true do
  local _, v = coroutine.resume(f)
  if not v then break end
  print(v)
end
local q, done = {}, 0
local function task(name, n) q[#q + 1] = coroutine.create(function() for i = 1, n do io.write(name, i, " ") coroutine.yield() end done = done + 1 end) end
task("a", 3) task("b", 1) task("c", 2)
while #q > 0 do
  local co = table.remove(q, 1)
  coroutine.resume(co)
  if coroutine.status(co) ~= "dead" then q[#q + 1] = co end
end
print(done)
