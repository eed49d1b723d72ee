#!/bin/sh
# The depot's server against its own description (docs/protocol/depot-api.yaml): schemathesis makes requests from it,
# fitting and unfitting ones, and holds every answer against it: statuses, content types, headers, bodies, methods, that
# wrong tokens open nothing, that nothing answers 5xx.
set -eu
. "$ROOT/tests/e2e/depot_server.inc"
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/build" 60 1.2
depot_start --rate 0
TOKEN=$(depot_token all read,write,device,work,admin)
"$FERRY" depot add "$WORK/build" --quiet
"$FERRY" depot channel stable conformance --quiet
sed "s#url: /api/v1#url: $URL/api/v1#" "$ROOT/docs/protocol/depot-api.yaml" > "$WORK/api.yaml"
# /events never ends (depot_server.sh has it); removing tokens would remove the one in use (depot_server.sh too).
# positive_data_acceptance is left out: most ids, hashes and references that fit their pattern do not exist.
SCHEMATHESIS=$ROOT/.venv/bin/schemathesis
[ -x "$SCHEMATHESIS" ] || SCHEMATHESIS=$(command -v schemathesis)
timeout 300 "$SCHEMATHESIS" run "$WORK/api.yaml" --url "$URL/api/v1" -H "Authorization: Bearer $TOKEN" \
    --exclude-path /events --exclude-path '/tokens/{token}' --exclude-checks positive_data_acceptance \
    --max-examples "${EXAMPLES:-8}" --seed "${SEED:-1}" --request-timeout 10 --no-color > "$WORK/log" 2>&1 ||
    { grep -E "^____|^- ST|Invalid comp|curl -X|^\\[" "$WORK/log"; echo "schemathesis found a difference (SEED=${SEED:-1})"; exit 1; }
grep -q 'Tested: 29' "$WORK/log" || { tail -40 "$WORK/log"; echo "not every operation was tried"; exit 1; }
grep -E 'generated,' "$WORK/log"
curl -sS -f "$URL/api/v1/health" | grep -q '"ok":true'
