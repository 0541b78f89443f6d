local Ring = {}
Ring.__index = Ring
function Ring.new(n) return setmetatable({ size = n, first = 1, count = 0 }, Ring) end
function Ring:push(v)
  if self.count == self.size then
    self[self.first] = v
    self.first = self.first % self.size + 1
  else
    self[(self.first + self.count - 1) % self.size + 1] = v
    self.count = self.count + 1
  end
end
function Ring:each()
  local i = 0
  return function()
    i = i + 1
    if i <= self.count then return i, self[(self.first + i - 2) % self.size + 1] end
  end
end
local r = Ring.new(5)
for i = 1, 12 do r:push(i * i) end
for i, v in r:each() do io.write(i, ":", v, " ") end
print(r.count)
