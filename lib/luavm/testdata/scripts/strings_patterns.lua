local cases = {
  { "hello world", "(%w+) (%w+)" }, { "  x = 12 ", "^%s*(%w+)%s*=%s*(%d+)%s*$" }, { "f(a(b)c)d", "%b()" },
  { "THE (quick) fox", "%((%a+)%)" }, { "2024-05-06", "(%d+)-(%d+)-(%d+)" }, { "aXbXc", "(.-)X" },
  { "key: value", "(%w+):%s*(.*)" }, { "abc", "()b()" }, { "aaa", "a-" }, { "aaab", "a*b" }, { "x", "y?x" },
  { "[[x]]", "%[%[(.-)%]%]" }, { "one;two", "[^;]+" }, { "a.b", "a%.b" }, { "THE END", "%f[%u]%u+" },
  { "abab", "(ab)%1" }, { "tab\there", "%c" }, { "", "^$" }, { "x^y", "x^y" }, { "a-z", "[a%-z]+" },
}
for _, c in ipairs(cases) do print(c[1]:find(c[2])) print(c[1]:match(c[2])) end
for w in ("one two  three"):gmatch("%a+") do io.write("<", w, ">") end
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do io.write(k, v, ";") end
print()
for _, p in ipairs { "[a", "%", "(x", "x)", "%b", "%f", "(()", "%1" } do print(pcall(string.find, "x", p)) end
