local b = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function enc(s)
  return (s:gsub("..?.?", function(c)
    local n, pad = 0, 3 - #c
    for i = 1, 3 do n = n * 256 + (c:byte(i) or 0) end
    local out = ""
    for i = 1, 4 do
      local d = n % 64
      n = (n - d) / 64
      out = b:sub(d + 1, d + 1) .. out
    end
    return out:sub(1, 4 - pad) .. ("="):rep(pad)
  end))
end
for _, s in ipairs { "", "f", "fo", "foo", "foob", "fooba", "foobar", "\0\255\128" } do print(#s, enc(s)) end
local function rot(s, n) return (s:gsub("%a", function(c) local o = c:lower() == c and 97 or 65 return string.char((c:byte() - o + n) % 26 + o) end)) end
print(rot("Hello, World!", 13), rot(rot("Hello, World!", 13), 13))
