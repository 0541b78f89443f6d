local function map(t, f) local r = {} for i, v in ipairs(t) do r[i] = f(v) end return r end
local function filter(t, f) local r = {} for _, v in ipairs(t) do if f(v) then r[#r + 1] = v end end return r end
local function fold(t, f, a) for _, v in ipairs(t) do a = f(a, v) end return a end
local function compose(...)
  local fs = { ... }
  return function(...) local r = { ... } for i = #fs, 1, -1 do r = { fs[i](unpack(r)) } end return unpack(r) end
end
local function curry(f, n) n = n or 2 if n < 2 then return f end
  local function h(a, k) return function(x) local b = {} for i = 1, #a do b[i] = a[i] end b[#b + 1] = x if k == 1 then return f(unpack(b)) end return h(b, k - 1) end end
  return h({}, n) end
local nums = {} for i = 1, 10 do nums[i] = i end
print(table.concat(map(filter(nums, function(x) return x % 2 == 0 end), function(x) return x * x end), " "))
print(fold(nums, function(a, b) return a + b end, 0), compose(math.sqrt, math.abs)(-16))
print(curry(function(a, b, c) return a .. b .. c end, 3)(1)(2)(3))
local Y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
print(Y(function(self) return function(n) if n == 0 then return 1 end return n * self(n - 1) end end)(20))
