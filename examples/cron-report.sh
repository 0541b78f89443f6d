#!/bin/sh
# Reports the free space of this machine to its agent; from cron, every ten
# minutes:  */10 * * * *  /usr/local/bin/cron-report.sh
# Silent while the agent is merely restarting, loud otherwise.
set -eu
df -P -B1 / | awk 'NR==2{printf "{\"asset\":\"host\",\"path\":\"disk\",\"data\":{\"free\":%s}}", $4}' \
  | lander emp send -qq --wait 20s PData - || [ $? -eq 5 ]
