#!/bin/sh
# A server of its own in a new directory, a function planned and applied there, and its answer.
#   AICR=.venv/bin/aicr examples/functions/demo.sh
set -eu
AICR=${AICR:-aicr}
HERE=$(dirname "$0")
AICR_HOME=$(mktemp -d)
PORT=${PORT:-8686}
AICR_SERVER=http://127.0.0.1:$PORT
export AICR_HOME AICR_SERVER
# Asks for a URL with a bearer and a body, if there is one. A fresh machine may have no curl.
ask() {
  if command -v curl >/dev/null; then
    curl -sSf -H "Authorization: Bearer ${2:-}" -H "Content-Type: application/json" ${3:+-d "$3"} "$1"
  else
    "${PYTHON:-python3}" -c 'import sys, urllib.request as u
url, bearer, body = sys.argv[1:]
heads = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
sys.stdout.write(u.urlopen(u.Request(url, body.encode() or None, heads)).read().decode())' "$1" "${2:-}" "${3:-}"
  fi
}

"$AICR" serve --port "$PORT" 2>"$AICR_HOME/server.log" &
SERVER=$!
trap 'kill $SERVER; wait $SERVER || true; rm -rf "$AICR_HOME"' EXIT
until ask "$AICR_SERVER/ready" >"$AICR_HOME/ready" 2>&1; do
  kill -0 $SERVER || { cat "$AICR_HOME/server.log" >&2; exit 1; }
  sleep 0.1
done

"$AICR" plan -f "$HERE"
"$AICR" apply -f "$HERE" --yes | tail -n 1
TOKEN=$("$AICR" token create --client ncp --scope invoke_function --state "$AICR_HOME/state.db")
FUNCTION=$("$AICR" state show nvcf.functions.echo | sed -n 's/^ *functionId: *"\{0,1\}\([0-9a-f-]*\)"\{0,1\}$/\1/p' | head -n 1)

echo "\$ curl -H 'Authorization: Bearer …' -d '{\"message\":\"hello\"}' $AICR_SERVER/v2/nvcf/pexec/functions/$FUNCTION"
ask "$AICR_SERVER/v2/nvcf/pexec/functions/$FUNCTION" "$TOKEN" '{"message":"hello"}'
echo
