#!/bin/sh
# The port of the virtual chip: a pty with its own baud rate, clients that come, wait and go, a flash file that survives
# SIGKILL and power cuts, wrong usage that is explained.
. "$(dirname "$0")/esptool.inc"

"$PYTHON" "$ROOT/tests/e2e/esptool_images.py" esp32c3 "$WORK" || exit 1

# ---- pty
start_pty() {
    stop_chip
    "$FERRY" vchip --chip esp32c3 --flash "$WORK/flash.bin" --pty "$WORK/port" "$@" >"$WORK/chip.log" 2>&1 &
    PID=$!
    URL=$WORK/port
    chip_says 'pty is ready' '^vchip:'
}
start_pty --line real --time fast
good 'pty at 460800' --chip esp32c3 --no-stub --baud 460800 --before no-reset --after no-reset write-flash 0x10000 \
    "$WORK/text.bin" && flash_holds 'pty' 0x10000 "$WORK/text.bin"
good 'pty again' --chip esp32c3 --no-stub --before no-reset --after no-reset read-mac
stop_chip
[ ! -e "$WORK/port" ] || fail 'the link to the pty stays behind'

# ---- a client waits until the one before has gone; what it sent meanwhile is not lost
start_chip esp32c3 --line ideal --time fast
"$PYTHON" - "$URL" >"$WORK/out.txt" 2>&1 <<'EOF' || fail 'clients one after the other'
import re, socket, sys
host, port = re.match(r'socket://(.*):(\d+)', sys.argv[1]).groups()
SYNC = bytes.fromhex('c0000824000000000007071220' + '55' * 32 + 'c0')


def answers(s, count):
    got = b''
    while got.count(b'\x01\x08\x04\x00') < count:
        more = s.recv(4096)
        assert more, 'closed'
        got += more
    return got


def hears(s, text):
    got = b''
    while text not in got:
        more = s.recv(4096)
        assert more, 'closed'
        got += more


first, second = (socket.create_connection((host, int(port)), 10) for _ in range(2))
second.settimeout(0.5)
first.settimeout(10)
hears(first, b'boot:')
first.sendall(SYNC)
answers(first, 8)
second.sendall(SYNC)
try:
    assert not second.recv(1), 'the second client was served beside the first'
    raise SystemExit('the second client was thrown out')
except (TimeoutError, socket.timeout):
    pass
first.sendall(SYNC)
answers(first, 8)
first.close()
second.settimeout(10)
answers(second, 8)
EOF

# ---- killed in the middle of a write: what was acknowledged is in the file
good 'write before SIGKILL' --chip esp32c3 --no-stub write-flash 0x20000 "$WORK/data.bin"
kill -9 "$PID" && wait "$PID" 2>/dev/null
PID=
flash_holds 'after SIGKILL' 0x20000 "$WORK/data.bin"

# ---- power goes while the bootloader marks a new firmware; the flash boots anyway
start_chip esp32c3 --line real --time fast --fault 'power-cut@op=20:torn'
bad 'power cut while writing' --chip esp32c3 --no-stub write-flash 0x30000 "$WORK/data.bin"
chip_says 'power cut' 'power cut at flash operation 20'
chip_says 'power is back' 'power is back'
good 'write after the power cut' --chip esp32c3 --no-stub write-flash 0x30000 "$WORK/data.bin" &&
    flash_holds 'after the power cut' 0x30000 "$WORK/data.bin"
stop_chip

# ---- a reset in the middle of a session
start_chip esp32c3 --line real --time fast --fault 'reset@6000'
bad 'reset while writing' --chip esp32c3 --no-stub write-flash --no-compress 0x30000 "$WORK/data.bin"
stop_chip

# ---- --once: boots, says what, changes nothing else
"$FERRY" vchip --chip esp32c3 --flash "$WORK/new.bin" --flash-size 2MB --once >"$WORK/out.txt" 2>&1 || fail 'once'
says 'nothing there' 'invalid header: 0xffffffff'
says 'boots none' 'boots: none'
[ "$(wc -c <"$WORK/new.bin")" -eq 2097152 ] || fail '--flash-size 2MB does not make 2 MB'

# ---- wrong usage: exit code 2 and a hint
usage() {
    what=$1
    hint=$2
    shift 2
    "$FERRY" vchip "$@" >"$WORK/out.txt" 2>&1
    [ $? -eq 2 ] || fail "$what: not exit code 2"
    says "$what" "$hint"
}
usage 'no chip' '--chip' --flash x --once
usage 'no such chip' 'esp32c3' --chip esp31 --flash x --once
usage 'no port' '--listen' --chip esp32 --flash "$WORK/new.bin"
usage 'bad fault' 'the words are: drop@N' --chip esp32 --flash "$WORK/new.bin" --once --fault dorp@5
usage 'bad line' 'ideal or real' --chip esp32 --flash "$WORK/new.bin" --once --line perfect
usage 'bad revision' '3.0' --chip esp32 --flash "$WORK/new.bin" --once --revision x
usage 'unknown option' 'no such option' --chip esp32 --flash "$WORK/new.bin" --once --frobnicate
head -c 3000000 /dev/zero >"$WORK/odd.bin"
"$FERRY" vchip --chip esp32 --flash "$WORK/odd.bin" --once >"$WORK/out.txt" 2>&1
[ $? -eq 6 ] || fail 'odd size: not exit code 6'
says 'odd size' 'power of two'
[ ! -e x ] || fail 'a wrong command line made a file'
finish
