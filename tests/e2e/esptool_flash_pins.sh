#!/bin/sh
# Bug: the virtual flash gave its id before SPI_ATTACH, had no SFDP, and the C3 panicked at 0x400C0000; esptool's own tests see
# on boards that an unattached flash answers nothing, that SFDP begins with "SFDP", and that 0x400C0000 can be read everywhere.
. "$(dirname "$0")/esptool.inc"

# Prints the flash id and SFDP before and after attaching, as esptool's Python interface gives them.
ids() {
    timeout 60 "$PYTHON" - "$1" "$URL" >"$WORK/out.txt" 2>&1 <<'PY'
import sys
import esptool

esp = esptool.CHIP_DEFS[sys.argv[1]](port=sys.argv[2])
esp.connect("no-reset")
for when in ("before", "after"):
    print("%s: id %06x sfdp %08x" % (when, esp.flash_id(False), esp.read_spiflash_sfdp(0, 32)))
    if when == "before":
        esp.flash_spi_attach(0)
PY
    says "$1: nothing before" "before: id 000000 sfdp 00000000"
    says "$1: id and SFDP after" "after: id 1640c8 sfdp 50444653"
}

for chip in esp32 esp32c3 esp32s3 esp8266; do
    start_chip "$chip" --time fast
    [ "$chip" = esp8266 ] || ids "$chip"
    good "$chip: flash-id" --chip "$chip" --no-stub flash-id && says "$chip: size" "flash size: 4MB"
done
start_chip esp32c3 --time fast
good "write where nothing is known" --chip esp32c3 --no-stub write-mem 0x400C0000 0xabad1dea 0x0000ffff
good "read where nothing is known" --chip esp32c3 --no-stub read-mem 0x400C0000 && says "value" "0x400c0000 ="
finish
