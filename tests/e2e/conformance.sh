#!/bin/bash
# The main cases against a target that is named as a URL: conformance.sh [URL [CHIP]]
#   rfc2217://HOST:PORT or /dev/tty*   a virtual chip or a board with reset lines
#   socket://HOST:PORT                 a ROM in its loader without lines or rate (an emulator, a bridge)
# The target's flash is overwritten with made-up firmware that does not run, and erased at the end. Without arguments:
# virtual ESP32 and ESP32-C3, with and without lines.
set -u
FERRY=${FERRY:-$(dirname "$0")/../../build/ferry}
PYTHON=${PYTHON:-python3}
HERE=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d)
PID=
PASSED=0 FAILED=0
export NO_COLOR=1
unset FERRY_PORT FERRY_BAUD FERRY_CHIP ESPTOOL_PORT ESPTOOL_BAUD ESPTOOL_CHIP

stop_chip() {
    [ -n "$PID" ] && kill "$PID" 2>/dev/null && wait "$PID" 2>/dev/null
    PID=
}
trap 'stop_chip; rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM

# run EXIT ARGS...: ferry with the target's options must end with that exit code. Output in $WORK/out.
run() {
    local want=$1 got
    shift
    timeout "${LIMIT:-300}" "$FERRY" "$@" --port "$URL" "${HOW[@]}" >"$WORK/out" 2>&1 </dev/null
    got=$?
    [ $got -eq "$want" ] && return 0
    echo "  exit code $got instead of $want: ferry $* --port $URL ${HOW[*]}"
    return 1
}
has() {
    grep -q -- "$1" "$WORK/out" && return 0
    echo "  not in the output: $1"
    return 1
}
# number NAME: a member of the last "result" line of JSON output.
number() {
    sed -n "s/.*\"event\":\"result\".*\"$1\":\([0-9.]*\).*/\1/p" "$WORK/out" | tail -1
}
# below A B
below() {
    [ -n "$1" ] && [ "$1" -le "$2" ] && return 0
    echo "  $1 is not at most $2"
    return 1
}

# check NAME FUNCTION
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        PASSED=$((PASSED + 1))
        echo "ok   $LABEL: $name"
    else
        FAILED=$((FAILED + 1))
        echo "FAIL $LABEL: $name"
        [ -n "$said" ] && echo "$said"
        sed 's/^/    | /' "$WORK/out" | tail -25
        [ -f "$WORK/chip.log" ] && tail -5 "$WORK/chip.log" | sed 's/^/    chip | /'
    fi
}

other_chip() {
    [ "$CHIP" = esp32 ] && echo esp32c3 || echo esp32
}
# The folder's app, bootloader or table.
file() {
    echo "$WORK/$1/$2"
}

case_detect() {
    run 0 detect --json && has '"event":"target"' && has "\"chip\":\"$CHIP\"" && has '"mac":"..:..:..:..:..:.."' &&
        has '"flash_size":[1-9]'
}
case_dry_run() {
    run 0 flash "$WORK/one" --dry-run && has 'Nothing was written' && run 4 verify "$WORK/one" && has 'error:'
}
case_flash() {
    run 0 flash "$WORK/one" && has 'Verified' && has '3 regions'
}
case_verify() {
    run 0 verify "$WORK/one" && has 'Verified'
}
case_read_back() {
    run 0 read 0x8000 0xc00 "$WORK/table" && cmp "$WORK/table" "$(file one partition_table/partition-table.bin)" &&
        run 0 read 0x10ff0 0x2345 "$WORK/part" && dd if="$(file one conformance.bin)" of="$WORK/want" bs=1 \
        skip=$((0xff0)) count=$((0x2345)) status=none && cmp "$WORK/part" "$WORK/want"
}
case_unchanged() {
    run 0 flash "$WORK/one" --json && has '"verified":true' && below "$(number written)" 0
}
case_changed() {
    run 4 verify "$WORK/two" && has 'error:' && run 0 flash "$WORK/two" --json && has '"verified":true' &&
        below "$(number written)" $((131072 + 4096)) && run 0 verify "$WORK/two"
}
case_plain() {
    run 0 flash "$WORK/one" --no-compress --no-skip --json && has '"verified":true' && below "$(number skipped)" 0 &&
        run 0 verify "$WORK/one"
}
case_pairs() {
    printf 'settings of a device' >"$WORK/settings" &&
        run 0 flash 0x9000 "$WORK/settings" && has 'Verified' && run 0 verify 0x9000 "$WORK/settings" &&
        run 0 verify "$WORK/one"
}
case_app_alone() {
    run 0 flash "$(file two conformance.bin)" && has 'Verified' && run 0 verify 0x10000 "$(file two conformance.bin)" &&
        run 0 flash "$WORK/one"
}
case_several() {
    mkdir -p "$WORK/same" "$WORK/mixed" && cp -r "$WORK/one" "$WORK/two" "$WORK/same" &&
        cp -r "$WORK/one" "$WORK/other" "$WORK/mixed" && run 2 flash "$WORK/same" && has 'more than one' &&
        has '^       .*same/two' && run 0 flash "$WORK/mixed" && run 0 verify "$WORK/one"
}
case_wrong_chip() {
    run 4 detect --chip "$(other_chip)" && has 'another chip' && run 5 flash "$WORK/other" && has 'error:' &&
        run 4 flash "$WORK/one" --chip "$(other_chip)" && run 0 verify "$WORK/one"
}
case_damaged() {
    mkdir -p "$WORK/cut" && head -c 70000 "$(file one conformance.bin)" >"$WORK/cut/app.bin" &&
        run 5 flash 0x10000 "$WORK/cut/app.bin" && has 'error:' && run 5 flash "$WORK/cut/app.bin" &&
        run 6 flash "$WORK/missing.bin" && run 0 verify "$WORK/one"
}
case_erase() {
    run 0 erase 0x10000 0x11000 && run 0 read 0x10000 64 "$WORK/part" &&
        [ "$(tr -d '\377' <"$WORK/part" | wc -c)" -eq 0 ] && run 4 verify "$WORK/one" &&
        run 2 erase 0x10001 0x1000 && run 5 erase 0x0 0x40000000 && run 0 flash "$WORK/one"
}
case_registers() {
    run 0 reg read 0x40001000 2 && has '^0x40001000 = 0x' && has '^0x40001004 = 0x' && run 2 reg read 0x40001001
}
case_bauds() {
    local rate
    for rate in 115200 230400 460800 921600; do
        run 0 flash "$WORK/one" --baud $rate --json --no-skip && has "\"baud\":$rate" && has '"verified":true' || return 1
    done
}
case_window() {
    run 0 flash "$WORK/two" --window 2 && has 'Verified' && run 0 flash "$WORK/one" --window 2 --no-compress --no-skip
}
case_header() {
    run 0 flash "$WORK/one" --flash_freq 80m --flash_mode dout && has 'Verified' && run 4 verify "$WORK/one" &&
        run 0 flash "$WORK/one" && run 0 verify "$WORK/one"
}
case_erase_all() {
    run 2 erase --all && run 0 erase --all --yes && run 0 read 0x10000 256 "$WORK/part" &&
        [ "$(tr -d '\377' <"$WORK/part" | wc -c)" -eq 0 ]
}

