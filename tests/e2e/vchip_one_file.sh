#!/bin/sh
# Bug: two virtual chips could serve one flash file at the same time, each believing that the flash was its own.
set -u
: "${FERRY:?is not set: path of the ferry program}"
WORK=$(mktemp -d)
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 >"$WORK/log" 2>&1 &
PID=$!
trap 'kill $PID 2>/dev/null; rm -rf "$WORK"' EXIT
for _ in $(seq 100); do grep -q '^vchip:' "$WORK/log" && break || sleep 0.05; done

timeout 10 "$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 >"$WORK/out" 2>&1
code=$?
if [ $code -ne 6 ] || ! grep -q 'flash of another virtual chip' "$WORK/out" || ! grep -q 'try:' "$WORK/out"; then
    echo "FAIL: the second one: exit code $code"
    cat "$WORK/out"
    exit 1
fi
kill $PID
wait $PID 2>/dev/null
if ! timeout 10 "$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --once | grep -q '^boots: none'; then
    echo 'FAIL: the file is not free again'
    exit 1
fi
echo 'vchip_one_file: 2 passed, 0 failed'
