-- CRC-16 of Modbus frames without bit operators.
local function xor(a, b)
  local r, p = 0, 1
  while a > 0 or b > 0 do
    if a % 2 ~= b % 2 then r = r + p end
    a, b, p = math.floor(a / 2), math.floor(b / 2), p * 2
  end
  return r
end
local function crc16(s)
  local crc = 0xFFFF
  for i = 1, #s do
    crc = xor(crc, s:byte(i))
    for _ = 1, 8 do
      local odd = crc % 2 == 1
      crc = math.floor(crc / 2)
      if odd then crc = xor(crc, 0xA001) end
    end
  end
  return crc
end
for _, f in ipairs { "\1\3\0\0\0\10", "\17\3\0\107\0\3", "", "123456789" } do
  print(#f, string.format("%04X", crc16(f)))
end
