#!/bin/sh
# The bootloader header that ferry patches on request is, byte for byte and with its SHA-256, the one that esptool
# merge-bin writes into the same file; without a request the file arrives as it is.
. "$ROOT/tests/e2e/esptool.inc"

# patched CHIP BOOTLOADER_ADDRESS MODE FREQ SIZE
patched() {
    chip=$1 address=$2
    rm -rf "$WORK/build" "$WORK/flash.bin"
    "$PYTHON" "$ROOT/tests/e2e/build_folder.py" "$chip" "$WORK/build" 30 || exit 1
    boot=$WORK/build/bootloader/bootloader.bin
    "$ESPTOOL" --chip "$chip" merge-bin -o "$WORK/expected.bin" --target-offset "$address" --flash-mode "$3" \
        --flash-freq "$4" --flash-size "$5" "$address" "$boot" >"$WORK/out.txt" 2>&1 || fail "$chip: merge-bin"
    cmp -s "$boot" "$WORK/expected.bin" && fail "$chip: esptool changed nothing; this test tests nothing"
    start_chip "$chip" --flash-size 16MB --time fast --line ideal
    "$FERRY" flash --port "$URL" "$WORK/build" >"$WORK/out.txt" 2>&1 || fail "$chip: ferry flash"
    flash_holds "$chip: kept" "$address" "$boot"
    "$FERRY" flash --port "$URL" --flash-mode "$3" --flash-freq "$4" --flash-size "$5" "$WORK/build" \
        >"$WORK/out.txt" 2>&1 || fail "$chip: ferry flash with a patch"
    flash_holds "$chip: $3 $4 $5" "$address" "$WORK/expected.bin"
    stop_chip
}

patched esp32 0x1000 qio 80m 16MB
patched esp32c3 0x0 dout 20m 4MB
patched esp32c2 0x0 qout 60m 8MB
patched esp32h2 0x0 qio 48m 16MB
patched esp32c6 0x0 dio 20m 4MB
finish