# target LABEL URL CHIP
target() {
    LABEL=$1 URL=$2 CHIP=$3 HOW=()
    case $URL in socket://* | *pts* | *pty*) HOW=(--before no-reset --after no-reset) ;; esac
    if [ -z "$CHIP" ]; then
        run 0 detect --json || exit 1
        CHIP=$(sed -n 's/.*"event":"target".*"chip":"\([a-z0-9]*\)".*/\1/p' "$WORK/out")
        LABEL=$CHIP
    fi
    rm -rf "$WORK"/one "$WORK"/two "$WORK"/other "$WORK"/same "$WORK"/mixed
    "$PYTHON" "$HERE/build_folder.py" "$CHIP" "$WORK/one" 300 1.0 && "$PYTHON" "$HERE/build_folder.py" "$CHIP" \
        "$WORK/two" 300 1.0 5 && "$PYTHON" "$HERE/build_folder.py" "$(other_chip)" "$WORK/other" 20 1.0 || exit 1
    check 'detect' case_detect
    check 'dry run writes nothing' case_dry_run
    check 'flash a build folder' case_flash
    check 'verify' case_verify
    check 'read back and compare' case_read_back
    check 'unchanged is not sent' case_unchanged
    check '5 % changed' case_changed
    check 'plain, nothing skipped' case_plain
    check 'addresses and files' case_pairs
    check 'app alone, placed by the partition table' case_app_alone
    check 'several firmwares in a folder' case_several
    check 'wrong chip is refused' case_wrong_chip
    check 'damaged and missing files are refused' case_damaged
    check 'erase a region' case_erase
    check 'registers' case_registers
    check 'window of two' case_window
    check 'bootloader header' case_header
    [ ${#HOW[@]} -eq 0 ] && check 'baud ladder' case_bauds
    check 'erase all' case_erase_all
}

# start_chip CHIP OPTIONS...: a virtual chip; sets URL.
start_chip() {
    local chip=$1 n=0
    shift
    stop_chip
    rm -f "$WORK/flash.bin"
    : >"$WORK/chip.log"
    "$FERRY" vchip --chip "$chip" --flash "$WORK/flash.bin" --listen 127.0.0.1:0 "$@" >"$WORK/chip.log" 2>&1 &
    PID=$!
    until grep -q '^vchip:' "$WORK/chip.log"; do
        n=$((n + 1))
        [ $n -le 200 ] && kill -0 $PID 2>/dev/null || { cat "$WORK/chip.log"; exit 1; }
        sleep 0.05
    done
    URL=$(sed -n 's/^vchip:.* on \(.*\)$/\1/p' "$WORK/chip.log")
}

if [ $# -ge 1 ]; then
    target "${2:-target}" "$1" "${2:-}"
else
    for chip in esp32 esp32c3; do
        start_chip $chip --rfc2217 --line real --time fast
        target "$chip rfc2217" "$URL" $chip
        start_chip $chip --line ideal --time fast
        target "$chip socket" "$URL" $chip
    done
fi
echo "conformance: $PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
