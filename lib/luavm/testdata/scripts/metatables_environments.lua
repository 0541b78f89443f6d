local function sandbox(src, env)
  local f = assert(loadstring(src, "=sandbox"))
  setfenv(f, env)
  return pcall(f)
end
local env = { print = print, x = 5 }
print(sandbox("x = x + 1 return x", env), env.x)
print(sandbox("return os", env))
print(sandbox("y.z = 1", env))
local inherit = setmetatable({}, { __index = _G })
print(sandbox("newvar = 1 return type(print)", inherit), newvar, inherit.newvar)
local function f() return getfenv(1) == _G, getfenv(f) == _G end
print(f())
setmetatable(_G, { __newindex = function(t, k, v) rawset(t, k, v) end, __index = function(_, k) error("undeclared " .. k, 2) end })
print(pcall(function() return undefined_variable end))
declared = 1
print(declared)
