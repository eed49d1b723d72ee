#!/bin/bash
# What is on the screen: bars that fit the terminal, plain lines elsewhere, JSON for programs, quiet, and Ctrl-C.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
PYTHON=${PYTHON:-python3}
WORK=$(mktemp -d)
PID='' PASSED=0 FAILED=0
unset NO_COLOR FERRY_PORT FERRY_BAUD FERRY_CHIP ESPTOOL_PORT ESPTOOL_BAUD ESPTOOL_CHIP
trap 'kill $PID 2>/dev/null; rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM

# check NAME COMMAND...: the command must succeed.
check() {
    local name=$1
    shift
    if "$@"; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        echo "FAIL: $name"
        sed 's/^/    | /' "$WORK/out" | tail -30
    fi
}
# on_terminal COLUMNS TERM ARGS...: ferry on a terminal of that width; what it draws in $WORK/out.
on_terminal() {
    local columns=$1 term=$2
    shift 2
    printf 'stty cols %s rows 24; exec env TERM=%s "%s"' "$columns" "$term" "$FERRY" >"$WORK/command"
    printf ' "%s"' "$@" >>"$WORK/command"
    timeout 120 script -qefc "$(cat "$WORK/command")" /dev/null >"$WORK/out" </dev/null
}
# Every line that was ever drawn, without colours, cut at returns and newlines.
drawn() {
    sed 's/\x1b\[[0-9;]*[mK]//g' "$WORK/out" | tr '\r' '\n'
}
fits() {
    drawn | "$PYTHON" -c 'import sys
wide = [l for l in sys.stdin.buffer.read().decode().split("\n") if "%" in l and len(l) >= int(sys.argv[1])]
sys.exit("\n".join(wide) or 0)' "$1"
}
ascii_only() {
    ! LC_ALL=C grep -q '[^ -~[:space:]'"$(printf '\033')"']' "$WORK/out"
}
contains() {
    grep -q -- "$1" "$WORK/out"
}
lacks() {
    ! grep -q -- "$1" "$WORK/out"
}
all_json() {
    "$PYTHON" -c 'import json, sys
events = [json.loads(line)["event"] for line in open(sys.argv[1])]
sys.exit(not {"target", "cargo", "progress", "region", "result"} <= set(events) or events[-1] != "result")' "$WORK/out"
}

"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --rfc2217 >"$WORK/log" 2>&1 &
PID=$!
for _ in $(seq 100); do grep -q '^vchip:' "$WORK/log" && break || sleep 0.05; done
URL=$(sed -n 's/^vchip:.* on //p' "$WORK/log")
"$PYTHON" "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/build" 90 || exit 1
ESC=$(printf '\033')

for columns in 40 80 200; do
    LC_ALL=C.UTF-8 check "flash on $columns columns" on_terminal $columns xterm flash "$WORK/build" -p "$URL" --no-skip
    check "bars fit $columns columns" fits $columns
done
check 'bars are drawn over' contains "$(printf '\r')"
check 'with blocks in UTF-8' contains '█'
check 'with colours' contains "$ESC\[32m"
check 'the proof is told' contains 'Verified: .* 3 regions match'
NO_COLOR=1 LC_ALL=C check 'flash without colours' on_terminal 80 xterm flash "$WORK/build" -p "$URL" --no-skip
check 'NO_COLOR: none' lacks "$ESC\[[0-9;]*m"
check 'C locale: ASCII only' ascii_only
check 'C locale: a bar' contains '\[###'
LC_ALL=C check 'flash on a dumb terminal' on_terminal 80 dumb flash "$WORK/build" -p "$URL" --no-skip
check 'dumb terminal: no escapes' lacks "$ESC"

plain() {
    timeout 120 "$FERRY" "$@" >"$WORK/out" 2>&1 </dev/null
}
check 'flash into a pipe' plain flash "$WORK/build" -p "$URL" --no-skip
check 'pipe: no escapes' lacks "$ESC"
check 'pipe: no returns' lacks "$(printf '\r')"
check 'pipe: a line per quarter' contains 'app (factory): [0-9]* %'
check 'JSON' plain flash "$WORK/build" -p "$URL" --no-skip --json
check 'every line is an event' all_json
check 'quiet' plain flash "$WORK/build" -p "$URL" --quiet
check 'quiet says nothing' test ! -s "$WORK/out"

# Ctrl-C in the middle of writing: the state is told, and the same command finishes the work.
timeout 120 "$FERRY" erase 0x10000 0x20000 -p "$URL" >"$WORK/out" 2>&1
timeout --preserve-status -s INT --foreground 2.5 "$FERRY" flash "$WORK/build" -p "$URL" --baud 115200 >"$WORK/out" 2>&1
check 'cancelled: exit code 2' test $? -eq 2
check 'cancelled: told' contains 'error: cancelled'
check 'cancelled: the state of the target' contains 'partly written'
check 'cancelled: what to do' contains 'run the same command again'
check 'again' plain flash "$WORK/build" -p "$URL" --json
check 'again: proved' contains '"verified":true'
check 'again: only the rest is sent' contains '"skipped":[1-9]'

[ $FAILED -eq 0 ] || tail -5 "$WORK/log"
echo "cli_display: $PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
