#!/bin/bash
# What a person reads when something is wrong: every error names what and what to try, with the documented exit code.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
WORK=$(mktemp -d)
PID=
PASSED=0 FAILED=0
export NO_COLOR=1 LC_ALL=C.UTF-8
unset FERRY_PORT FERRY_BAUD FERRY_CHIP ESPTOOL_PORT ESPTOOL_BAUD ESPTOOL_CHIP
trap '[ -n "$PID" ] && kill $PID; rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM

# says EXIT TEXT ARGS...: that exit code, that text in the output, and a hint with every error.
says() {
    local want=$1 text=$2 got
    shift 2
    timeout 60 "$FERRY" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
    got=$?
    if [ $got -ne "$want" ]; then
        problem="exit code $got instead of $want"
    elif ! cat "$WORK/out" "$WORK/err" | grep -qF -- "$text"; then
        problem="does not say: $text"
    elif [ "$want" -ne 0 ] && ! grep -q '^error: ' "$WORK/err"; then
        problem='no line "error: "'
    elif [ "$want" -ne 0 ] && ! grep -q '^  try: ' "$WORK/err"; then
        problem='no line "try: "'
    else
        PASSED=$((PASSED + 1))
        return
    fi
    FAILED=$((FAILED + 1))
    echo "FAIL: ferry $*: $problem"
    sed 's/^/    | /' "$WORK/out" "$WORK/err"
}

# Commands and options.
says 0 'Usage: ferry COMMAND' help
says 0 'Usage: ferry COMMAND'
says 0 'Usage: ferry COMMAND' --help
says 0 'ferry 0.' --version
says 0 'Exit codes:' help exit
says 2 'did you mean: ferry flash' flsh
says 2 'did you mean: ferry flash' write_flash
says 2 'did you mean: ferry erase --all' erase-flash
says 2 'ferry help' frobnicate
says 2 'no command is named' --port /dev/null
says 2 'did you mean --port?' flash --prot x
says 2 'did you mean --before?' detect --befor no-reset
says 2 'there is no option --frobnicate' detect --frobnicate
says 2 '--no-skip does not go with' detect --no-skip
says 2 'needs a value' detect --port
says 2 'takes no value' flash x --json=1
says 2 'accepted: default-reset' detect --before maybe
says 2 'accepted: esp8266' detect --chip esp33
says 2 '300 to 6000000' detect --baud fast
says 2 'what is to be written' flash
says 2 'is no flash address' flash app.bin other.bin
says 2 'has no file' flash 0x1000 a.bin 0x2000
says 2 'add --yes' erase --all
says 2 'ferry erase 0x1000 0x2000' erase 0x1000 0x1001
says 2 "wants an address, a size and a file" read 0x1000 16
says 2 'is not on a word' reg read 0x3
says 2 'wants a file' inspect
for command in flash verify detect read erase run-ram reg inspect ports updater vchip; do
    says 0 '--' help $command
    says 0 '--' $command --help
done

# Ports.
says 3 'there is no such port' detect -p "$WORK/nothing"
says 3 'this is a folder' detect -p "$WORK"
says 2 'unknown kind of address' detect -p http://localhost:1
says 2 'unknown option in the port' detect -p rfc2217://localhost:1?nonsense
says 3 'Connection refused' detect -p socket://127.0.0.1:1
FERRY_PORT=socket://127.0.0.1:1 says 3 'Connection refused' detect
ESPTOOL_PORT=socket://127.0.0.1:1 says 3 'Connection refused' --before no_reset detect
FERRY_PORT=socket://127.0.0.1:1 ESPTOOL_PORT=nonsense says 3 'Connection refused' detect
FERRY_BAUD=fast says 2 "the environment's FERRY_BAUD" detect

# Files, before any port is opened.
mkdir "$WORK/empty" "$WORK/odd"
printf 'no firmware' >"$WORK/odd/readme.bin"
printf '{"flash_files": {' >"$WORK/odd/flasher_args.json"
says 6 'is not there' flash "$WORK/nowhere"
says 5 'nothing that can be flashed' flash "$WORK/empty"
says 5 'error:' flash "$WORK/odd"
head -c 100 /dev/zero | tr '\0' '\351' >"$WORK/odd/broken.bin"
says 5 'error:' inspect "$WORK/odd/broken.bin"
says 6 'error:' inspect "$WORK/nowhere"
says 6 'cannot open' run-ram "$WORK/nowhere"
says 5 'error:' run-ram "$WORK/odd/readme.bin"
says 6 'cannot write the trace' detect -p socket://127.0.0.1:1 --trace "$WORK/no/folder"

# A silent target, and one that is not in its loader.
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --boot normal --time fast >"$WORK/log" 2>&1 &
PID=$!
for _ in $(seq 100); do grep -q '^vchip:' "$WORK/log" && break || sleep 0.05; done
URL=$(sed -n 's/^vchip:.* on \(.*\)$/\1/p' "$WORK/log")
says 3 'started its own program' detect -p "$URL" --before no-reset --connect-attempts 1
says 3 'target said: boot:0xc' detect -p "$URL" --before no-reset --connect-attempts 1
timeout 60 "$FERRY" detect -p "$URL" --before no-reset --connect-attempts 1 --json >"$WORK/out" 2>"$WORK/err"
if [ $? -ne 3 ] || ! grep -q '"event":"error","error":"BOOT_MODE".*"exit_code":3' "$WORK/out" || [ -s "$WORK/err" ]; then
    FAILED=$((FAILED + 1))
    echo 'FAIL: the error as JSON'
    cat "$WORK/out" "$WORK/err"
fi
kill $PID
wait $PID 2>/dev/null
PID=

# A full disk behind the output, and behind the trace.
"${PYTHON:-python3}" "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/build" 40 || exit 1
for json in '' --json; do
    "$FERRY" inspect $json "$WORK/build" >/dev/full 2>"$WORK/err"
    if [ $? -ne 6 ] || ! grep -q '^error: the output cannot be written' "$WORK/err"; then
        FAILED=$((FAILED + 1))
        echo "FAIL: inspect $json >/dev/full"
    fi
done
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash2" --listen 127.0.0.1:0 --boot download >"$WORK/log" 2>&1 &
PID=$!
for _ in $(seq 200); do grep -q '^vchip:' "$WORK/log" && break || sleep 0.05; done
URL=$(sed -n 's/^vchip:.* on \(.*\)$/\1/p' "$WORK/log")
timeout 60 "$FERRY" detect -p "$URL" --before no-reset --trace /dev/full >"$WORK/out" 2>"$WORK/err"
if [ $? -ne 0 ] || ! grep -q 'the trace is not whole' "$WORK/err"; then
    FAILED=$((FAILED + 1))
    echo 'FAIL: --trace /dev/full'
    cat "$WORK/out" "$WORK/err"
fi
kill $PID
wait $PID 2>/dev/null
PID=

echo "cli_errors: $PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
