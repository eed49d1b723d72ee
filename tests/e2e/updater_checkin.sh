#!/bin/bash
# ferry updater --check-in against a depot that is served: blank chips, chips that run something else, chips that are up
# to date (untouched), by the loader and by the link; an interrupted flash; a bench where targets change and a channel
# moves; a depot that is away, lies, stalls. What is on each flash is compared with the file, what each device runs is
# read from the database.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
. "$ROOT/tests/e2e/depot_server.inc"
. "$ROOT/tests/e2e/updater_work.inc"
checkin() { # checkin EXIT ARGS...
    local want=$1
    shift
    timeout 60 "$FERRY" updater --card "$WORK/card" --depot "$URL" --check-in "$@" >"$WORK/out" 2>&1 </dev/null
    local got=$?
    check "check-in $*: exit code $got" test $got -eq "$want"
}
quick() { # by the loader, so that nobody waits for a receiver
    checkin "$@" --route rom
}
sum_of() { sha256sum <"$WORK/flash$1"; }
lines() { cat "$WORK/card/ferry-log.csv" 2>/dev/null | wc -l; }
stable() { "$FERRY" depot channel "${2:-stable}" "$1" --quiet; }

python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/c3" 60 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32 "$WORK/esp32" 60 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/next" 90 1.1 30
for build in c3 esp32 next; do "$FERRY" depot add "$WORK/$build" --quiet || exit 1; done
C3='#1' NEXT='#3'
TOKEN=$(depot_token bench work)
export FERRY_TOKEN=$TOKEN
depot_start
A=02:00:00:00:00:01 B=02:00:00:00:00:02 C=02:00:00:00:00:03 D=02:00:00:00:00:04
chip 1 esp32c3 $A fast
PORT_A=$VCHIP
chip 2 esp32 $B fast
PORT_B=$VCHIP

# A blank chip that nobody has said anything about; then a project without a channel; then it is brought.
before=$(sum_of 1)
quick 5 --port "$PORT_A"
check 'blank: said' says "(blank) belongs to no project that the depot knows"
check 'blank: what to do' says 'try: --project PROJECT@CHANNEL'
quick 5 --port "$PORT_A" --project conformance
check 'no channel: said' says 'channel stable of conformance has no build for esp32c3'
check 'no channel: what to do' says 'try: ferry depot channel stable conformance@VERSION --chip esp32c3'
check 'nothing was touched' test "$(sum_of 1)" = "$before"
check 'nothing was logged' test "$(lines)" -eq 0
stable $C3
quick 0 --port "$PORT_A" --project conformance --json
check 'a blank chip gets it' holds 1 "$WORK/c3"
look
check 'a blank chip: the depot knows' runs $A 1.0
check 'a blank chip: it follows the channel from now on' test "$(device $A channel)" = stable
check 'JSON: what is done, in this order' rows "[r['event'] for r in rows if r['event'] in ('checkin', 'fetch', 'ready', 'result', 'summary')] == ['checkin', 'fetch', 'ready', 'result', 'checkin', 'summary']"
check 'JSON: what is asked and answered' rows "[(r['answer'], r['running']['state'], r['version'], r['again']) for r in of('checkin')] == [('update', 'blank', '1.0', False), ('current', 'known', '1.0', True)]"

# Up to date: nothing is touched. One that is behind and one whose chip the channel has nothing for, at once.
before=$(sum_of 1)
quick 0 --port "$PORT_A"
check 'current: said' says "ESP32-C3 $A is up to date: conformance 1.0 (channel stable)"
check 'current: nothing is touched' test "$(sum_of 1)" = "$before"
check 'current: no job' test "$(lines)" -eq 2
stable $NEXT
quick 0 --port "$PORT_A" --dry-run
check 'dry run: said' says 'is to run conformance 1.1 (channel stable)'
check 'dry run: nothing is touched' test "$(sum_of 1)" = "$before"
quick 5 --port "$PORT_A" --port "$PORT_B" --project conformance
check 'behind: what runs and what shall' says "ESP32-C3 $A, conformance 1.0, is to run conformance 1.1 (channel stable)"
check 'behind: brought' holds 1 "$WORK/next"
check 'another chip: nothing for it' says 'channel stable of conformance has no build for esp32'
check 'the table tells both' grep -qE "ESP32 +$B +nothing" "$WORK/out"
look
check 'behind: the depot knows' runs $A 1.1

# A flash that was cut off in the middle has the new description and not the rest: it must not pass for up to date.
chip 3 esp32c3 $C real
PORT_C=$VCHIP
"$FERRY" updater --card "$WORK/card" --depot "$URL" --check-in --project conformance --route rom --port "$PORT_C" --json >"$WORK/worker1" 2>&1 </dev/null &
FIRST=$!
waits_for "$WORK/worker1" '"step":"writing"'
kill -9 $FIRST
wait $FIRST 2>/dev/null
quick 0 --port "$PORT_C" --project conformance
check 'cut off: brought again' holds 3 "$WORK/next"
check 'cut off: gone on with' says 'an earlier job was interrupted'

