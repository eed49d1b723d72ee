#!/bin/sh
# ferry updater against ferry vchip processes: two and eight targets at once, killed in the middle and resumed, a
# bench where targets come and go, refusals that change nothing. What is on the flash is compared with the files.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
WORK=$(mktemp -d)
PIDS=
FAILED=0
PASSED=0
export NO_COLOR=1 COLUMNS=200
cleanup() {
    # shellcheck disable=SC2086
    [ -n "$PIDS" ] && kill $PIDS 2>/dev/null
    wait
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# chip N PORT [options]: virtual chip number N on flash file N; PORT 0 = a free one. Sets URL and PID.
chip() {
    n=$1 port=$2
    shift 2
    "$FERRY" vchip --chip esp32c3 --flash "$WORK/flash$n.bin" --listen "127.0.0.1:$port" --rfc2217 --boot download \
        --mac "02:00:00:00:00:0$n" "$@" >"$WORK/chip$n.log" 2>&1 &
    PID=$!
    PIDS="$PIDS $PID"
    URL=
    i=0
    while [ -z "$URL" ]; do
        i=$((i + 1))
        if [ $i -gt 400 ] || ! kill -0 "$PID" 2>/dev/null; then
            echo "the virtual chip $n does not start:"
            cat "$WORK/chip$n.log"
            exit 1
        fi
        sleep 0.05
        URL=$(sed -n 's/^vchip:.* on \(rfc2217:.*\)$/\1/p' "$WORK/chip$n.log")
    done
}
stop() {
    for pid in "$@"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
}
check() { # check NAME CONDITION...: a command that must succeed
    name=$1
    shift
    if "$@"; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        echo "FAILED: $name"
        tail -25 "$WORK/out.txt"
    fi
}
code_is() { [ "$CODE" -eq "$1" ]; }
says() { grep -q -e "$1" "$WORK/out.txt"; }
holds() { # holds N CARD: flash N holds the app and the partition table of the card
    dd if="$WORK/flash$1.bin" of="$WORK/part" bs=4096 skip=16 count=256 2>/dev/null
    cmp -n "$(stat -c %s "$2/conformance.bin")" "$WORK/part" "$2/conformance.bin" >/dev/null 2>&1 &&
        cmp -n 3072 -i 32768:0 "$WORK/flash$1.bin" "$2/partition_table/partition-table.bin" >/dev/null 2>&1
}
logged() { [ "$(grep -c -e "$2" "$1/ferry-log.csv")" -eq "$3" ]; }
updater() { timeout 120 "$FERRY" updater "$@" >"$WORK/out.txt" 2>&1 </dev/null; CODE=$?; }

python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/card" 160 || exit 1

# --- two at once, one build ---
chip 1 0 --time fast; U1=$URL P1=$PID
chip 2 0 --time fast; U2=$URL P2=$PID
updater --card "$WORK/card" --port "$U1" --port "$U2"
check "two at once: exit code" code_is 0
check "two at once: first flash" holds 1 "$WORK/card"
check "two at once: second flash" holds 2 "$WORK/card"
check "two at once: log" logged "$WORK/card" ',ok,' 2
check "two at once: log names the target" logged "$WORK/card" '02:00:00:00:00:02,esp32c3' 1
check "two at once: table at the end" says '2 well, 0 failed'
check "no journal is left" sh -c "! ls '$WORK/card/.ferry' 2>/dev/null | grep -q ."

# --- again: nothing changes; JSON ---
updater --card "$WORK/card" --port "$U1" --port "$U2" --json
check "unchanged: exit code" code_is 0
check "unchanged: JSON only, nothing sent" python3 - "$WORK/out.txt" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
results = [r for r in rows if r['event'] == 'result']
assert len(results) == 2 and all(r['ok'] and r['verified'] and r['written'] == 0 and r['skipped'] > 0 for r in results), results
assert rows[-1]['event'] == 'summary' and rows[-1]['ok'] == 2 and rows[-1]['failed'] == 0
PY

# --- refusals ---
updater --card "$WORK/none" --port "$U1"
check "no card: exit code" code_is 6
mkdir "$WORK/empty"
updater --card "$WORK/empty" --port "$U1"
check "empty card: exit code" code_is 5
check "empty card: says so" says 'nothing that can be flashed'
python3 "$ROOT/tests/e2e/build_folder.py" esp32 "$WORK/wrong" 64 || exit 1
cp "$WORK/flash1.bin" "$WORK/before.bin"
updater --card "$WORK/wrong" --port "$U1"
check "wrong chip: exit code" code_is 5
check "wrong chip: flash untouched" cmp -s "$WORK/before.bin" "$WORK/flash1.bin"
check "wrong chip: log line" logged "$WORK/wrong" ',failed,' 1
mkdir "$WORK/two"
cp -r "$WORK/card" "$WORK/two/blink"
cp -r "$WORK/card" "$WORK/two/relay"
rm -f "$WORK"/two/*/ferry-log.csv
updater --card "$WORK/two" --port "$U1"
check "two cargoes, nobody to ask: exit code" code_is 2
check "two cargoes: names them and --cargo" says '--cargo'
updater --card "$WORK/two" --cargo relay --port "$U1"
check "two cargoes, one named: exit code" code_is 0
printf '{"cargo": "blink"}' >"$WORK/two/ferry.json"
updater --card "$WORK/two" --port "$U1"
check "two cargoes, ferry.json names one: exit code" code_is 0
updater --card "$WORK/two" --cargo nosuch --port "$U1"
check "a cargo that is not there: exit code" code_is 5
updater --card "$WORK/card" --port "$U1" --port socket://127.0.0.1:1
check "one port that cannot be opened: exit code" code_is 3
check "one port that cannot be opened: the other is done" says '1 well, 1 failed'
mv "$WORK/card/ferry-log.csv" "$WORK/log.old"
mkdir "$WORK/card/ferry-log.csv"
updater --card "$WORK/card" --port "$U1"
check "log not writable: the job goes on" code_is 0
check "log not writable: told" says 'the log cannot be written'
rmdir "$WORK/card/ferry-log.csv"
stop "$P1" "$P2"

# --- killed in the middle, resumed ---
rm -f "$WORK/flash3.bin"
chip 3 0; U3=$URL P3=$PID
"$FERRY" updater --card "$WORK/card" --port "$U3" >"$WORK/killed.txt" 2>&1 </dev/null &
KILLED=$!
PIDS="$PIDS $KILLED"
i=0
while [ "$(cat "$WORK"/card/.ferry/*.fjr 2>/dev/null | wc -c)" -lt 112 ] && [ $i -lt 400 ]; do
    i=$((i + 1))
    sleep 0.05
done
kill -KILL "$KILLED" 2>/dev/null
wait "$KILLED" 2>/dev/null
check "killed: the journal is there" sh -c "ls '$WORK'/card/.ferry/*.fjr >/dev/null"
updater --card "$WORK/card" --port "$U3"
check "resumed: exit code" code_is 0
check "resumed: says so" says 'was interrupted'
check "resumed: flash" holds 3 "$WORK/card"
check "resumed: journal gone" sh -c "! ls '$WORK'/card/.ferry/*.fjr >/dev/null 2>&1"
stop "$P3"

# --- eight at once ---
ARGS=
EIGHT=
for n in 1 2 3 4 5 6 7 8; do
    rm -f "$WORK/flash$n.bin"
    chip $n 0 --time fast
    EIGHT="$EIGHT $PID"
    ARGS="$ARGS --port $URL"
done
# shellcheck disable=SC2086
updater --card "$WORK/card" $ARGS
check "eight at once: exit code" code_is 0
for n in 1 2 3 4 5 6 7 8; do check "eight at once: flash $n" holds $n "$WORK/card"; done
check "eight at once: summary" says '8 well, 0 failed'
# shellcheck disable=SC2086
stop $EIGHT

# --- a bench: one port, targets come and go ---
rm -f "$WORK/card/ferry-log.csv"
rm -f "$WORK"/flash[12].bin
chip 1 0 --time fast; P1=$PID
PORT=${URL##*:}
"$FERRY" updater --card "$WORK/card" --port "$URL" --wait --probe 1 >"$WORK/out.txt" 2>&1 </dev/null &
BENCH=$!
PIDS="$PIDS $BENCH"
lines() {
    i=0
    while [ "$(grep -c -e ',ok,' "$WORK/card/ferry-log.csv" 2>/dev/null || echo 0)" -lt "$1" ] && [ $i -lt 300 ]; do
        i=$((i + 1))
        sleep 0.1
    done
    [ $i -lt 300 ]
}
check "bench: the first is done" lines 1
sleep 3
check "bench: and only once" logged "$WORK/card" ',ok,' 1
stop "$P1"
sleep 1
chip 2 "$PORT" --time fast; P2=$PID
check "bench: the second is done" lines 2
check "bench: first flash" holds 1 "$WORK/card"
check "bench: second flash" holds 2 "$WORK/card"
check "bench: log names the second" logged "$WORK/card" '02:00:00:00:00:02' 1
kill -INT "$BENCH"
wait "$BENCH"
CODE=$?
check "bench: Ctrl-C ends it well" code_is 0
check "bench: with a summary" says '2 well, 0 failed'
stop "$P2"

echo "updater: $PASSED checks passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
