-- Runs one probe, which comes in args.src or in the file named first on the
-- command line, and writes all that comes of it.
local src = args and args.src
if not src then
  local f = assert(io.open((...), "rb"))
  src = f:read("*a")
  f:close()
end
local f, e = loadstring(src, "=probe")
if not f then
  io.write("LOAD ", e)
  return
end
local function gather(...) return select("#", ...), { ... } end
local tostring, write, pcall = tostring, io.write, pcall
local n, r = gather(pcall(f))
for i = 1, n do write(tostring(r[i]), "|") end
