#!/usr/bin/env bash
# A fleet on one machine: a gateway and three agents as processes, a script
# signed once and run on all of them, what they measured, read back. Needs curl
# and jq; leaves nothing behind.
set -euo pipefail
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"
lander script keygen --out release --no-passphrase
lander trust add --trust trust release.pub
for i in 1 2 3; do printf '[[device]]\nid = "gw-%s"\n' $i; done > agents.toml

lander gateway --listen tcp://127.0.0.1:0 --m3da m3da://127.0.0.1:0 --m3da-credentials agents.toml --ready-file ready --state gateway --scripts library &
pids+=($!)
until [ -s ready ]; do kill -0 "${pids[0]}"; sleep 0.05; done
api=http://127.0.0.1:$(sed -n '1s/.*://p' ready)/api/v1
server=m3da://127.0.0.1:$(sed -n '2s/.*://p' ready)

for i in 1 2 3; do
    # The URL of the script is the gateway's, on this machine.
    lander agent --listen "unix://$work/agent$i" --id gw-$i --group north --state "gw-$i" --trust trust --server "$server" --fetch-allow 127.0.0.0/8 &
    pids+=($!)
done
for i in 1 2 3; do
    until curl -fsS "$api/components/gw-$i" | jq -e '.tags == ["north"]' > /dev/null; do sleep 0.1; done
done

cat > count.lua <<'EOF'
local n = (tree.get("config.visits") or 0) + 1
tree.set("config.visits", n)
print(device.id() .. " visited " .. n .. " times")
EOF
lander script sign --key release.key --target group:north count.lua
lander script run --on "$api/fleet/north" count.lua.signed
lander script run --on "$api/components/gw-2" count.lua.signed
