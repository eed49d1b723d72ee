#!/bin/sh
# The real esptool recognises every virtual chip by itself, reads its flash id and writes to it.
. "$(dirname "$0")/esptool.inc"

head -c 6000 /dev/urandom >"$WORK/data.bin"
one() {
    rm -f "$WORK/flash.bin"
    start_chip "$1" --line ideal --time fast
    good "$1 auto" --no-stub flash-id && says "$1 name" "$2" && says "$1 flash" '4MB'
    good "$1 write" --chip "$1" --no-stub write-flash 0x10000 "$WORK/data.bin" && flash_holds "$1" 0x10000 "$WORK/data.bin"
}
one esp8266 'ESP8266'
one esp32 'ESP32'
one esp32s2 'ESP32-S2'
one esp32s3 'ESP32-S3'
one esp32c2 'ESP32-C2\|ESP8684'
one esp32c3 'ESP32-C3'
one esp32c5 'ESP32-C5'
one esp32c6 'ESP32-C6'
one esp32c61 'ESP32-C61'
one esp32h2 'ESP32-H2'
one esp32p4 'ESP32-P4'
finish