# By the link: the receiver says what runs; the application goes into the other slot.
python3 "$ROOT/tests/e2e/link_flash.py" esp32c3 "$WORK/c3" "$WORK/flash4" || exit 1
chip 4 esp32c3 $D real --listen 127.0.0.1:0 --line ideal --app receiver --rollback
checkin 0 --port "$VCHIP" --project conformance
check 'link: what runs and what shall' says "ESP32-C3 $D, conformance 1.0, is to run conformance 1.1"
check 'link: in which slot' says 'in ota_1, runs and is confirmed'
look
check 'link: the depot knows' runs $D 1.1
check 'link: by its hash' test "$(device $D running_sha256)" = "$(sha256sum <"$WORK/next/conformance.bin" | cut -c1-64)"
checkin 0 --port "$VCHIP"
check 'link: up to date' says "$D is up to date: conformance 1.1"

# A bench: who is there is asked about, the channel moves while it stays, the depot goes away and comes back.
proxy pass
"$FERRY" updater --card "$WORK/card" --depot "$PROXY" --check-in --wait --every 1 --probe 1 --route rom --port "$PORT_A" >"$WORK/worker2" 2>&1 </dev/null &
BENCH=$!
check 'bench: up to date' waits_for "$WORK/worker2" "$A is up to date: conformance 1.1"
echo 500 >"$WORK/mode"
check 'bench: a depot that fails' waits_for "$WORK/worker2" 'the depot answers 500'
echo html >"$WORK/mode"
sleep 1
stable $C3
echo pass >"$WORK/mode"
check 'bench: it answers again' waits_for "$WORK/worker2" 'the depot answers again'
check 'bench: the channel has moved' waits_for "$WORK/worker2" "the depot knows that $A runs conformance 1.0 now"
check 'bench: brought' holds 1 "$WORK/c3"
kill -INT $BENCH
end_of $BENCH
check 'bench: Ctrl-C ends it well' test $? -eq 0
check 'bench: told once' test "$(grep -c 'is up to date' "$WORK/worker2")" -eq 1

# A depot that is no good: an end, a reason, and what to try.
before=$(sum_of 1)
URL=$PROXY
for mode in html garbage half lie redirect 500; do
    echo $mode >"$WORK/mode"
    timeout 60 "$FERRY" updater --depot "$PROXY" --check-in --route rom --port "$PORT_A" >"$WORK/out" 2>&1 </dev/null
    check "depot: $mode: exit code" test $? -ne 0
    check "depot: $mode: why" grep -q '^error: .*depot' "$WORK/out"
    check "depot: $mode: what to try" says '  try: '
done
check 'depot: nothing was touched' test "$(sum_of 1)" = "$before"

# A build that comes slowly, or not at all: Ctrl-C does not wait for it.
echo slow >"$WORK/mode"
stable $NEXT
rm -rf "$WORK/cache"
"$FERRY" updater --depot "$PROXY" --check-in --route rom --port "$PORT_A" >"$WORK/out" 2>&1 </dev/null &
SLOW=$!
check 'slow: progress is told' waits_for "$WORK/out" 'fetching'
kill -INT $SLOW
begun=$(date +%s%N)
end_of $SLOW
check 'slow: Ctrl-C ends it at once' test $((($(date +%s%N) - begun) / 1000000)) -lt 3000
check 'slow: nothing was touched' test "$(sum_of 1)" = "$before"

# The same from the page: it shows how far it is, and Stop ends it.
sha=$("$FERRY" depot list --json | grep '"version":"1.1"' | field sha256)
"$FERRY" updater --card "$WORK/card" --depot "$PROXY" --web 0 --port "$PORT_A" --json >"$WORK/worker2" 2>&1 </dev/null &
PAGE_AT=$!
waits_for "$WORK/worker2" '"event":"web"'
PAGE=$(sed -n 's/.*"event":"web","url":"\([^"]*\)".*/\1/p' "$WORK/worker2")api/v1
curl -s -H 'Content-Type: application/json' -d "{\"target\":\"0\",\"build\":\"depot:$sha\"}" "$PAGE/jobs" >/dev/null
for _ in $(seq 100); do
    curl -s "$PAGE/jobs" >"$WORK/page"
    grep -q '"state":"fetching","step":"0x0_bootloader.bin","done":[1-9]' "$WORK/page" && break || sleep 0.05
done
check 'page: how far it is' grep -q '"state":"fetching","step":"0x0_bootloader.bin","done":[1-9]' "$WORK/page"
curl -s -X DELETE "$PAGE/jobs/1" >/dev/null
for _ in $(seq 60); do
    curl -s "$PAGE/jobs" >"$WORK/page"
    grep -q '"state":"failed"' "$WORK/page" && break || sleep 0.05
done
check 'page: stopped' grep -q '"error":"CANCELLED"' "$WORK/page"
kill -INT $PAGE_AT
end_of $PAGE_AT
check 'page: nothing was touched' test "$(sum_of 1)" = "$before"

# Wrong usage.
for wrong in '--check-in' '--check-in --depot depot.db' '--project x --depot http://h' '--check-in --depot http://h --project @x' '--check-in --depot http://h --every 5' '--check-in --depot http://h --once'; do
    "$FERRY" updater --port "$PORT_A" $wrong >"$WORK/out" 2>&1
    check "$wrong: exit code" test $? -eq 2
    check "$wrong: what to try" says '  try: '
done
depot_stop
exit $FAILED
