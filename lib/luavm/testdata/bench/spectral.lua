local function a(i, j)
  local k = i + j
  return 1 / (k * (k + 1) / 2 + i + 1)
end
local function times(n, x, y)
  for i = 0, n - 1 do
    local s = 0
    for j = 0, n - 1 do s = s + a(i, j) * x[j] end
    y[i] = s
  end
end
local function transposed(n, x, y)
  for i = 0, n - 1 do
    local s = 0
    for j = 0, n - 1 do s = s + a(j, i) * x[j] end
    y[i] = s
  end
end
local n = 160
local u, v, w = {}, {}, {}
for i = 0, n - 1 do u[i] = 1 end
for _ = 1, 10 do
  times(n, u, w) transposed(n, w, v)
  times(n, v, w) transposed(n, w, u)
end
local uv, vv = 0, 0
for i = 0, n - 1 do
  uv = uv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end
print(string.format("%.9f", math.sqrt(uv / vv)))
