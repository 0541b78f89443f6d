#!/bin/sh
# An EMP application in a few lines of shell: it owns the asset "greenhouse".
#
#	lander agent --dev --sink data.ndjson &
#	./emp-app.sh &
#	lander emp simulate senddata greenhouse.led 7 '{"on":true}'
#	lander emp simulate update greenhouse.pump 1.2 pump.bin
#
# It keeps what the server sets, installs what comes as an update, and sends a
# reading after each. LANDER_CONNECT says where the agent is; arguments go to
# `lander emp listen`, such as --count 2 to end after two commands.
set -eu

state=${STATE:-greenhouse.state}

if [ "${LANDER_COMMAND:-}" = "" ]; then
  export SELF="$0"
  exec lander emp listen --wait 10s --ack --exec 'sh "$SELF"' "$@" greenhouse
fi

# From here on this script is the --exec of itself: the payload is on its
# standard input, the exit status is the answer.
payload=$(cat)
case $LANDER_COMMAND in
SendData)
  printf '%s\n' "$payload" >> "$state"
  lander emp send PData '{"asset":"greenhouse","policy":"now","path":"led","data":{"changes":'"$(wc -l < "$state")"'}}'
  ;;
SoftwareUpdate)
  # ["greenhouse.pump","1.2","/path/of/pump.bin"]; an empty version removes.
  file=$(printf '%s' "$payload" | sed -n 's/^\["[^"]*","[^"]*","\([^"]*\)".*/\1/p')
  [ -z "$file" ] || cp "$file" "$state.pump" || exit 5
  ;;
*)
  exit 15 # not implemented
  ;;
esac
