#!/bin/bash
# What real OTA clients send (tests/vectors/ota: recorded from ESP-IDF's esp_https_ota and Arduino's HTTPUpdate) gets from a
# depot's server what these clients need: byte for byte as they sent it, whole and in two pieces.
set -u
. "$ROOT/tests/e2e/depot_server.inc"
FAILED=0
python3 "$ROOT/tests/e2e/build_folder.py" esp32 "$WORK/app" 300 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/other" 100 1.0 # another chip in the same channel
APP=$WORK/app/conformance.bin
TOKEN=$(depot_token device device 2>/dev/null)
for build in app other; do "$FERRY" depot add "$WORK/$build/conformance.bin" --channel stable --quiet || FAILED=1; done
depot_start --rate 0
for file in "$ROOT"/tests/vectors/ota/*.txt; do
    for cut in whole torn; do
        timeout 120 python3 "$ROOT/tests/e2e/ota_clients.py" "$file" "$PORT" "$TOKEN" "$APP" "$cut" ||
            { echo "FAILED: $(basename "$file") $cut"; FAILED=1; }
    done
done
depot_stop
exit $FAILED
