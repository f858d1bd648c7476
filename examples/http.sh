#!/usr/bin/env bash
# A server, a token for one agent, and the same store over HTTP and in the shell. Run: bash examples/http.sh
set -euo pipefail
cd "$(dirname "$0")/.."
rookery() { node bin/rookery.js "$@" --data "$data"; }

data=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" || true; fi
  rm -rf "$data"
}
trap finish EXIT

# Not by the function: this must be the server's own process, so that ending it ends the server.
node bin/rookery.js serve --port 0 --data "$data" --json > "$data/started.json" 2>/dev/null &
server=$!
until [ -s "$data/started.json" ]; do
  kill -0 "$server" || exit 1
  sleep 0.1
done
url=$(sed -E 's/.*"url":"([^"]+)".*/\1/' "$data/started.json")
token=$(rookery token create --agent coder-1 --json 2>/dev/null | sed -E 's/.*"token":"([^"]+)".*/\1/')
call() { curl -s -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }

call -X PUT "$url/api/v1/memory/default/plan" -d '{"value": {"step": 1}}' > /dev/null
echo "over HTTP:    $(call "$url/api/v1/memory/default/plan" | sed -E 's/.*"value":(\{[^}]*\}).*/\1/')"
echo "in the shell: $(rookery memory get plan)"
rookery audit verify
