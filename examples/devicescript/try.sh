#!/usr/bin/env bash
# Deploys a DeviceScript program, watches it start, reads its state back: on
# the device that $LANDER_CONNECT names, or on a simulated one. app.devs was
# built from src/main.ts by `devs build`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LANDER_CONNECT:-}" ]; then
    ready=$(mktemp)
    lander devs simulate --listen tcp://127.0.0.1:0 --ready-file "$ready" --rate 5 &
    trap 'kill $!; wait $! || true' EXIT
    until [ -s "$ready" ]; do kill -0 $!; sleep 0.05; done
    LANDER_CONNECT=$(head -n 1 "$ready")
    export LANDER_CONNECT
fi
lander devs list
lander devs deploy --device auto "$here/app.devs"
lander devs logs --map "$here/app-dbg.json" --fail-on-panic --until '[0-9]' --timeout 60s
lander devs status
