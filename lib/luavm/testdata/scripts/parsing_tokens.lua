local src = [=[local x = 10 + foo("a\"b", 'c') -- note
if x >= 5 then return { 1, 2.5e3, [[long]] } end]=]
local keywords = { ["local"] = 1, ["if"] = 1, ["then"] = 1, ["return"] = 1, ["end"] = 1 }
local rules = {
  { "^%s+", nil }, { "^%-%-[^\n]*", "comment" }, { "^[%a_][%w_]*", "name" }, { "^%d+%.?%d*[eE]?%d*", "number" },
  { '^"[^"\\]*"', "string" }, { '^"[^"\\]*\\.[^"\\]*"', "string" }, { "^'[^']*'", "string" },
  { "^[<>=~]=", "op" }, { "^%.%.%.?", "op" }, { "^.", "op" },
}
local pos, out = 1, {}
while pos <= #src do
  for _, r in ipairs(rules) do
    local a, b = src:find(r[1], pos)
    if a then
      local text = src:sub(a, b)
      local kind = r[2]
      if kind == "name" and keywords[text] then kind = "keyword" end
      if kind then out[#out + 1] = kind .. ":" .. text end
      pos = b + 1
      break
    end
  end
end
for i, v in ipairs(out) do print(i, v) end
