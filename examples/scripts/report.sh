# A first script for sh: a clean environment, a working directory of its own.
echo "hello from $0 in a directory with $(ls | wc -l) file"
