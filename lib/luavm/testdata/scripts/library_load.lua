print(loadstring("return 1 + 1")(), loadstring("x ="), loadstring("return ...", "=name")(5))
local parts, i = { "return ", "1", " + ", "41" }, 0
print(load(function() i = i + 1 return parts[i] end, "=parts")())
print(load(function() error("reader") end) == nil, pcall(load, 5), loadstring("error('x')", "@file.lua") and pcall(loadstring("error('x')", "@file.lua")))
print(pcall(loadstring("error('x')", "=(custom)")), pcall(loadstring("\n\nerror('x')")))
for _, s in ipairs { "for", "x = = 1", "local 1", "if x then", "return return", "f(", "x = }", "'open", "[[open", "x = 1e", "goto = 1", "a.b:c = 1", "break", "function f(x,) end", "::l::", "x = 5 // 2", "local t = {1, 2", "a = ~b", "return 0x", "f\n()" } do print(loadstring(s, "=s")) end
module("mod.test", package.seeall)
value = 5
print(_NAME, _PACKAGE, value, type(print))
_G.print(_M.value, package.loaded["mod.test"] == _M, mod.test.value)
package.preload.fake = function(n) return { name = n } end
print(require("fake").name, require("fake") == require("fake"), pcall(require, "surely.missing") == false)
