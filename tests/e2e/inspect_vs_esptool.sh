#!/bin/sh
# ferry inspect tells the same facts as esptool image-info, on images of every chip.
. "$ROOT/tests/e2e/esptool.inc"
"$PYTHON" "$ROOT/tests/e2e/inspect_vs_esptool.py" "$FERRY" "$ESPTOOL" "$WORK"
