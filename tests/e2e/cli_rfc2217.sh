#!/bin/bash
# Our RFC 2217 client against pyserial's server: ferry -> pyserial PortManager -> pyserial client -> ferry vchip --rfc2217.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
PYTHON=${PYTHON:-$ROOT/.venv/bin/python}
WORK=$(mktemp -d)
CHIP_PID='' PROXY_PID='' FAILED=0
export NO_COLOR=1
trap 'kill $CHIP_PID $PROXY_PID 2>/dev/null; rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM

# wait_for FILE PATTERN
wait_for() {
    for _ in $(seq 200); do
        grep -q "$2" "$1" && return
        sleep 0.05
    done
    echo "does not start:"
    cat "$1"
    exit 1
}
good() {
    if ! timeout 120 "$FERRY" "$@" >"$WORK/out" 2>&1; then
        FAILED=$((FAILED + 1))
        echo "FAIL: ferry $*"
        sed 's/^/    | /' "$WORK/out"
    fi
}
says() {
    grep -q -- "$1" "$WORK/out" && return
    FAILED=$((FAILED + 1))
    echo "FAIL: does not say: $1"
    sed 's/^/    | /' "$WORK/out"
}

"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --rfc2217 >"$WORK/chip" 2>&1 &
CHIP_PID=$!
wait_for "$WORK/chip" '^vchip:'
"$PYTHON" "$ROOT/tests/e2e/rfc2217_proxy.py" "$(sed -n 's/^vchip:.* on //p' "$WORK/chip")" >"$WORK/proxy" 2>&1 &
PROXY_PID=$!
wait_for "$WORK/proxy" '^listening'
URL=rfc2217://127.0.0.1:$(sed -n 's/listening on //p' "$WORK/proxy")
"$PYTHON" "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/build" 24 || exit 1

good detect -p "$URL" --baud 460800
says 'ESP32-C3'
says 'at 460800 baud'
good flash -p "$URL" "$WORK/build" --baud 460800
says 'Verified'
good verify -p "$URL?ign_set_control&timeout=10" "$WORK/build"
says 'Verified'
good reg -p "$URL" read 0x40001000
says '^0x40001000 = 0x'
[ $FAILED -eq 0 ] || tail -20 "$WORK/chip" "$WORK/proxy"
echo "cli_rfc2217: $FAILED failed"
[ $FAILED -eq 0 ]
