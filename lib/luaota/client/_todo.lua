-- Goes through the renames and removals of luaOTA/todo, as often as it takes.
local self = ...
return function()
  local f = file.open(self.P .. "todo", "r")
  local l = f:readline()
  while l do
    local a, b, c = l:match("^(%a+)\t([^\t\n]+)\t?([^\t\n]*)")
    if a == "rm" then file.remove(b) end
    if a == "mv" and file.exists(b) then
      file.remove(c)
      file.rename(b, c)
    end
    l = f:readline()
  end
  f:close()
  file.remove(self.P .. "todo")
  node.restart()
end
