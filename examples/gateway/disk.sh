df -P "$1"
