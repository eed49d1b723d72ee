#!/bin/sh
# The real esptool over rfc2217://: it resets the chip into the loader with DTR and RTS, changes the baud rate, writes a
# whole firmware, and the chip then boots it. Each command costs esptool's serial library a fifth of a second on this
# kind of port, so there are few of them.
. "$(dirname "$0")/esptool.inc"

# By its own reset, from a chip that starts its (missing) firmware, on a line that needs the rate to be found.
start_chip esp32 --rfc2217 --line real --time fast
chip_says 'blank' 'boots: none'
good 'default-reset' --chip auto --no-stub --before default-reset --after no-reset read-mac && says 'name' 'ESP32'
chip_says 'in the loader' 'serial loader'

whole_firmware() {
    rm -f "$WORK/flash.bin"
    "$PYTHON" "$ROOT/tests/e2e/esptool_images.py" "$1" "$WORK" || exit 1
    start_chip "$1" --rfc2217 --line real --time fast
    good "$1 write" --chip "$1" --no-stub --baud 460800 --before default-reset --after hard-reset write-flash \
        --flash-size 4MB "$2" "$WORK/bootloader.bin" 0x8000 "$WORK/table.bin" 0x10000 "$WORK/app.bin" &&
        says "$1 rate" 'changed\.' && says "$1 verified" 'hash of data verified' &&
        flash_holds "$1 app" 0x10000 "$WORK/app.bin"
    chip_says "$1 boots" 'boots: factory'
}
whole_firmware esp32c3 0x0

# The same flash in another process, without a port.
stop_chip
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash.bin" --boot normal --once >"$WORK/out.txt" 2>&1
says 'boots once more' 'boots: factory'
finish
