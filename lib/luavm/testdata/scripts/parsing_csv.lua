local function parse(line)
  local out, pos = {}, 1
  while true do
    if line:sub(pos, pos) == '"' then
      local text, e = "", pos
      repeat
        local a, b, piece, more = line:find('^"(.-)"("?)', e)
        text = text .. piece .. more
        e = b
        if more == '"' then e = b end
        if more == "" then e = b + 1 end
      until more == ""
      out[#out + 1] = text
      pos = e + 1
      if line:sub(e, e) ~= "," then break end
    else
      local a = line:find(",", pos, true)
      if not a then out[#out + 1] = line:sub(pos) break end
      out[#out + 1] = line:sub(pos, a - 1)
      pos = a + 1
    end
  end
  return out
end
for _, l in ipairs { "a,b,c", "", "a,,c", '"x, y",z', '"he said ""hi""",2', "last," } do
  local f = parse(l)
  io.write(#f)
  for _, v in ipairs(f) do io.write(" <", v, ">") end
  print()
end
