#!/usr/bin/env bash
# Lander in one minute: sign Lua, shell and Python, verify them, run them here
# and on an agent, see three bad ones refused, and read the journal. Needs Go;
# leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill "$agent" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
lander=${LANDER:-$work/lander}
[ -x "$lander" ] || CGO_ENABLED=0 go build -tags urfave_cli_no_docs,nethttpomithttp2 -trimpath -o "$lander" .
examples=$PWD/examples/scripts
cd "$work"
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
say() { printf '\n# %s\n' "$*"; }
refused() { # the command must end with exit code 4
    local code=0
    "$@" || code=$?
    [ "$code" = 4 ] || { echo "expected a refusal, got exit code $code" >&2; exit 1; }
}

say "make a key pair, and trust its public half on this machine"
"$lander" script keygen --out release --no-passphrase
"$lander" trust add release.pub
cat > config/lander/trust/policy.toml <<'EOF'
[defaults]
capabilities = ["base", "tree", "device", "log", "exec"]   # exec: shell and Python may run too
EOF

say "sign a Lua, a shell and a Python script for every device of the group lab"
cp "$examples"/* .
"$lander" script sign --key release.key --target group:lab report.lua report.sh report.py

say "verify them: who signed what, for whom, until when"
"$lander" script verify report.*.signed

say "run them, contained"
"$lander" script run --group lab report.lua.signed
"$lander" script run --group lab report.sh.signed
if command -v python3 > /dev/null; then "$lander" script run --group lab report.py.signed; fi

say "start an agent, as a device has one, and run a script there"
"$lander" agent --listen tcp://127.0.0.1:0 --ready-file ready --id gw-17 --group lab &
agent=$!
until [ -s ready ]; do kill -0 "$agent"; sleep 0.01; done
device=$(cat ready)
"$lander" script sign --key release.key --target gw-17 visit.lua
"$lander" script run --on "$device" visit.lua.signed

say "read back the variable that it set there"
"$lander" emp send --connect "$device" GetVariable '"config.visit.by"'
kill "$agent" && wait "$agent"
agent=

say "an altered script is refused"
sed 's/hello/HELLO/' report.lua.signed > altered.signed
refused "$lander" script run --group lab altered.signed

say "an expired one is refused"
refused "$lander" script verify --at "$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ 2> /dev/null || date -u -v+2d +%Y-%m-%dT%H:%M:%SZ)" report.lua.signed

say "one that a stranger signed is refused"
"$lander" script keygen --out stranger --no-passphrase > /dev/null
"$lander" script sign --key stranger.key --target '*' -o foreign.signed report.lua > /dev/null
refused "$lander" script run --group lab foreign.signed

say "the journal of this device has it all, and is whole"
sed -E 's/.*"time":"([^"]*)".*"action":"([^"]*)","name":"([^"]*)".*"verdict":"([^"]*)","reason":"([^"]*)","outcome":"([^"]*)".*/\1 \2 \3 \4 \6\5/' state/lander/journal.ndjson
"$lander" journal verify
