#!/bin/bash
# `ferry send` to a virtual chip whose firmware contains the receiver: the new firmware is in the other slot, boots, is
# confirmed; through noise, resets, power cuts and a killed chip; what is refused. Which slot starts is decided by the
# boot model, again at the end with --once.
. "$(dirname "$0")/link.inc"

holds_new() { # holds_new ADDRESS: the new firmware, whole
    local size
    size=$(stat -c %s "$WORK/new/conformance.bin")
    cmp -n "$size" -i "0:$(($1))" "$WORK/new/conformance.bin" "$WORK/flash"
}

build esp32c3 "$WORK/old" 120 1.0 && build esp32c3 "$WORK/new" 120 1.1 30 && build esp32c3 "$WORK/large" 1100 2.0 &&
    build esp32 "$WORK/other" 100 1.1 || exit 1
NEW=$WORK/new/conformance.bin

for wire in "--pty $WORK/pty" '--listen 127.0.0.1:0 --rfc2217' '--listen 127.0.0.1:0 --line ideal'; do
    new_flash
    chip $wire
    check "$wire: boots the old firmware" logged 'boots: ota_0'
    check "$wire: send" send "$NEW"
    check "$wire: verified" test "$(field verified)" = True
    check "$wire: the log shows the new slot" logged 'boots: ota_1'
    check "$wire: confirmed" logged 'the running firmware is confirmed'
    check "$wire: once more: nothing to do" send "$NEW"
    check "$wire: nothing was sent" test "$(field skipped)" = "$(stat -c %s "$NEW")"
    stop
    check "$wire: the new firmware is in its slot" holds_new 0x110000
    check "$wire: it starts for good" boots ota_1
done

# From a factory partition, and the next one into the other slot.
new_flash factory
chip --listen 127.0.0.1:0 --line ideal
check 'factory: send' send "$NEW"
check 'factory: it goes to ota_0' test "$(field slot)" = ota_0
check 'factory: the next' send "$WORK/old/conformance.bin"
check 'factory: it goes to ota_1' test "$(field slot)" = ota_1
stop
check 'factory: it starts' boots ota_1

# A version that is no ASCII.
build esp32c3 "$WORK/umlaut" 100 1.2ü || exit 1
new_flash
chip --listen 127.0.0.1:0 --line ideal
check 'umlaut: send' send "$WORK/umlaut/conformance.bin"
check 'umlaut: the next one' send "$NEW"
check 'umlaut: the target says its version' grep -qF '"version":"1.2ü"' "$WORK/out"
stop

# A data partition, by its label; apps and otadata are none.
new_flash
chip --listen 127.0.0.1:0 --line ideal
head -c 70000 "$NEW" >"$WORK/data"
check 'partition: send' send "$WORK/data" --partition storage
refused 5 'no data partition' "$WORK/data" --partition ota_0 -p "$URL"
refused 5 'no data partition' "$WORK/data" --partition otadata -p "$URL"
refused 5 'does not fit into its partition' "$WORK/large/conformance.bin" --partition storage -p "$URL"
stop
check 'partition: it is there' cmp -n 70000 -i 0:$((0x210000)) "$WORK/data" "$WORK/flash"
check 'partition: the old firmware starts' boots ota_0

# Faults: noise on the line, resets, power cuts; the sender gets through by itself.
for fault in ber=1e-5 reset@40000 power-cut@op=1:torn power-cut@op=60:torn power-cut@op=60:after; do
    new_flash
    chip --pty "$WORK/pty" --fault "$fault"
    check "$fault: send" send "$NEW"
    stop
    check "$fault: the new firmware is in its slot" holds_new 0x110000
    check "$fault: it starts for good" boots ota_1
done

# The chip's process dies in the middle and comes back.
new_flash
chip --pty "$WORK/pty"
send "$NEW" &
SENDER=$!
for _ in $(seq 200); do logged 'receives conformance' && break || sleep 0.05; done
sleep 0.7
stop KILL
cp "$WORK/flash" "$WORK/flash.then"
chip --pty "$WORK/pty"
wait $SENDER
check 'killed: the sender ends well' test $? -eq 0
SENDER=''
stop
check 'killed: the new firmware is in its slot' holds_new 0x110000
check 'killed: it starts for good' boots ota_1
mv "$WORK/flash.then" "$WORK/flash"
check 'killed: in the middle the old one starts' boots ota_0

# Nobody confirms: back to the old one, and the next update is possible.
new_flash
chip --listen 127.0.0.1:0 --time fast
check 'trial: send' send "$NEW" --no-confirm
exec 3<>"/dev/tcp/127.0.0.1/${URL##*:}" # somebody listens: time runs fast then
for _ in $(seq 200); do [ "$(grep -c '^boots: ota_0' "$WORK/log")" -ge 2 ] && break || sleep 0.05; done
check 'trial: given up' logged 'nobody confirmed'
check 'trial: the old firmware is back' test "$(grep '^boots:' "$WORK/log" | tail -1)" = 'boots: ota_0'
exec 3>&-
check 'trial: the next update' send "$NEW"
stop
check 'trial: it starts for good' boots ota_1

# Refused, each by name, before anything is erased.
new_flash
cp "$WORK/flash" "$WORK/flash.before"
chip --listen 127.0.0.1:0 --line ideal
refused 5 'is for ESP32, connected is ESP32-C3' "$WORK/other/conformance.bin" -p "$URL"
refused 5 'the slot ota_1 only' "$WORK/large/conformance.bin" -p "$URL"
refused 5 'not an ESP firmware image' "$WORK/old/partition_table/partition-table.bin" -p "$URL"
head -c 50000 "$NEW" >"$WORK/cut.bin"
refused 5 'cut off' "$WORK/cut.bin" -p "$URL"
{ head -c 30000 "$NEW" && printf x && tail -c +30002 "$NEW"; } >"$WORK/damaged.bin"
refused 5 'the checksum is' "$WORK/damaged.bin" -p "$URL"
refused 2 'not supported by this target' "$NEW" --file app.bin -p "$URL"
check 'refused: the old firmware still runs' send "$WORK/old/conformance.bin"
stop
check 'refused: the flash is as it was' cmp -i 0x10000 "$WORK/flash" "$WORK/flash.before"

finish link_vchip
