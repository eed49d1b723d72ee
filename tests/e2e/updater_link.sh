#!/bin/bash
# ferry updater with targets of all kinds at once: firmware with a receiver on TCP and a pty, one that runs the new
# firmware already, one without a receiver (its serial loader), one that is not there. Which are done is said by the
# table, the log on the card and the JSON; what is on each flash is compared with the file, what starts is decided by
# the boot model.
. "$(dirname "$0")/link.inc"

PIDS=
trap 'kill $PIDS $PID 2>/dev/null; rm -rf "$WORK"' EXIT
target() { # target N ARGS...: virtual chip N with its own flash; its port in URL
    local n=$1
    shift
    rm -f "$WORK/log"
    "$FERRY" vchip --chip esp32c3 --flash "$WORK/flash$n" --mac "02:00:00:00:00:0$n" "$@" >"$WORK/log$n" 2>&1 &
    PIDS="$PIDS $!"
    for _ in $(seq 400); do grep -qs '^boots:' "$WORK/log$n" && break || sleep 0.05; done
    URL=$(sed -n 's/^vchip:.* on //p' "$WORK/log$n")
}
flash_of() { # flash_of N FOLDER: two slots, that firmware in the first
    "$PYTHON" "$ROOT/tests/e2e/link_flash.py" esp32c3 "$2" "$WORK/flash$1"
}
holds() { # holds N ADDRESS: the new firmware, whole
    cmp -n "$(stat -c %s "$CARD/conformance.bin")" -i "0:$(($2))" "$CARD/conformance.bin" "$WORK/flash$1"
}
logs() { # logs PATTERN COUNT
    [ "$(grep -c -e "$1" "$CARD/ferry-log.csv")" -eq "$2" ]
}
updater() {
    timeout 120 "$FERRY" updater --card "$CARD" "$@" >"$WORK/out" 2>&1 </dev/null
}
says() { grep -qF -e "$1" "$WORK/out"; }

CARD=$WORK/new
build esp32c3 "$WORK/old" 100 1.0 && build esp32c3 "$CARD" 100 1.1 30 && flash_of 1 "$WORK/old" &&
    flash_of 2 "$WORK/old" && flash_of 3 "$CARD" && flash_of 4 "$WORK/old" || exit 1
target 1 --listen 127.0.0.1:0 --line ideal --app receiver --rollback
A=$URL
target 2 --pty "$WORK/pty" --app receiver --rollback
B=$URL
target 3 --listen 127.0.0.1:0 --line ideal --app receiver --rollback
C=$URL
target 4 --listen 127.0.0.1:0 --rfc2217
D=$URL

# Which ones are done?
updater --port "$A" --port "$B" --port "$C" --port "$D" --port socket://127.0.0.1:1
check 'five at once: exit code' test $? -eq 3
check 'five at once: the count' says '4 well, 1 failed'
check 'five at once: TCP by the link' holds 1 0x110000
check 'five at once: pty by the link' holds 2 0x110000
check 'five at once: by the loader where no receiver answers' holds 4 0x10000
check 'five at once: nothing to do' says "$C: runs this firmware already, nothing was sent"
check 'five at once: in which slot it runs' says "$A: done and verified, in ota_1, runs and is confirmed"
check 'five at once: what ran before' says 'runs conformance 1.0'
check 'five at once: why the loader' says 'trying the serial loader'
check 'the log: four well' logs ',ok,' 4
check 'the log: one failed, by name' logs 'socket://127.0.0.1:1,.*,failed,WIRE_OPEN,' 1
check 'the log: link and loader alike' logs '^[^,]*,02:00:00:00:00:0[1234],esp32c3,v[0-9.]*,[^,]*,conformance,1.1,[0-9a-f]\{64\},[0-9]*,[0-9]*,[0-9.]*,ok,' 4

# Again, for programs: the same keys on both routes, nothing is sent.
updater --port "$A" --port "$D" --json
check 'JSON: exit code' test $? -eq 0
check 'JSON: both routes' "$PYTHON" - "$WORK/out" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
results = {r['route']: r for r in rows if r['event'] == 'result'}
assert set(results) == {'link', 'rom'}, rows
assert set(results['rom']) == set(results['link']) - {'slot', 'confirmed'}, results
for r in results.values():
    assert r['ok'] and r['verified'] and r['written'] <= 4096 and r['skipped'] > 100000, r
assert {r['route'] for r in rows if r['event'] == 'target'} == {'link', 'rom'}
PY

# The card names the route; --route goes before it.
printf '{"route": "link"}' >"$CARD/ferry.json"
updater --port "$D"
check 'ferry.json: link only: exit code' test $? -eq 3
check 'ferry.json: link only: why' grep -qE 'no receiver answers|nothing was received' "$WORK/out"
check 'ferry.json: link only: what to try' says '--route rom'
updater --port "$D" --route rom
check '--route goes before ferry.json' test $? -eq 0
printf '{"route": "bus"}' >"$CARD/ferry.json"
updater --port "$D"
check 'ferry.json: no such route: exit code' test $? -eq 5
check 'ferry.json: no such route: told' says 'is no route'
rm "$CARD/ferry.json"

# A bench: it comes, is done once, goes; the next one comes.
rm -f "$CARD/ferry-log.csv"
flash_of 5 "$WORK/old" && flash_of 6 "$WORK/old"
target 5 --listen 127.0.0.1:0 --line ideal --app receiver --rollback
"$FERRY" updater --card "$CARD" --port "$URL" --wait --probe 1 >"$WORK/out" 2>&1 </dev/null &
PID=$!
wait_for() { # wait_for COUNT lines in the log
    for _ in $(seq 300); do [ "$(grep -cs ',ok,' "$CARD/ferry-log.csv")" = "$1" ] && return 0 || sleep 0.1; done
    return 1
}
check 'bench: the first is done' wait_for 1
sleep 3
check 'bench: only once' logs ',ok,' 1
{ kill "${PIDS##* }" && wait "${PIDS##* }"; } 2>/dev/null
sleep 1
target 6 --listen "${URL#socket://}" --line ideal --app receiver --rollback
check 'bench: the second is done' wait_for 2
check 'bench: the log names it' logs '02:00:00:00:00:06' 1
kill -INT $PID
wait $PID
check 'bench: Ctrl-C ends it well' test $? -eq 0
PID=

# shellcheck disable=SC2086
{ kill $PIDS && wait $PIDS; } 2>/dev/null
PIDS=
for n in 1 2; do
    cp "$WORK/flash$n" "$WORK/flash"
    check "target $n starts the new firmware for good" boots ota_1
done
finish updater_link
