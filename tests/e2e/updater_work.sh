#!/bin/bash
# ferry updater --work against a depot that is served: two virtual chips and a job for each, a job for a chip that is
# nowhere, a worker that is killed while it writes and another one that finishes, jobs that are cancelled in the depot
# and stopped on the updater's page, a wrong token, no depot. What is on each flash is compared with the file; what
# became of the jobs and what the devices run is read from the database.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
. "$ROOT/tests/e2e/depot_server.inc"
. "$ROOT/tests/e2e/updater_work.inc"
work() {
    timeout 60 "$FERRY" updater --card "$WORK/card" --depot "$URL" --work --route rom "$@"
}

python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/c3" 60 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32 "$WORK/esp32" 60 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/next" 90 1.1 30
for build in c3 esp32 next; do "$FERRY" depot add "$WORK/$build" --quiet || exit 1; done
C3='#1' ESP32='#2' NEXT='#3'
TOKEN=$(depot_token worker work)
export FERRY_TOKEN=$TOKEN
depot_start
A=02:00:00:00:00:01 B=02:00:00:00:00:02 C=02:00:00:00:00:03
chip 1 esp32c3 $A fast
PORT_A=$VCHIP
chip 2 esp32 $B fast
PORT_B=$VCHIP
chip 3 esp32c3 $C real
PORT_C=$VCHIP

# Two jobs, and one that nobody here can do.
J1=$(queue $C3 $A) J2=$(queue $ESP32 $B) J3=$(queue $C3 02:00:00:00:00:09)
work --once --worker bench-1 --port "$PORT_A" --port "$PORT_B" --json >"$WORK/out" 2>&1
check 'once: it ends well' test $? -eq 0
look
for j in "$J1" "$J2"; do
    check "job $j is done" is "$j" state 'done'
    check "job $j: OK" is "$j" status OK
    check "job $j: by whom" is "$j" worker bench-1
    check "job $j: bytes" test "$(job "$j" bytes_done)" -gt 60000
    check "job $j: written" test "$(job "$j" bytes_written)" -gt 60000
done
check 'on the first chip' holds 1 "$WORK/c3"
check 'on the second chip' holds 2 "$WORK/esp32"
check 'what the first device runs' runs $A 1.0
check 'what the second device runs' runs $B 1.0
check 'by its hash' test "$(device $A running_sha256)" = "$(sha256sum <"$WORK/c3/conformance.bin" | cut -c1-64)"
check 'the log on the card' test "$(grep -c ',ok,' "$WORK/card/ferry-log.csv")" -eq 2
check 'the job of a chip that is not there waits' is "$J3" state queued
check 'nobody has claimed it' is "$J3" attempt 0
check 'JSON: every step of every job' rows "all([r['event'] for r in rows if r.get('job') == j] == ['claim', 'fetch', 'ready', 'report'] for j in ('$J1', '$J2'))"
check 'JSON: all name their port' rows "all('port' in r for r in rows if r['event'] != 'summary')"
check 'JSON: what was reported' rows "all(r['state'] == 'done' and r['result'] == 'OK' for r in of('report'))"

# A worker dies while it writes; the next one finishes when the lease is over. Ctrl-C ends that.
J4=$(queue $NEXT $C)
"$FERRY" updater --card "$WORK/card" --depot "$URL" --work --worker first --lease 1 --route rom --port "$PORT_C" >"$WORK/worker1" 2>&1 </dev/null &
FIRST=$!
for _ in $(seq 200); do
    "$FERRY" depot jobs --json >"$WORK/jobs"
    [ "$(job "$J4" bytes_done)" -gt 0 ] && break || sleep 0.05
done
check 'it was writing' is "$J4" state running
kill -9 $FIRST
wait $FIRST 2>/dev/null
"$FERRY" updater --card "$WORK/card" --depot "$URL/" --work --worker second --lease 1 --route rom --port "$PORT_C" --web 0 --json >"$WORK/worker2" 2>&1 </dev/null &
SECOND=$!
check 'the second one finishes' becomes "$J4" 'done'
check 'the second one: told' is "$J4" worker second
check 'the second one: attempt' is "$J4" attempt 2
check 'on the third chip' holds 3 "$WORK/next"

# A job that is stopped on its page while it is written has failed, and the depot knows why; the page shows what works.
PAGE=$(sed -n 's/.*"event":"web","url":"\([^"]*\)".*/\1/p' "$WORK/worker2")api/v1
J5=$(queue $C3 $C)
for _ in $(seq 200); do
    curl -s "$PAGE/jobs" >"$WORK/page"
    grep -q '"state":"writing"' "$WORK/page" && break || sleep 0.05
done
check 'the page shows the job' grep -q '"name":"conformance","version":"1.0".*"state":"writing"' "$WORK/page"
check 'the port is busy' test "$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '{"target":"0","kind":"probe"}' "$PAGE/jobs")" = 409
curl -s -X DELETE "$PAGE/jobs/$(field id <"$WORK/page")" >/dev/null
check 'stopped on the page: failed' becomes "$J5" failed
check 'stopped on the page: so it is called' is "$J5" status CANCELLED
check 'stopped on the page: why' grep -q "\"id\":$J5,.*\"text\":\"stopped on the updater's page: cancelled while writing" "$WORK/jobs"
J6=$(queue $C3 $C)
check 'the next one is done' becomes "$J6" 'done'
check 'after it was stopped' holds 3 "$WORK/c3"

# A job that is cancelled in the depot while it runs: what is written is finished, and the loss is told.
J7=$(queue $NEXT $C)
becomes "$J7" running
"$FERRY" depot jobs cancel "$J7" --quiet
check 'lost: told' waits_for "$WORK/worker2" "\"event\":\"lost\",\"port\":\"$PORT_C\",\"job\":\"$J7\""
kill -INT $SECOND
wait $SECOND
check 'Ctrl-C ends it well' test $? -eq 0
look
check 'lost: it stays cancelled' is "$J7" state cancelled

# Strangers, nobody there, wrong usage.
FERRY_TOKEN=fd_000000000000000000000000000000000000000000000000 work --port "$PORT_A" >"$WORK/out" 2>&1
check 'a wrong token: exit code' test $? -ne 0
check 'a wrong token: what to do' grep -q FERRY_TOKEN "$WORK/out"
URL=http://127.0.0.1:1 work --once --lease 1 --port "$PORT_A" >"$WORK/out" 2>&1
check 'no depot: exit code' test $? -eq 3
check 'no depot: said once' test "$(grep -c 'tried again' "$WORK/out")" -eq 1
for wrong in '--work' '--work --check-in --depot http://h' '--once' '--lease 5' '--work --dry-run --depot http://h' '--depot ftp://h --work'; do
    "$FERRY" updater --card "$WORK/card" --port "$PORT_A" $wrong >"$WORK/out" 2>&1
    check "$wrong: exit code" test $? -eq 2
done
look
check 'the job of a chip that is not there still waits' is "$J3" state queued
depot_stop
exit $FAILED
