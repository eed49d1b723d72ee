#!/bin/sh
# The real esptool against the virtual chip over socket://: identify, write, verify, read, erase, errors.
. "$(dirname "$0")/esptool.inc"

every_command() {
    rm -f "$WORK/flash.bin"
    "$PYTHON" "$ROOT/tests/e2e/esptool_images.py" "$1" "$WORK" || exit 1
    start_chip "$1" --line ideal --time fast --mac 7c:9e:bd:01:02:03
    good "$1 chip-id" --chip "$1" --no-stub chip-id
    good "$1 read-mac" --chip "$1" --no-stub read-mac && says "$1 mac" '7c:9e:bd:01:02:03'
    good "$1 flash-id" --chip "$1" --no-stub flash-id && says "$1 flash size" '4MB'
    good "$1 write plain" --chip "$1" --no-stub write-flash --no-compress 0x10000 "$WORK/data.bin" &&
        flash_holds "$1 plain" 0x10000 "$WORK/data.bin"
    good "$1 write compressed" --chip "$1" --no-stub write-flash --compress 0x20000 "$WORK/data.bin" 0x40000 "$WORK/text.bin" &&
        says "$1 verified" 'hash of data verified' &&
        flash_holds "$1 deflated" 0x20000 "$WORK/data.bin" && flash_holds "$1 text" 0x40000 "$WORK/text.bin"
    good "$1 verify" --chip "$1" --no-stub verify-flash 0x10000 "$WORK/data.bin"
    bad "$1 verify other data" --chip "$1" --no-stub verify-flash 0x10000 "$WORK/text.bin"
    good "$1 read" --chip "$1" --no-stub read-flash 0x10000 4096 "$WORK/read.bin" &&
        flash_holds "$1 read back" 0x10000 "$WORK/read.bin"
    bad "$1 wrong chip" --chip esp32s3 --no-stub chip-id && says "$1 wrong chip" 'not ESP32-S3'
    stop_chip
    flash_holds "$1 after the end" 0x10000 "$WORK/data.bin"
}

every_command esp32
every_command esp32c3

# The chip is found in the loader by each new client, also when the one before had it leave the loader.
start_chip esp32c3 --line ideal --time fast
good 'run' --chip esp32c3 --no-stub --before no-reset run
good 'loader again' --chip esp32c3 --no-stub chip-id

# A baud rate that counts: 115200 at first, then 921600, on a line that needs the first sync to find the rate.
start_chip esp32c3 --line real --time fast
good 'baud change' --chip esp32c3 --no-stub --baud 921600 write-flash 0x30000 "$WORK/text.bin" &&
    flash_holds 'at 921600' 0x30000 "$WORK/text.bin"

# A noisy line is noticed: no success is claimed for wrong contents.
start_chip esp32c3 --line real --time fast --fault 'flip@3000'
if good 'one flipped bit, or an error' --chip esp32c3 --no-stub write-flash --no-compress 0x50000 "$WORK/data.bin" >/dev/null; then
    flash_holds 'after a flip' 0x50000 "$WORK/data.bin"
else
    FAILED=$((FAILED - 1))
    PASSED=$((PASSED + 1))
fi
finish
