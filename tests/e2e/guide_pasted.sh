#!/bin/bash
# The first guide, pasted into one shell from top to bottom as its second sentence says: no block is in the way of the
# next one (a virtual chip that is left running, its flash file, its port). Free ports take the place of the guide's.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PATH=$(cd "$(dirname "$FERRY")" && pwd):$PATH
export PATH ROOT
python3 - "$ROOT/docs/guide/first-flash.md" >"$WORK/pasted" <<'P'
import re, socket, sys
page = open(sys.argv[1], encoding='utf-8').read()
blocks = re.findall(r'^```sh\n(.*?)^```', page, re.S | re.M)
assert len(blocks) >= 4, len(blocks)
script = 'cd "$(dirname "$0")"\n' + ''.join(blocks)
for port in sorted(set(re.findall(r'127\.0\.0\.1:(\d+)', script))):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        script = script.replace('127.0.0.1:' + port, '127.0.0.1:%d' % s.getsockname()[1])
print(script)
P
timeout 120 bash "$WORK/pasted" >"$WORK/said" 2>&1 </dev/null
failed=0
while read -r times text; do
    [ "$(grep -c -- "$text" "$WORK/said")" = "$times" ] || { echo "FAIL: not $times times: $text"; failed=1; }
done <<'T'
0 Connection refused
0 another virtual chip
3 ^ESP32 revision
1 Verified: the target's own MD5
1 done and verified, 0 B sent
1 another chip: exit code 5
0 line [0-9]*:
T
[ $failed -eq 0 ] || cat "$WORK/said"
[ $failed -eq 0 ] && echo "guide_pasted: 1 passed, 0 failed"
