local function quick(t, lo, hi)
  lo, hi = lo or 1, hi or #t
  if lo < hi then
    local p, i = t[hi], lo - 1
    for j = lo, hi - 1 do if t[j] <= p then i = i + 1 t[i], t[j] = t[j], t[i] end end
    t[i + 1], t[hi] = t[hi], t[i + 1]
    quick(t, lo, i) quick(t, i + 2, hi)
  end
  return t
end
local function merge(t)
  if #t <= 1 then return t end
  local m, a, b, r = math.floor(#t / 2), {}, {}, {}
  for i = 1, #t do if i <= m then a[#a + 1] = t[i] else b[#b + 1] = t[i] end end
  a, b = merge(a), merge(b)
  local i, j = 1, 1
  while i <= #a or j <= #b do
    if j > #b or i <= #a and a[i] <= b[j] then r[#r + 1] = a[i] i = i + 1 else r[#r + 1] = b[j] j = j + 1 end
  end
  return r
end
local function heap(t)
  local n = #t
  local function down(i, n) while 2 * i <= n do local c = 2 * i if c < n and t[c + 1] > t[c] then c = c + 1 end if t[i] >= t[c] then return end t[i], t[c] = t[c], t[i] i = c end end
  for i = math.floor(n / 2), 1, -1 do down(i, n) end
  for i = n, 2, -1 do t[1], t[i] = t[i], t[1] down(1, i - 1) end
  return t
end
local function data() local t, s = {}, 3 for i = 1, 50 do s = (s * 31 + 7) % 101 t[i] = s end return t end
print(table.concat(quick(data()), ","))
print(table.concat(merge(data()), ",") == table.concat(heap(data()), ","))
