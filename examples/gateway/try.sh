#!/usr/bin/env bash
# A gateway with clients and roles, tried out: a technician starts a script and
# reads what it said, a dashboard may only look. Needs curl and jq; leaves
# nothing behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
cp -r "$here"/. "$work" && cd "$work"
umask 077
head -c 32 /dev/urandom | base64 > token.key
for client in DASHBOARD TECHNICIAN; do
    printf 'secret of %s' "$client" > secret.txt
    hash=$(lander gateway hash-secret < secret.txt)
    sed -i "s|\"$client\"|\"$hash\"|" auth.toml
done
lander gateway --listen tcp://127.0.0.1:0 --ready-file ready --state state --scripts library --manifest robot.yaml --auth auth.toml &
server=$!
until [ -s ready ]; do kill -0 "$server"; sleep 0.05; done
api=http://127.0.0.1:$(sed 's/.*://' ready)/api/v1
token() { # CLIENT SECRET
    curl -fsS "$api/auth/authorize" -d "grant_type=client_credentials&client_id=$1" --data-urlencode "client_secret=$2" | jq -r .access_token
}
technician=$(token technician 'secret of TECHNICIAN')
dashboard=$(token dashboard 'secret of DASHBOARD')
scripts=$api/components/main-computer/scripts
curl -fsS -H "Authorization: Bearer $dashboard" "$scripts" | jq -r '.items[] | "\(.id): \(.description)"'
start='{"execution_type":"now","parameters":{"path":"/"}}'
code=$(curl -sS -o refused.json -w '%{http_code}' -H "Authorization: Bearer $dashboard" -H 'Content-Type: application/json' -d "$start" "$scripts/disk/executions")
echo "the dashboard may not start it: $code $(jq -r .error refused.json)"
curl -fsS -H "Authorization: Bearer $technician" -H 'Content-Type: application/json' -d "$start" "$scripts/disk/executions?wait=30s" \
  | jq -r '"\(.status), exit code \(.parameters.exit_code)", .parameters.stdout'
