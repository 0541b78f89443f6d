local function split(s, sep, plain)
  local out, from = {}, 1
  while true do
    local a, b = s:find(sep, from, plain)
    if not a then break end
    out[#out + 1] = s:sub(from, a - 1)
    from = b + 1
  end
  out[#out + 1] = s:sub(from)
  return out
end
print(table.concat(split("a,b,,c,", ",", true), "|"))
print(table.concat(split("one  two\tthree", "%s+"), "|"))
print(#split("", ","), #split(",", ","))
print(table.concat(split("k=v;x=y", "[=;]"), " "))
local function trim(s) return (s:gsub("^%s*(.-)%s*$", "%1")) end
print("[" .. trim("  both  ") .. "][" .. trim("") .. "][" .. trim("\t\n") .. "]")
