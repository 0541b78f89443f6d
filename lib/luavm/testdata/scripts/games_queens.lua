local n, count, first = 6, 0, nil
local function place(row, cols, d1, d2, sofar)
  if row > n then count = count + 1 first = first or sofar return end
  for c = 1, n do
    if not cols[c] and not d1[row + c] and not d2[row - c] then
      cols[c], d1[row + c], d2[row - c] = true, true, true
      place(row + 1, cols, d1, d2, sofar .. c)
      cols[c], d1[row + c], d2[row - c] = nil, nil, nil
    end
  end
end
place(1, {}, {}, {}, "")
print(n, count, first)
local function hanoi(k, a, b, c) if k == 0 then return 0 end return hanoi(k - 1, a, c, b) + 1 + hanoi(k - 1, c, b, a) end
print(hanoi(10, "a", "b", "c"))
local function ack(m, k) if m == 0 then return k + 1 elseif k == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, k - 1)) end
print(ack(2, 6))
