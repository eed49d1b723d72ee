#!/bin/bash
# ferry updater --work against a depot that is served: two virtual chips and a job for each, a job for a chip that is
# nowhere, a worker that is killed while it writes and another one that finishes, a wrong token, no depot. What is on
# each flash is compared with the file; what became of the jobs is read from the database.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
. "$ROOT/tests/e2e/depot_server.inc"
unset FERRY_PORT FERRY_BAUD ESPTOOL_PORT ESPTOOL_BAUD
export NO_COLOR=1 COLUMNS=200 FERRY_CACHE=$WORK/cache
FAILED=0 OTHER=
check() { # check NAME COMMAND...
    local name=$1
    shift
    "$@" >"$WORK/checked" 2>&1 && return
    echo "FAILED: $name: $*"
    tail -n 8 "$WORK/out" "$WORK/worker1" "$WORK/worker2" 2>/dev/null | sed 's/^/    | /'
    FAILED=1
}
chip() { # chip N CHIP MAC TIME: its port in VCHIP
    "$FERRY" vchip --chip "$2" --mac "$3" --flash "$WORK/flash$1" --listen 127.0.0.1:0 --rfc2217 --time "$4" >"$WORK/vchip$1" 2>&1 &
    OTHER="$OTHER $!"
    for _ in $(seq 100); do
        VCHIP=$(grep -o 'rfc2217://[^ ]*' "$WORK/vchip$1" | head -1)
        [ -n "$VCHIP" ] && break || sleep 0.05
    done
}
job() { # job ID NAME: that field of the job
    "$FERRY" depot jobs --json | python3 -c 'import json, sys
jobs = [json.loads(line) for line in sys.stdin]
print([j[sys.argv[2]] for j in jobs if j.get("id") == int(sys.argv[1])][0])' "$1" "$2"
}
is() { # is ID NAME VALUE
    [ "$(job "$1" "$2")" = "$3" ]
}
becomes() { # becomes ID STATE, within 15 s
    for _ in $(seq 150); do is "$1" state "$2" && return 0 || sleep 0.1; done
    return 1
}
queue() { # queue BUILD MAC: the job's number
    "$FERRY" depot jobs add "$1" --mac "$2" --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["id"])'
}
holds() { # holds N FOLDER
    cmp -n "$(stat -c %s "$2/conformance.bin")" -i "0:65536" "$2/conformance.bin" "$WORK/flash$1"
}
work() {
    timeout 60 "$FERRY" updater --card "$WORK/card" --depot "$URL" --work "$@"
}

mkdir "$WORK/card"
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/c3" 100 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32 "$WORK/esp32" 100 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/next" 400 1.1 30
for build in c3 esp32 next; do "$FERRY" depot add "$WORK/$build" --quiet || exit 1; done
TOKEN=$(depot_token worker work)
export FERRY_TOKEN=$TOKEN
depot_start
A=02:00:00:00:00:01 B=02:00:00:00:00:02
chip 1 esp32c3 $A fast
PORT_A=$VCHIP
chip 2 esp32 $B fast
PORT_B=$VCHIP
BUILDS=$("$FERRY" depot list --json)
build() { # build CHIP VERSION: its number
    echo "$BUILDS" | python3 -c 'import json, sys
rows = [json.loads(line) for line in sys.stdin]
print("#%d" % [r["id"] for r in rows if r.get("chip") == sys.argv[1] and r.get("version") == sys.argv[2]][0])' "$1" "$2"
}

# Two jobs, and one that nobody here can do.
J1=$(queue "$(build esp32c3 1.0)" $A) J2=$(queue "$(build esp32 1.0)" $B)
J3=$(queue "$(build esp32c3 1.0)" 02:00:00:00:00:09)
work --once --worker bench-1 --port "$PORT_A" --port "$PORT_B" >"$WORK/out" 2>&1
check 'once: it ends well' test $? -eq 0
for j in "$J1" "$J2"; do
    check "job $j is done" is "$j" state done
    check "job $j: OK" is "$j" status OK
    check "job $j: by whom" is "$j" worker bench-1
    check "job $j: bytes" test "$(job "$j" bytes_done)" -gt 100000
    check "job $j: written" test "$(job "$j" bytes_written)" -gt 100000
done
check 'on the first chip' holds 1 "$WORK/c3"
check 'on the second chip' holds 2 "$WORK/esp32"
check 'the log on the card' test "$(grep -c ',ok,' "$WORK/card/ferry-log.csv")" -eq 2
check 'the job of a chip that is not there waits' is "$J3" state queued
check 'nobody has claimed it' is "$J3" attempt 0

# A worker dies while it writes; the next one finishes when the lease is over. Ctrl-C ends that.
chip 3 esp32c3 02:00:00:00:00:03 real
J4=$(queue "$(build esp32c3 1.1)" 02:00:00:00:00:03)
"$FERRY" updater --card "$WORK/card" --depot "$URL" --work --worker first --lease 2 --port "$VCHIP" >"$WORK/worker1" 2>&1 </dev/null &
FIRST=$!
for _ in $(seq 200); do [ "$(job "$J4" bytes_done)" -gt 0 ] && break || sleep 0.05; done
check 'it was writing' is "$J4" state running
kill -9 $FIRST
wait $FIRST 2>/dev/null
"$FERRY" updater --card "$WORK/card" --depot "$URL/" --work --worker second --lease 2 --port "$VCHIP" >"$WORK/worker2" 2>&1 </dev/null &
SECOND=$!
check 'the second one finishes' becomes "$J4" 'done'
check 'the second one: told' is "$J4" worker second
check 'the second one: attempt' is "$J4" attempt 2
check 'on the third chip' holds 3 "$WORK/next"
kill -INT $SECOND
wait $SECOND
check 'Ctrl-C ends it well' test $? -eq 0

# A job that is cancelled while it runs: what is written is finished, and the loss is told.
J5=$(queue "$(build esp32c3 1.0)" 02:00:00:00:00:03)
work --once --worker third --lease 1 --port "$VCHIP" >"$WORK/out" 2>&1 &
THIRD=$!
becomes "$J5" running
"$FERRY" depot jobs cancel "$J5" --quiet
wait $THIRD
check 'lost: what is written is finished' holds 3 "$WORK/c3"
check 'lost: told' grep -q "job $J5 is lost" "$WORK/out"
check 'lost: it stays cancelled' is "$J5" state cancelled

# Strangers, nobody there, wrong usage.
FERRY_TOKEN=fd_000000000000000000000000000000000000000000000000 work --port "$PORT_A" >"$WORK/out" 2>&1
check 'a wrong token: exit code' test $? -ne 0
check 'a wrong token: what to do' grep -q FERRY_TOKEN "$WORK/out"
URL=http://127.0.0.1:1 work --once --lease 4 --port "$PORT_A" >"$WORK/out" 2>&1
check 'no depot: exit code' test $? -eq 3
check 'no depot: said once' test "$(grep -c 'tried again' "$WORK/out")" -eq 1
"$FERRY" updater --card "$WORK/card" --port "$PORT_A" --work >"$WORK/out" 2>&1
check 'no --depot: exit code' test $? -eq 2
check 'the job of a chip that is not there still waits' is "$J3" state queued
depot_stop
exit $FAILED
