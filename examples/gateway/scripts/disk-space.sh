# The parameters come as JSON on standard input.
path=$(sed -n 's/.*"path" *: *"\([^"]*\)".*/\1/p')
df -P -- "${path:-/}"
