local s = "\0\1\127\128\255z"
print(#s, s:byte(1, -1))
print(s:upper():byte(1, -1))
print(string.char(0, 200, 255):byte(1, -1))
print(("x"):rep(0) == "", ("ab"):rep(3), ("abc"):reverse(), ("abc"):sub(-2, -1), ("abc"):sub(2), ("abc"):sub(0), ("abc"):sub(5))
for i = -4, 4 do io.write(("abc"):sub(i), ",", ("abc"):sub(1, i), ";") end
print()
print(("a\0b"):find("b"), ("a\0b"):find("\0", 1, true), ("a\0b" == "a\0c"), "a\0b" < "a\0c")
print(("hello"):byte(10), ("hello"):byte(-1), #("x"):rep(1000))
