#!/usr/bin/env bash
# A server, a token for one agent, and the same store over HTTP and in the shell. Run: bash examples/http.sh
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(mktemp -d)
npm run --silent rookery -- serve --port 0 --data "$data" --json > "$data/started.json" 2>/dev/null &
server=$!
trap 'kill $server; wait $server 2>/dev/null || true; rm -rf "$data"' EXIT
until [ -s "$data/started.json" ]; do sleep 0.1; done
url=$(sed -E 's/.*"url":"([^"]+)".*/\1/' "$data/started.json")

rookery() { npm run --silent rookery -- "$@" --data "$data"; }
token=$(rookery token create --agent coder-1 --json 2>/dev/null | sed -E 's/.*"token":"([^"]+)".*/\1/')
call() { curl -s -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }

call -X PUT "$url/api/v1/memory/default/plan" -d '{"value": {"step": 1}}' > /dev/null
echo "over HTTP:    $(call "$url/api/v1/memory/default/plan" | sed -E 's/.*"value":(\{[^}]*\}).*/\1/')"
echo "in the shell: $(rookery memory get plan)"
rookery audit verify
