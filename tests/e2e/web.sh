#!/bin/sh
# The page in a real browser: tests/e2e/web/*.test.mjs with Debian's Chromium, against ferry updater --web on virtual
# chips and ferry depot serve. What it needs is installed by `make setup`.
# FERRY_BROWSER=firefox (package firefox-esr) or webkit (webkit2gtk-driver, xvfb): the main flow in that browser.
set -eu
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
export FERRY ROOT
CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
export CHROMIUM
if [ -n "${FERRY_BROWSER:-}" ]; then
    exec timeout 600 node "$ROOT/tests/e2e/web/run.mjs" "$@"
fi
if [ -z "$CHROMIUM" ] || [ ! -d "$ROOT/tests/e2e/web/node_modules/playwright-core" ]; then
    echo "web: Chromium or tests/e2e/web/node_modules is missing: make setup" >&2
    exit 1
fi
exec timeout 840 node "$ROOT/tests/e2e/web/run.mjs" "$@"
