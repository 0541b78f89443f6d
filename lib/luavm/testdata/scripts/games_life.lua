local function grid(s) local g = {} for row in s:gmatch("[^\n]+") do local r = {} for c in row:gmatch(".") do r[#r + 1] = c == "#" end g[#g + 1] = r end return g end
local function show(g) for _, r in ipairs(g) do local l = {} for i, c in ipairs(r) do l[i] = c and "#" or "." end print(table.concat(l)) end end
local function step(g)
  local h, w, n = #g, #g[1], {}
  for y = 1, h do
    n[y] = {}
    for x = 1, w do
      local k = 0
      for dy = -1, 1 do for dx = -1, 1 do if (dx ~= 0 or dy ~= 0) and g[(y + dy - 1) % h + 1][(x + dx - 1) % w + 1] then k = k + 1 end end end
      n[y][x] = k == 3 or g[y][x] and k == 2
    end
  end
  return n
end
local g = grid [[
.#......
..#.....
###.....
........
........
........]]
for _ = 1, 12 do g = step(g) end
show(g)
