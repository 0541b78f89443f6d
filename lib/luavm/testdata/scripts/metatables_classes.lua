local function class(parent)
  local c = {}
  c.__index = c
  if parent then setmetatable(c, { __index = parent, __call = function(k, ...) local o = setmetatable({}, k) if k.init then k.init(o, ...) end return o end })
  else setmetatable(c, { __call = function(k, ...) local o = setmetatable({}, k) if k.init then k.init(o, ...) end return o end }) end
  c.super = parent
  return c
end
local Animal = class()
function Animal:init(name) self.name = name end
function Animal:speak() return self.name .. " makes " .. self:sound() end
function Animal:sound() return "a sound" end
local Dog = class(Animal)
function Dog:init(name, breed) Dog.super.init(self, name) self.breed = breed end
function Dog:sound() return "woof" end
local Puppy = class(Dog)
function Puppy:sound() return Dog.sound(self) .. "!" end
print(Animal("cat"):speak(), Dog("rex", "lab"):speak(), Puppy("bit", "pug"):speak(), Puppy("b", "pug").breed)
print(pcall(function() return Animal("x"):fly() end))
