#!/bin/sh
# The README's example program writes a file to the virtual chip; the chip's flash file is what anchors it.
set -eu
work=$(mktemp -d)
trap 'kill $chip 2>/dev/null || true; rm -rf "$work"' EXIT
head -c 70001 /dev/urandom >"$work/data.bin"
: >"$work/log"
"$FERRY" vchip --chip esp32c3 --flash "$work/flash.bin" --listen 127.0.0.1:0 --rfc2217 --boot normal --time fast >"$work/log" &
chip=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    url=$(sed -n 's|.*\(rfc2217://[0-9.:]*\).*|\1|p' "$work/log" | head -1)
    [ -n "$url" ] && break
    sleep 0.3
done
"$(dirname "$FERRY")/examples/flash_one" "$url" 0x20000 "$work/data.bin" | tee "$work/said"
grep -q 'written and proved' "$work/said"
tail -c +131073 "$work/flash.bin" | head -c 70001 | cmp - "$work/data.bin"
if "$(dirname "$FERRY")/examples/flash_one" "$url" 0x20000 "$work/missing" >"$work/said"; then exit 1; fi
grep -q usage "$work/said"
echo "1 passed, 0 failed"
