#!/bin/bash
# `ferry link-test` names what is wrong with a line; `ferry receive --flash` takes firmware into a flash image, which
# the boot model then starts.
. "$(dirname "$0")/link.inc"

says() { # says EXIT TEXT [ARGS...]: what link-test says
    local want=$1 text=$2 got
    shift 2
    timeout 60 "$FERRY" link-test -p "$WORK/pty" "$@" >"$WORK/out" 2>&1 </dev/null
    got=$?
    check "$text: exit code $got" test $got -eq "$want"
    check "$text: is said" grep -qF -- "$text" "$WORK/out"
}

build esp32c3 "$WORK/old" 100 1.0 && build esp32c3 "$WORK/new" 100 1.1 30 && new_flash || exit 1
line() { # line ARGS...: the virtual chip on a pty
    serve vchip: vchip --chip esp32c3 --flash "$WORK/flash" --pty "$WORK/pty" --boot normal "$@"
    sleep 1 # what the chip says while it boots is not what is tested
}

line --app receiver
says 0 'The line is good.'
check 'the highest rate is found' grep -q 'at 921600 baud' "$WORK/out"
check 'nothing was lost' grep -q 'to the target:   all of' "$WORK/out"
says 0 '"bit_errors_per_million_to":0' --json
stop
line --app receiver --fault 'ber=1e-3<'
says 3 'the direction to the target has more than 1 bit error in 10000'
stop
line --app receiver --fault 'ber=1e-3>'
says 3 'the direction from the target has more than 1 bit error in 10000'
stop
line
says 3 'nothing was received at all'
stop

serve receive: receive --flash "$WORK/flash" --chip esp32c3 --rollback --pty "$WORK/target" --once
timeout 60 "$FERRY" send "$WORK/new/conformance.bin" -p "$WORK/target" >"$WORK/out" 2>&1
check 'flash image: send' test $? -eq 0
check 'flash image: what runs is told' grep -q 'conformance 1.1 runs from ota_1, confirmed' "$WORK/out"
wait $PID
check 'flash image: --once ends well' test $? -eq 0
PID=''
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --once --rollback >"$WORK/out"
check 'flash image: the boot model starts the new firmware' grep -qx 'boots: ota_1' "$WORK/out"

# ferry flash --route: the receiver where there is one, the serial loader where there is none.
new_flash
flash() { # flash ROUTE FOLDER: to the chip that is served
    timeout 60 "$FERRY" flash "$WORK/$2" --route "$1" -p "$URL" >"$WORK/out" 2>&1 </dev/null
}
serve boots: vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --rfc2217 --app receiver --rollback
check 'route link: flash' flash link new
check 'route link: went by the link' grep -q 'conformance 1.1 runs from ota_1, confirmed' "$WORK/out"
check 'route auto: flash' flash auto old
check 'route auto: went by the link' grep -q 'conformance 1.0 runs from ota_0, confirmed' "$WORK/out"
stop
serve boots: vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --rfc2217
check 'route auto without a receiver: flash' flash auto new
check 'route auto without a receiver: the loader' grep -q "the target's own MD5 of 3 regions matches" "$WORK/out"
flash link old
check 'route link without a receiver: exit code' test $? -eq 3
check 'route link without a receiver: why' grep -q 'nothing was received at all' "$WORK/out"
stop

# The virtual ESP32 is of a revision that today's builds start on, as its loader says and its receiver.
build esp32 "$WORK/esp32" 100 1.0 && "$PYTHON" "$ROOT/tests/e2e/link_flash.py" esp32 "$WORK/esp32" "$WORK/flash" || exit 1
serve boots: vchip --chip esp32 --flash "$WORK/flash" --listen 127.0.0.1:0 --rfc2217 --app receiver
timeout 60 "$FERRY" detect -p "$URL" >"$WORK/out" 2>&1 </dev/null
check 'ESP32: the loader says v3.0' grep -q 'ESP32 revision v3.0' "$WORK/out"
timeout 60 "$FERRY" link-test -p "$URL" >"$WORK/out" 2>&1 </dev/null
check 'ESP32: the receiver says v3.0' grep -q 'ESP32 revision v3.0' "$WORK/out"
stop

finish link_lines
