local function calc(s)
  local pos = 1
  local function ws() pos = s:find("%S", pos) or #s + 1 end
  local expr
  local function factor()
    ws()
    local n, e = s:match("^(%d+%.?%d*)()", pos)
    if n then pos = e return tonumber(n) end
    local c = s:sub(pos, pos)
    if c == "(" then pos = pos + 1 local v = expr() ws() if s:sub(pos, pos) ~= ")" then error("missing ) at " .. pos, 0) end pos = pos + 1 return v end
    if c == "-" then pos = pos + 1 return -factor() end
    error("unexpected '" .. c .. "' at " .. pos, 0)
  end
  local function power() local b = factor() ws() if s:sub(pos, pos) == "^" then pos = pos + 1 return b ^ power() end return b end
  local function term() local v = power() while true do ws() local c = s:sub(pos, pos) if c == "*" then pos = pos + 1 v = v * power() elseif c == "/" then pos = pos + 1 v = v / power() elseif c == "%" then pos = pos + 1 v = v % power() else return v end end end
  function expr() local v = term() while true do ws() local c = s:sub(pos, pos) if c == "+" then pos = pos + 1 v = v + term() elseif c == "-" then pos = pos + 1 v = v - term() else return v end end end
  local v = expr() ws()
  if pos <= #s then error("trailing text at " .. pos, 0) end
  return v
end
for _, s in ipairs { "1+2*3", "(1+2)*3", "2^3^2", "-2^2", "10/4", "7 % 4 - 1", "1+", "(1", "2 2", "", "1.5*4", "((((5))))" } do print(s, pcall(calc, s)) end
