#!/bin/bash
# `ferry depot` as a person uses it, on SQLite and on PostgreSQL, and `ferry flash`, `verify`, `send --from` it. Outside
# witnesses: sha256sum and cmp on the files, esptool's merge-bin for a merged image, the databases' own command lines.
. "$(dirname "$0")/link.inc"

depot() { # depot EXIT ARGS...: what it says is in $WORK/out and $WORK/err
    local want=$1 got
    shift
    timeout 60 "$FERRY" depot "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
    got=$?
    check "depot $*: exit code $got" test "$got" -eq "$want"
}
says() { # says TEXT: on either
    check "says: $1" grep -qF -- "$1" "$WORK/out" "$WORK/err"
}
value() { # value NAME: of the last line of JSON
    "$PYTHON" -c 'import json, sys
print(json.loads(open(sys.argv[1]).read().splitlines()[-1])[sys.argv[2]])' "$WORK/out" "$1"
}
from() { # from EXIT COMMAND ARGS...: ferry COMMAND ARGS on the virtual chip
    local want=$1 got
    shift
    timeout 120 "$FERRY" "$@" -p "$URL" >"$WORK/out" 2>"$WORK/err" </dev/null
    got=$?
    check "$*: exit code $got" test "$got" -eq "$want"
}
sql() { # sql STATEMENT
    case $FERRY_DEPOT in
    postgresql:*) PGOPTIONS='-c search_path=ferry' psql -X -q -t -A -v ON_ERROR_STOP=1 "$FERRY_DEPOT" -c "$1" ;;
    *) sqlite3 -batch "$FERRY_DEPOT" "$1" ;;
    esac
}

build esp32 "$WORK/a" 150 1.0 && build esp32 "$WORK/b" 150 1.1 20 && build esp32c3 "$WORK/c3" 120 1.0 || exit 1
ESPTOOL=$ROOT/.venv/bin/esptool
"$ESPTOOL" --chip esp32 merge-bin -o "$WORK/merged.bin" 0x1000 "$WORK/b/bootloader/bootloader.bin" 0x8000 \
    "$WORK/b/partition_table/partition-table.bin" 0x10000 "$WORK/b/conformance.bin" >/dev/null || exit 1

