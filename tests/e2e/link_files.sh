#!/bin/bash
# Files over the link route: `ferry send` to `ferry receive` over TCP, a pty and UDP; either side killed in the middle; what
# is refused. The anchor is the file itself: cmp, and the bytes that went over the wire.
. "$(dirname "$0")/link.inc"

receive() { # receive ARGS...: starts a receiver into $WORK/inbox
    serve receive: receive --file "$WORK/inbox" "$@"
}
some_has_come() { # waits until part of the file is there
    for _ in $(seq 400); do
        [ "$(stat -c %s "$WORK/inbox/$1.part" 2>/dev/null || echo 0)" -gt 2000000 ] && return 0
        sleep 0.01
    done
    return 1
}

mkdir "$WORK/inbox"
"$PYTHON" -c 'import random, sys
random.seed(4)
open(sys.argv[1], "wb").write(random.randbytes(200001))
open(sys.argv[2], "wb").write(random.randbytes(40000000))' "$WORK/some.bin" "$WORK/large.bin"

receive --listen 127.0.0.1:0
check 'TCP: send' send "$WORK/some.bin" --file some.bin
check 'TCP: the same bytes' cmp "$WORK/some.bin" "$WORK/inbox/some.bin"
check 'TCP: verified' test "$(field verified)" = True
printf 'changed' | dd of="$WORK/some.bin" bs=1 seek=100000 conv=notrunc 2>/dev/null
check 'a changed file' send "$WORK/some.bin" --file some.bin
check 'a changed file: the same bytes' cmp "$WORK/some.bin" "$WORK/inbox/some.bin"
check 'nothing is left behind' test "$(ls -A "$WORK/inbox")" = some.bin

# The receiver dies in the middle and comes back: the sender goes on by itself.
send "$WORK/large.bin" --file large.bin &
SENDER=$!
check 'receiver killed: some has come' some_has_come large.bin
stop KILL
check 'receiver killed: the file has no name yet' test ! -e "$WORK/inbox/large.bin"
receive --listen "${URL#socket://}"
wait $SENDER
check 'receiver killed: the sender ends well' test $? -eq 0
check 'receiver killed: the same bytes' cmp "$WORK/large.bin" "$WORK/inbox/large.bin"
check 'receiver killed: little is sent twice' at_most "$(field wire_bytes)" 41500000
rm "$WORK/inbox/large.bin"

# The sender dies in the middle and is started again.
"$FERRY" send "$WORK/large.bin" --file large.bin -p "$URL" >/dev/null 2>&1 &
SENDER=$!
check 'sender killed: some has come' some_has_come large.bin
{ kill -KILL $SENDER && wait $SENDER; } 2>/dev/null
SENDER=''
check 'sender killed: the file has no name yet' test ! -e "$WORK/inbox/large.bin"
check 'sender killed: again' send "$WORK/large.bin" --file large.bin
check 'sender killed: the same bytes' cmp "$WORK/large.bin" "$WORK/inbox/large.bin"
check 'sender killed: what had arrived is not sent again' test "$(field skipped)" -ge 1500000

# Refused, each by name; what is there stays.
refused 6 'does not take the name' "$WORK/some.bin" --file ../some.bin -p "$URL"
refused 6 'does not take the name' "$WORK/some.bin" --file .hidden -p "$URL"
refused 2 'no control characters' "$WORK/some.bin" --file "$(printf 'a\tb')" -p "$URL"
refused 2 '1 to 32 bytes' "$WORK/some.bin" --file 123456789012345678901234567890123 -p "$URL"
refused 2 'not supported by this target' "$WORK/some.bin" --partition storage -p "$URL"
refused 5 'not an ESP firmware image' "$WORK/some.bin" -p "$URL"
refused 6 'is not there' "$WORK/nothing" --file x -p "$URL"
: >"$WORK/empty"
refused 5 'is empty' "$WORK/empty" --file x -p "$URL"
mkdir "$WORK/inbox/folder"
refused 6 'does not take the name' "$WORK/some.bin" --file folder -p "$URL"
stop TERM
refused 3 'Connection refused' "$WORK/some.bin" --file x -p "$URL"
check 'refused: nothing new' test "$(ls -A "$WORK/inbox" | tr '\n' ' ')" = 'folder large.bin some.bin '

# A pty, and --once.
rm -r "$WORK/inbox" && mkdir "$WORK/inbox"
receive --pty "$WORK/pty" --once
check 'pty: send' send "$WORK/some.bin" --file some.bin
check 'pty: the same bytes' cmp "$WORK/some.bin" "$WORK/inbox/some.bin"
wait $PID
check '--once: it has ended well' test $? -eq 0
PID=''

# UDP: packets of the size of Ethernet, ESP-NOW and Bluetooth LE; lost, doubled and overtaken on the way.
for mtu in 1400 250 20; do
    rm -r "$WORK/inbox" && mkdir "$WORK/inbox"
    head -c $((mtu * 150)) "$WORK/some.bin" >"$WORK/part.bin"
    receive --listen "udp://127.0.0.1:0?mtu=$mtu"
    port=${URL##*:}
    rm -f "$WORK/relay" # of the wire before
    "$PYTHON" "$ROOT/tests/e2e/udp_relay.py" "${port%%\?*}" $mtu 0.05 0.03 0.05 >"$WORK/relay" &
    RELAY=$!
    for _ in $(seq 400); do [ -s "$WORK/relay" ] && break || sleep 0.05; done
    URL="udp://127.0.0.1:$(head -1 "$WORK/relay")?mtu=$mtu"
    check "UDP, $mtu bytes: send" send "$WORK/part.bin" --file part.bin
    check "UDP, $mtu bytes: the same bytes" cmp "$WORK/part.bin" "$WORK/inbox/part.bin"
    { kill $RELAY && wait $RELAY; } 2>/dev/null
    RELAY=''
    check "UDP, $mtu bytes: the wire was bad" grep -q "'lost': [1-9].*'doubled': [1-9].*'swapped': [1-9]" "$WORK/relay"
    stop TERM
done
refused 2 'not an address of UDP' "$WORK/some.bin" --file x -p 'udp://127.0.0.1:1?mtu=19'
refused 3 'nothing was received at all' "$WORK/some.bin" --file x -p udp://127.0.0.1:1

finish link_files
