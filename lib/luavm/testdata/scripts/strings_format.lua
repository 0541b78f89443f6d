for _, f in ipairs { "%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%x", "%#x", "%X", "%o", "%c", "%i", "%u" } do
  io.write(string.format(f, 65), " ")
end
print()
for _, f in ipairs { "%f", "%.0f", "%.3f", "%10.2f", "%-10.2f|", "%+.1f", "%e", "%.2e", "%E", "%g", "%.3g", "%#g", "%G", "%010.3f" } do
  print(f, string.format(f, 12345.678), string.format(f, -0.000123), string.format(f, 1e100))
end
print(string.format("%s %q %10s %-10s| %.2s", "x", 'a\n"\\\0\r', "right", "left", "cut"))
print(string.format("%%"), pcall(string.format, "%d", "x"))
print(string.format("%g %g %g", 1 / 0, -1 / 0, 100000000000000))
