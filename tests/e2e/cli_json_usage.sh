#!/bin/sh
# Bug: with --json wrong usage was told as plain text on standard error, so that a program saw an exit code and no object.
set -u
: "${FERRY:?is not set: path of the ferry program}"
PASSED=0
FAILED=0

# json CODE TEXT ARGS...: exit code, exactly one line of JSON on standard output with TEXT in it, nothing on standard error.
json() {
    code=$1 text=$2
    shift 2
    out=$("$FERRY" "$@" 2>/tmp/cli_json_usage.$$)
    got=$?
    why=$(printf '%s\n' "$out" | python3 -c '
import json, sys
lines = sys.stdin.read().splitlines()
event = json.loads(lines[0])
assert len(lines) == 1 and event["event"] == "error" and event["exit_code"] == int(sys.argv[1]), lines
assert sys.argv[2] in event["what"] and event["hint"], event' "$code" "$text" 2>&1)
    if [ $got -eq "$code" ] && [ -z "$why" ] && [ ! -s /tmp/cli_json_usage.$$ ]; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        echo "FAIL: ferry $*: exit code $got, $out"
        echo "$why"
        cat /tmp/cli_json_usage.$$
    fi
    rm -f /tmp/cli_json_usage.$$
}

json 2 'there is no option --bogus' flash --json --bogus
json 2 'there is no option --bogus' flash --bogus --json
json 2 'no value for --chip' detect --chip esp99 --json
json 2 'is no address and size' erase zzz 0x1000 --json
json 2 'what is to be written' flash --json
json 2 'there is no command' nonsense --json
json 2 'there is no command' "$(printf 'a\377\001"')" --json
FERRY_BAUD=fast json 2 "the environment's FERRY_BAUD" detect --json

echo "cli_json_usage: $PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
