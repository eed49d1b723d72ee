#!/bin/bash
# The Arduino sketches under examples/, compiled for this computer (tests/support/arduino stands in for the core) and
# run: against the virtual chip, against `ferry send`, against one another. What anchors them is the virtual chip's
# flash file and its boot model, and that `ferry send` confirms what it has read back.
. "$(dirname "$0")/link.inc"

BUILD=$(dirname "$FERRY")
CC_ARDUINO="${CXX:-c++} -std=gnu++17 -O1 -Wall -Wextra -Werror -DARDUINO=10819 -DESP32 -I $ROOT/tests/support/arduino
    -I $ROOT/src -I $ROOT -include Arduino.h -x c++"
for part in "$ROOT/src/ferry_arduino.cpp" "$ROOT"/tests/support/arduino/*.cpp; do
    $CC_ARDUINO -c "$part" -o "$WORK/$(basename "$part").o" || exit 1
done
sketch() { # sketch NAME FILE: compiled as the Arduino IDE does, with Arduino.h in front
    $CC_ARDUINO "$2" -x none "$WORK"/*.cpp.o "$BUILD/ports/posix/libferry_posix.a" "$BUILD/src/libferry_core.a" \
        -lserialport -lmbedcrypto -lz -o "$WORK/$1" || exit 1
}
for s in SdToBlankEsp32 SdToRunningEsp32 SerialOtaReceiver WifiOtaReceiver WifiUpdater; do
    sketch $s "$ROOT/examples/$s/$s.ino"
done
sketch Ota "$ROOT/tests/support/arduino/ota.ino"

export FAKE_SECONDS=90
said() { grep -qF -- "$1" "$WORK/said"; }
starts() { # which slot the boot model starts, as an address
    case $("$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --boot normal --once --rollback | sed -n 's/^boots: //p') in
    ota_0) echo 0x10000 ;; ota_1) echo 0x110000 ;; *) echo none ;;
    esac
}
# A sketch on a chip: whenever it restarts, the boot model says what runs next.
board() { # board SKETCH
    trap 'kill $RUNS; exit' TERM
    while :; do
        FAKE_RUNNING=$(starts) "$WORK/$1" >>"$WORK/board" 2>&1 &
        RUNS=$!
        wait $RUNS
        [ $? -eq 42 ] || break
    done
}
export FAKE_FLASH=$WORK/flash

build esp32 "$WORK/idf" 200 1.0 && build esp32c3 "$WORK/old" 120 1.0 && build esp32c3 "$WORK/new" 120 1.1 30 || exit 1

# ---- A target that is silent takes its time: in the background, looked at in the end
mkdir -p "$WORK/nobody/firmware" && cp "$WORK/idf/conformance.bin" "$WORK/nobody/firmware/app.bin"
socat "pty,link=$WORK/silent,raw,echo=0" 'exec:sleep 60' &
SENDER=$!
for _ in $(seq 100); do [ -e "$WORK/silent" ] && break || sleep 0.05; done
FAKE_SERIAL1=$WORK/silent FAKE_SD=$WORK/nobody FAKE_UNTIL=try: "$WORK/SdToBlankEsp32" >"$WORK/silence" &
SILENCE=$!

# ---- SdToBlankEsp32: an Arduino export on the card, a blank chip with reset and boot line
mkdir -p "$WORK/card/firmware"
cp "$WORK/idf/conformance.bin" "$WORK/card/firmware/Blink.ino.bin"
cp "$WORK/idf/bootloader/bootloader.bin" "$WORK/card/firmware/Blink.ino.bootloader.bin"
cp "$WORK/idf/partition_table/partition-table.bin" "$WORK/card/firmware/Blink.ino.partitions.bin"
blank() { # runs the sketch on a virtual chip; ARGS of vchip
    serve vchip: vchip "$@" --flash "$WORK/blank" --listen 127.0.0.1:0 --rfc2217 --boot normal --time fast
    FAKE_SERIAL1=$URL FAKE_RESET=25 FAKE_BOOT=26 FAKE_SD=$WORK/card FAKE_UNTIL=${UNTIL:-started.} "$WORK/SdToBlankEsp32" >"$WORK/said"
    local code=$?
    stop
    return $code
}
check 'blank: written, proved, started' blank --chip esp32
check 'blank: it says what' said 'ESP32 revision'
check 'blank: without a receiver the core confirms by itself' said 'the core confirms the firmware'
check 'blank: app' cmp -n "$(stat -c %s "$WORK/idf/conformance.bin")" -i 0:65536 "$WORK/idf/conformance.bin" "$WORK/blank"
check 'blank: bootloader' cmp -n 16384 -i 0:4096 "$WORK/idf/bootloader/bootloader.bin" "$WORK/blank"
check 'blank: it boots' sh -c "'$FERRY' vchip --chip esp32 --flash '$WORK/blank' --boot normal --once | grep -qx 'boots: factory'"
check 'blank: once more' blank --chip esp32

rm "$WORK/blank"
UNTIL=try: check 'another chip: refused' blank --chip esp32c3
check 'another chip: why' said 'IMAGE_CHIP: the image is for another chip'
check 'another chip: nothing was written' sh -c "! LC_ALL=C tr -d '\377' <'$WORK/blank' | head -c 1 | grep -q ."
printf X | dd of="$WORK/card/firmware/Blink.ino.bin" bs=1 seek=9000 conv=notrunc status=none
UNTIL=try: check 'damaged: refused' blank --chip esp32
check 'damaged: why' said 'IMAGE_CHECKSUM'
cp "$WORK/idf/conformance.bin" "$WORK/card/firmware/Blink.ino.bin"
rm "$WORK/card/firmware/Blink.ino.partitions.bin"
UNTIL=try: check 'no table: refused' blank --chip esp32
check 'no table: why' said 'NO_PLACE'

# ---- SdToRunningEsp32: to a virtual chip whose firmware has the receiver
cp "$WORK/new/conformance.bin" "$WORK/card/firmware.bin"
new_flash
chip --pty "$WORK/target"
FAKE_SERIAL1=$WORK/target FAKE_SD=$WORK/card FAKE_UNTIL='runs the new' "$WORK/SdToRunningEsp32" >"$WORK/said"
check 'to a running chip' said 'The target runs the new firmware.'
check 'to a running chip: what ran before' said 'runs conformance 1.0'
stop
check 'to a running chip: it starts for good' boots ota_1

# ---- SdToRunningEsp32 against SerialOtaReceiver; then ferry send against the sketch: back to the old firmware
wires() { # wires A B: two ends of a line
    socat "pty,link=$WORK/$1,raw,echo=0" "pty,link=$WORK/$2,raw,echo=0" &
    RELAY=$!
    for _ in $(seq 100); do [ -e "$WORK/$2" ] && break || sleep 0.05; done
    exec 9<>"$WORK/$2" # socat ends with the last one that has it open
}
wires a b
rm -f "$WORK/board"
new_flash
(FAKE_SERIAL1=$WORK/a board SerialOtaReceiver) &
PID=$!
to_sketch() { # to_sketch TEXT-THAT-ENDS-IT
    FAKE_SERIAL1=$WORK/b FAKE_SD=$WORK/card FAKE_UNTIL=$1 "$WORK/SdToRunningEsp32" >"$WORK/said"
}
to_sketch 'runs the new'
check 'sketch to sketch' said 'The target runs the new firmware.'
check 'the trial was left to the sketch' grep -q 'leaves the trial to the sketch' "$WORK/board"
check 'the sketch told' grep -q 'Update complete' "$WORK/board"
check 'the sketch knew of its trial' grep -q 'On trial' "$WORK/board"
check 'sketch to sketch: it starts for good' boots ota_1
cp "$WORK/old/bootloader/bootloader.bin" "$WORK/card/firmware.bin"
to_sketch try:
check 'a bootloader is no app' said 'IMAGE_FORMAT'
URL=$WORK/b
check 'ferry send to the sketch' send "$WORK/old/conformance.bin" --take-over
check 'ferry send to the sketch: confirmed' grep -q '"confirmed":true' "$WORK/out"
check 'ferry send to the sketch: it starts for good' boots ota_0
kill $PID $RELAY 2>/dev/null; wait $PID $RELAY 2>/dev/null

# ---- over the network
export FAKE_PORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cp "$WORK/new/conformance.bin" "$WORK/card/firmware.bin"
new_flash
(board WifiOtaReceiver) &
PID=$!
FAKE_SD=$WORK/card FAKE_UNTIL='runs the new' "$WORK/WifiUpdater" >"$WORK/said"
check 'over the network' said 'The target runs the new firmware.'
check 'over the network: it starts for good' boots ota_1
URL=socket://127.0.0.1:$FAKE_PORT
check 'over the network: ferry send' send "$WORK/old/conformance.bin" --take-over
kill $PID 2>/dev/null; wait $PID 2>/dev/null
PID=''

# ---- FerryOta: begin, chunk, end
new_flash
ota() { FAKE_RUNNING=$(starts) FAKE_SD=$WORK/card FAKE_UNTIL=. FAKE_OTA=$1 "$WORK/Ota" >"$WORK/said"; }
ota short
check 'ota: bytes are missing' said 'STATE'
check 'ota: the old firmware stays' boots ota_0
ota wrong
check 'ota: another SHA-256' said 'VERIFY'
check 'ota: the old firmware stays, still' boots ota_0
ota whole
check 'ota: done' said 'selected.'
check 'ota: the new firmware starts' boots ota_1
wait $SILENCE
check 'nobody there: why' grep -qF 'NO_ANSWER: no answer at all: the target is silent' "$WORK/silence"
[ $FAILED -eq 0 ] || cat "$WORK/said" "$WORK/board"
finish arduino_sketches