try_all() {
    depot 0 add "$WORK/a"
    depot 0 add "$WORK/a" --json
    check 'the same build is known' test "$(value existed)" = True
    depot 0 add "$WORK/b" --channel beta --note 'the new one'
    depot 0 add "$WORK/c3"
    depot 0 add "$WORK/c3/conformance.bin" "$WORK/merged.bin"
    says 'for esp32c3, 1 file'
    depot 0 list --json
    check 'five builds' test "$(grep -c '"event":"build"' "$WORK/out")" -eq 5
    depot 0 list --chip esp32c3 --limit 1
    says '#4'
    depot 0 list --search 'NEW ONE'
    says '#2'
    depot 0 show conformance@beta
    says "$(sha256sum <"$WORK/b/conformance.bin" | cut -d' ' -f1)"
    says factory
    says v5.1.4
    depot 0 show "$(sha256sum <"$WORK/merged.bin" | cut -c1-16)" --json
    check 'a merged image says what it is' test "$(value kind)/$(value chip)/$(value project)/$(value version)" = \
        merged/esp32/conformance/1.1
    check 'and where it goes' grep -qF '"role":"merged","name":"merged.bin","address":0' "$WORK/out"

    # Broken files, and what is no firmware.
    head -c 50000 "$WORK/a/conformance.bin" >"$WORK/cut.bin"
    depot 5 add "$WORK/cut.bin"
    says 'cut off'
    printf 'hello' >"$WORK/hello.bin"
    depot 5 add "$WORK/hello.bin"
    depot 6 add "$WORK/nowhere"
    check 'nothing of that is stored' test "$(sql 'SELECT count(*) FROM build')" -eq 5

    # Names.
    depot 6 show nothing@stable
    depot 2 show conformance@
    depot 2 channel 1.0 '#1'
    depot 2 list --projct x
    says 'did you mean --project?'
    depot 2 lst
    says 'ferry depot list'
    depot 2 show conformance@1.1 --chip esp32
    says 'can be build #'
    depot 0 channel stable '#1'
    depot 0 channel stable '#3'
    depot 2 rm '#1'
    says 'channel'

    # Onto chips: the build for what is connected, by either route.
    new=$WORK/flash32
    rm -f "$new"
    serve vchip: vchip --chip esp32 --flash "$new" --listen 127.0.0.1:0 --rfc2217 --time fast
    from 0 flash --from depot:conformance@stable
    check 'the app is there' cmp -n "$(stat -c %s "$WORK/a/conformance.bin")" -i 0:65536 "$WORK/a/conformance.bin" "$new"
    check 'the bootloader too' cmp -n "$(stat -c %s "$WORK/a/bootloader/bootloader.bin")" -i 0:4096 "$WORK/a/bootloader/bootloader.bin" "$new"
    from 0 verify --from depot:conformance@stable --chip esp32
    from 4 verify --from depot:conformance@beta
    from 0 flash --from "depot:$(sha256sum <"$WORK/merged.bin" | cut -c1-20)"
    from 0 verify --from depot:conformance@beta
    from 5 flash --from 'depot:#4'
    says 'ESP32-C3'
    from 2 flash --from depot:
    from 2 flash --from http:x
    from 2 flash --from depot:conformance build/
    from 6 flash --from depot:conformance --depot "$WORK/no/such.db"

    # A byte has changed in the database: found before anything is written.
    before=$(sha256sum <"$new")
    sql "$DAMAGE"
    from 6 flash --from 'depot:#1'
    says 'is damaged'
    check 'nothing was written' test "$before" = "$(sha256sum <"$new")"
    depot 6 check
    says 'conformance.bin is damaged'
    rm -rf "$WORK/got"
    depot 6 get '#1' --out "$WORK/got"
    check 'get leaves no damaged file' test ! -e "$WORK/got/conformance.bin"
    depot 0 add "$WORK/a"
    depot 0 check
    from 0 flash --from 'depot:#1'
    stop

    build esp32c3 "$WORK/old" 100 0.9 || exit 1
    new_flash
    chip --listen 127.0.0.1:0 --line ideal
    from 0 send --from 'depot:#4'
    says 'Verified and started'
    stop
    check 'the app image is in its slot' cmp -n "$(stat -c %s "$WORK/c3/conformance.bin")" -i "0:$((0x110000))" \
        "$WORK/c3/conformance.bin" "$WORK/flash"

    # Out again, and away.
    rm -rf "$WORK/got"
    depot 0 get '#3' --out "$WORK/got"
    check 'the files are the same' cmp "$WORK/got/conformance.bin" "$WORK/c3/conformance.bin"
    timeout 30 "$FERRY" inspect "$WORK/got" >"$WORK/out" 2>&1
    check 'and go together' test $? -eq 0
    depot 0 jobs add '#1' --mac 24:0a:c4:00:01:10
    depot 2 rm '#1' --force
    depot 0 jobs cancel 1
    depot 0 jobs --state cancelled
    says '24:0a:c4:00:01:10'
    # Jobs and devices.
    depot 0 jobs --state failed,cancelled
    says '24:0a:c4:00:01:10'
    depot 2 jobs --state lost
    depot 6 devices set 24:0A:C4:00:01:12 --name nobody
    says '--chip CHIP'
    depot 0 devices set 24:0A:C4:00:01:12 --chip ESP32-C3 --project conformance --channel stable --name 'lab ☃'
    says '-> 1.0'
    depot 0 devices --project conformance --json
    check 'a device' test "$(value mac)/$(value chip)/$(value name)/$(value assigned)" = '24:0a:c4:00:01:12/esp32c3/lab ☃/True'
    depot 0 devices --unseen 3
    says 'never'
    depot 2 devices set 240ac4000112 --release --channel beta
    depot 2 devices set 240ac4000112
    depot 2 devices --name x
    depot 0 devices set 240ac4000112 --channel nowhere
    says 'points at no build'
    sql "INSERT INTO device (mac, chip, name, channel, project, version, running, first_seen, last_seen) VALUES ('24:0a:c4:00:01:13', 'esp32', '', '', 'x', '1', '', 1, 2)"
    depot 2 devices rm 240ac4000112 --unseen 3
    depot 0 devices rm --unseen 3
    says 'Forgotten: 24:0a:c4:00:01:13'
    check 'one that has yet to come stays' test "$(sql 'SELECT count(*) FROM device')" -eq 1
    depot 0 devices rm 24-0a-c4-00-01-12
    depot 6 devices rm 24-0a-c4-00-01-12
    depot 0 token add bench --scopes read,work --days 3 --json
    secret=$(value secret)
    check 'a secret' test ${#secret} -eq 51
    depot 0 token
    check 'it is shown once' test "$(grep -c "$secret" "$WORK/out")" -eq 0
    depot 6 token rm nobody
    depot 0 token rm bench
    check 'gone' test "$(sql 'SELECT count(*) FROM token')" -eq 0

    # Into another depot and back: nothing is lost, nothing is there twice.
    depot 0 devices set 24:0a:c4:00:01:12 --chip esp32c3 --project conformance --channel stable --name lab
    rm -rf "$WORK/second" "$WORK/third"
    depot 0 copy "$WORK/second/depot.db"
    depot 0 copy "$WORK/second/depot.db" --json
    check 'known all' test "$(value builds)/$(value known)" = 0/5
    depot 0 copy "$WORK/third/depot.db" --depot "$WORK/second/depot.db"
    depot 0 check --depot "$WORK/third/depot.db"
    depot 0 devices --depot "$WORK/third/depot.db"
    says ' lab'
    for one in "$FERRY_DEPOT" "$WORK/third/depot.db"; do
        timeout 60 "$FERRY" depot list --json --depot "$one" | sed 's/"added_ms":[0-9]*//; s/"id":[0-9]*//'
        timeout 60 "$FERRY" depot channel --json --depot "$one" | sed 's/"changed_ms":[0-9]*//; s/"build":[0-9]*//'
    done >"$WORK/both"
    half=$(($(wc -l <"$WORK/both") / 2))
    check 'the same in both' cmp <(head -n $half "$WORK/both") <(tail -n $half "$WORK/both")
    check 'and not nothing' test $half -eq 8
    depot 2 copy
    depot 0 devices rm 24:0a:c4:00:01:12

    # Old ones go, what is used stays; a note can be said later.
    depot 0 add "$WORK/a" --note 'said later' --version 9
    says 'change nothing'
    depot 0 list --search 'SAID LATER'
    says '#1'
    depot 0 channel stable conformance@1.0 --chip esp32
    depot 0 rm --keep 1 --dry-run --json
    check 'nothing has gone' test "$(sql 'SELECT count(*) FROM build')" -eq 5
    depot 2 rm --keep 1 '#1'
    depot 0 channel rm beta conformance
    depot 0 rm --keep 1 --project conformance
    says 'stay'
    check 'the newest of each chip, and what channels point at' test "$(sql 'SELECT count(*) FROM build')" -eq 4
    depot 0 add "$WORK/b"
    depot 0 compact
    depot 0 rm '#1' '#3' '#4' '#5' '#6' --force
    check 'nothing is left' test "$(sql 'SELECT (SELECT count(*) FROM chunk) + (SELECT count(*) FROM blob) + (SELECT count(*) FROM channel)')" -eq 0
    depot 0 migrate --json
    check 'it says what it is' test "$(value engine)/$(value builds)" = "$1/0"
}

export FERRY_DEPOT=$WORK/new/depot.db
depot 6 list
says 'there is no depot'
DAMAGE="UPDATE chunk SET bytes = CAST(substr(bytes, 1, 70) || x'00' || substr(bytes, 72) AS BLOB) WHERE id IN (SELECT blob * 65536 + 1 FROM file WHERE build = 1 AND role = 'app')"
try_all sqlite

CLUSTER=$("$ROOT/tests/support/postgres.sh" start $$) || exit 1
trap 'kill $PID $SENDER $RELAY 2>/dev/null; "$ROOT/tests/support/postgres.sh" stop "$CLUSTER"; rm -rf "$WORK"' EXIT
FERRY_DEPOT=$("$ROOT/tests/support/postgres.sh" url "$CLUSTER")
DAMAGE="UPDATE chunk SET bytes = set_byte(bytes, 70, get_byte(bytes, 70) # 255) WHERE id IN (SELECT blob * 65536 + 1 FROM file WHERE build = 1 AND role = 'app')"
try_all postgresql

# The same build twice at once, in an empty place: it is there once.
for i in 1 2 3 4; do
    timeout 60 "$FERRY" depot add "$WORK/a" --depot "$WORK/once/depot.db" >"$WORK/out.$i" 2>&1 &
    ADDS="${ADDS:-} $!"
done
for one in $ADDS; do check "added at once: $(cat "$WORK"/out.*)" wait "$one"; done
check 'it is there once' test "$(sqlite3 "$WORK/once/depot.db" 'SELECT count(*) FROM build')" -eq 1
check 'and its files once' test "$(sqlite3 "$WORK/once/depot.db" 'SELECT count(*) FROM blob')" -eq 3

# The option goes before the environment; a reader who may not write.
depot 0 add "$WORK/a" --depot "$WORK/open/named.db" --channel stable
check 'it is where the option says' test -f "$WORK/open/named.db"
depot 0 list --depot="$WORK/open/named.db"
says '#1'
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$WORK" "$WORK/open"
    cp "$FERRY" "$WORK/open/ferry"
    runuser -u nobody -- "$WORK/open/ferry" depot list --depot "$WORK/open/named.db" >"$WORK/out" 2>"$WORK/err"
    check 'no log can be kept there' test $? -eq 6
    says 'its folder writable'
fi

# The user's own depot, where none is named.
unset FERRY_DEPOT
XDG_DATA_HOME=$WORK/home depot 0 add "$WORK/a"
check 'it is where it belongs' test -f "$WORK/home/ferry/depot.db"
finish depot
