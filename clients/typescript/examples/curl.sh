#!/usr/bin/env bash
# The same with curl and Python: sign in, ask, read the answer as it is written, and resume where
# the connection was cut.
#   API=http://127.0.0.1:9000 NUMBER=+49... PASSWORD=... bash curl.sh "What is a lease good for?"
set -euo pipefail
: "${API:=http://127.0.0.1:9000}" "${NUMBER:?}" "${PASSWORD:?}"
TOKEN=

# Sent up to four times with one key: `--retry` waits as long as `Retry-After` says.
post() {
  curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused "$API$1" --json "$2" \
    -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)"
}
field() { python3 -c 'import functools, json, sys; print(functools.reduce(dict.get, sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }
object() { python3 -c 'import json, sys; print(json.dumps(dict(zip(sys.argv[1::2], sys.argv[2::2]))))' "$@"; }

TOKEN=$(post /api/auth/login "$(object mobile_number "$NUMBER" password "$PASSWORD")" | field token)
ROOM=$(post /api/chatroom '{}' | field chatroom.id)
MESSAGE=$(post "/api/chatroom/$ROOM/message" "$(object content "${1:-Hello}")" | field message.id)

# Each connection continues after the last whole event of the one before, until `done` has come.
STREAM=$(curl -sS "$API/api/config" | field stream_base_url)
[[ $STREAM == http* ]] || STREAM=$API    # `/`: the same host
EVENTS=$(mktemp)
trap 'rm -f "$EVENTS"' EXIT
position() { awk '/^event: / { e = $2 } /^id: / { id = $2 } /^$/ { last = id; end = end || e == "done" } END { print end ? "done" : last }' "$EVENTS"; }
until LAST=$(position) && [ "$LAST" = done ]; do
  curl -sSN --max-time "${SECONDS_PER_CONNECTION:-60}" "$STREAM/api/stream/$MESSAGE" -H "Authorization: Bearer $TOKEN" \
    ${LAST:+-H "Last-Event-ID: $LAST"} | tee -a "$EVENTS" || sleep 1
done
