#!/bin/sh
# The updater's web API against its own description (docs/protocol/updater-api.yaml): schemathesis makes requests from
# it, fitting and unfitting ones, and holds every answer against it; nothing answers 5xx, and wrong tokens open nothing.
set -eu
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
WORK=$(mktemp -d)
PID=
cleanup() {
    [ -n "$PID" ] && kill "$PID" 2>/dev/null
    wait
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/card/kettle" 60
"$FERRY" updater --card "$WORK/card" --port socket://127.0.0.1:1 --web 127.0.0.1:0 --web-token secret >"$WORK/out" 2>&1 &
PID=$!
URL=
i=0
while [ -z "$URL" ] && [ $i -lt 200 ]; do
    i=$((i + 1))
    sleep 0.05
    URL=$(sed -n 's|^The page is at \(http://[^/]*\)/.*|\1|p' "$WORK/out")
done
sed "s#url: /api/v1#url: $URL/api/v1#" "$ROOT/docs/protocol/updater-api.yaml" >"$WORK/api.yaml"
# /events never ends, and /depot/builds has no depot here (tests/e2e/web has both). positive_data_acceptance is left out:
# most ids that fit their pattern do not exist.
SCHEMATHESIS=$ROOT/.venv/bin/schemathesis
[ -x "$SCHEMATHESIS" ] || SCHEMATHESIS=$(command -v schemathesis) ||
    { echo "web_openapi: schemathesis is missing: make setup" >&2; exit 1; }
timeout 300 "$SCHEMATHESIS" run "$WORK/api.yaml" --url "$URL/api/v1" -H "Authorization: Bearer secret" \
    --exclude-path /events --exclude-path /depot/builds --exclude-checks positive_data_acceptance \
    --max-examples "${EXAMPLES:-8}" --seed "${SEED:-1}" --request-timeout 10 --no-color >"$WORK/log" 2>&1 ||
    { grep -E "^____|^- |Invalid comp|curl -X|^\\[" "$WORK/log"; echo "schemathesis found a difference (SEED=${SEED:-1})"; exit 1; }
grep -q 'Tested: 15' "$WORK/log" || { tail -40 "$WORK/log"; echo "not every operation was tried"; exit 1; }
grep -E 'generated,' "$WORK/log"
curl -sS -f -H "Authorization: Bearer secret" "$URL/api/v1/builds" | grep -q '"builds"'
