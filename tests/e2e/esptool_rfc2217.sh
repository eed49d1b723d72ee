#!/bin/sh
# The real esptool over rfc2217://: it resets the chip into the loader with DTR and RTS, changes the baud rate, writes a
# whole firmware, and the chip then boots it.
. "$(dirname "$0")/esptool.inc"

whole_firmware() {
    rm -f "$WORK/flash.bin"
    "$PYTHON" "$ROOT/tests/e2e/esptool_images.py" "$1" "$WORK" || exit 1
    start_chip "$1" --rfc2217 --line real --time fast
    chip_says "$1 blank" 'boots: none'
    good "$1 default-reset" --chip auto --no-stub --before default-reset --after no-reset flash-id && says "$1 flash" '4MB'
    chip_says "$1 in the loader" 'serial loader'
    good "$1 write" --chip "$1" --no-stub --baud 460800 --before default-reset --after hard-reset write-flash \
        "$2" "$WORK/bootloader.bin" 0x8000 "$WORK/table.bin" 0x10000 "$WORK/app.bin" &&
        says "$1 rate" 'changed\.' && flash_holds "$1 app" 0x10000 "$WORK/app.bin"
    chip_says "$1 boots" 'boots: factory'
}
whole_firmware esp32 0x1000
whole_firmware esp32c3 0x0

# The same flash in another process, without a port.
stop_chip
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash.bin" --boot normal --once >"$WORK/out.txt" 2>&1
says 'boots once more' 'boots: factory'
finish
