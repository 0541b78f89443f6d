#!/usr/bin/env bash
# A CI step: signs the scripts that changed since $BASE with the key in
# $SIGNING_KEY_FILE, proves that they verify with the public keys in keys/
# alone, and publishes their digests. The first refusal fails the build.
set -euo pipefail
mkdir -p dist
case ${BASE:?the commit to compare with} in
    *[!0]*) ;;
    *) BASE=$(git hash-object -t tree /dev/null) ;; # a new branch: all of it is new
esac
git diff --name-only --diff-filter=d -z "$BASE" -- 'scripts/*.lua' \
  | lander script sign --files0-from - --key "${SIGNING_KEY_FILE:?the file with the key}" --target group:fleet --valid 720h -o dist/ --json > dist/signed.json
jq -r '.outputs[].output' dist/signed.json | tr '\n' '\0' | xargs -0 -r lander script verify --trust keys
jq -r '.outputs[] | "\(.output_sha256)  \(.output)"' dist/signed.json > dist/SHA256SUMS
[ ! -s dist/SHA256SUMS ] || sha256sum -c dist/SHA256SUMS # nothing changed: nothing to check
