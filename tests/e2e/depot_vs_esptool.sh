#!/bin/sh
# What the depot knows of firmware is what esptool image-info says of it, for every chip; and what comes out is what went in.
. "$ROOT/tests/e2e/esptool.inc"
"$PYTHON" "$ROOT/tests/e2e/depot_vs_esptool.py" "$FERRY" "$ESPTOOL" "$WORK"
