#!/bin/bash
# PostgreSQL as workshops have it: TLS with a certificate of their own and sslmode=verify-full, SCRAM passwords in
# ~/.pgpass or PGPASSWORD, a role that owns nothing, several hosts in the URL, a standby that only reads, pgbouncer with
# transaction pooling, timeouts, a restart in the middle, connections that break after every few bytes. Outside witnesses:
# the server's own refusals, psql, pg_stat_ssl, sha256sum.
. "$(dirname "$0")/link.inc"
SUPPORT=$ROOT/tests/support
BIN=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
PG=$("$SUPPORT/postgres.sh" start $$) || exit 1
as_user() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
OTHERS=
finish_all() {
    kill $OTHERS $(cat "$PG/bouncer/pid" 2>/dev/null) 2>/dev/null
    [ ! -d "$PG/standby" ] || as_user "$BIN/pg_ctl" -D "$PG/standby" -m immediate -s stop >/dev/null 2>&1
    "$SUPPORT/postgres.sh" stop "$PG"
    rm -rf "$WORK"
}
trap finish_all EXIT
export HOME=$WORK/home PGPASSFILE=
unset PGPASSFILE PGPASSWORD FERRY_DEPOT
mkdir -p "$HOME"
OWNER="postgresql:///ferry?host=$PG&user=ferry"
sql() { psql -X -q -t -A -v ON_ERROR_STOP=1 -h "$PG" -U ferry -d ferry -c "SET search_path = ferry" -c "$1"; }
depot() { # depot EXIT ARGS...
    local want=$1 got
    shift
    timeout 60 "$FERRY" depot "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
    got=$?
    check "depot $*: exit code $got" test "$got" -eq "$want"
}
says() { check "says: $1" grep -qF -- "$1" "$WORK/out" "$WORK/err"; }

build esp32c3 "$WORK/a" 150 1.0 && build esp32c3 "$WORK/b" 150 1.1 20 || exit 1

# ---- a server on TCP: TLS, passwords, roles ----
PORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd "$PG" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt) >/dev/null 2>&1 || exit 1
cp "$PG/server.crt" "$WORK/root.crt"
[ "$(id -u)" != 0 ] || chown postgres "$PG/server.key" "$PG/server.crt"
chmod 600 "$PG/server.key"
cat >>"$PG/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $PORT
ssl = on
ssl_cert_file = '$PG/server.crt'
ssl_key_file = '$PG/server.key'
password_encryption = scram-sha-256
CONF
cat >"$PG/data/pg_hba.conf" <<HBA
local all ferry trust
local all all scram-sha-256
local replication all trust
hostssl all all 127.0.0.1/32 scram-sha-256
HBA
export PGPORT=$PORT # the socket's name has it too
as_user "$BIN/pg_ctl" -D "$PG/data" -m fast -w -s restart -l "$PG/log" >/dev/null </dev/null 2>&1 || exit 1

# The schema belongs to one role, another one works with it and may make nothing.
sql "CREATE ROLE bench LOGIN PASSWORD 'tea:time'; CREATE ROLE viewer LOGIN PASSWORD 'v'; REVOKE CREATE ON DATABASE ferry FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC" 2>/dev/null
TLS="sslmode=verify-full&sslrootcert=$WORK/root.crt"
BENCH="postgresql://bench@localhost:$PORT/ferry?$TLS"
depot 6 list --depot "$BENCH"
says 'no password supplied'
says '.pgpass'
PGPASSWORD=wrong depot 6 list --depot "$BENCH"
says 'authentication failed'
export PGPASSWORD=tea:time
depot 6 list --depot "$BENCH"
says 'there is no depot in this database yet'
depot 6 migrate --depot "$BENCH"
says 'permission denied'
depot 0 migrate --depot "$OWNER"
sql "GRANT USAGE ON SCHEMA ferry TO bench, viewer; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ferry TO bench; GRANT SELECT ON ALL TABLES IN SCHEMA ferry TO viewer"
depot 0 add "$WORK/a" --channel stable --depot "$BENCH"
unset PGPASSWORD
printf 'localhost:%s:ferry:bench:tea\\:time\n' "$PORT" >"$HOME/.pgpass"
chmod 644 "$HOME/.pgpass"
depot 6 list --depot "$BENCH" # libpq does not take a file that others may read
chmod 600 "$HOME/.pgpass"
depot 0 show conformance@stable --depot "$BENCH"
says "$(sha256sum <"$WORK/a/conformance.bin" | cut -d' ' -f1)"
depot 0 jobs add conformance@stable --mac 24:0A:C4:00:01:10 --depot "$BENCH"
export PGPASSWORD=v
depot 0 list --depot "${BENCH/bench@/viewer@}"
says conformance
depot 6 add "$WORK/b" --depot "${BENCH/bench@/viewer@}"
says 'permission denied'
unset PGPASSWORD

# TLS is really there, and really checked.
check 'TLS' test "$(PGPASSFILE=$HOME/.pgpass psql -X -t -A "$BENCH" -c 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')" = t
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout /dev/null -out "$WORK/other.crt" >/dev/null 2>&1
depot 6 list --depot "${BENCH/root.crt/other.crt}"
says 'certificate'
says 'sslrootcert'
depot 6 list --depot "${BENCH/@localhost/@127.0.0.1}" # the certificate is not for this name
depot 6 list --depot "postgresql://bench@localhost:$PORT/ferry?sslmode=disable"
says 'pg_hba.conf'
depot 6 list --depot "postgresql://ferry@/nowhere?host=$PG"
says 'createdb'
depot 6 list --depot "postgresql://nobody@/ferry?host=$PG"

# Several hosts: the one that answers is taken.
depot 0 list --depot "postgresql://bench@localhost:1,localhost:$PORT/ferry?$TLS"
says conformance

# libpq's other way of writing it; and a password is not repeated.
depot 0 list --depot "host=$PG dbname=ferry user=ferry"
says conformance
depot 6 list --depot "host=localhost port=1 user=bench password=secret"
check 'no secrets in errors' test "$(grep -c secret "$WORK/err")" -eq 0
depot 2 list --depot 'mysql://u:secret@h/x'
check 'nor here' test "$(grep -c secret "$WORK/err")" -eq 0
depot 2 show 'postgresql://u:secret@h/x' --depot "$OWNER"
check 'nor here' test "$(grep -c secret "$WORK/err")" -eq 0

# ---- a standby ----
mkdir "$PG/standby" && chmod 700 "$PG/standby"
[ "$(id -u)" != 0 ] || chown postgres "$PG/standby"
SPORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_user pg_basebackup -h "$PG" -U ferry -D "$PG/standby" -R -X stream -c fast >/dev/null 2>&1
as_user "$BIN/pg_ctl" -D "$PG/standby" -w -s -o "-p $SPORT -c listen_addresses=" -l "$PG/standby.log" start >/dev/null </dev/null 2>&1
STANDBY="postgresql://ferry@/ferry?host=$PG&port=$SPORT"
depot 0 list --depot "$STANDBY"
says conformance
depot 0 get conformance@stable --out "$WORK/got" --depot "$STANDBY"
check 'read from the standby' cmp "$WORK/got/conformance.bin" "$WORK/a/conformance.bin"
depot 6 add "$WORK/b" --depot "$STANDBY"
says 'read-only'
says 'target_session_attrs'
depot 0 add "$WORK/b" --depot "postgresql://ferry@/ferry?host=$PG,$PG&port=$SPORT,$PORT&target_session_attrs=read-write"
as_user "$BIN/pg_ctl" -D "$PG/standby" -m immediate -s stop >/dev/null 2>&1
rm -rf "$PG/standby"

# ---- a pooler that gives every transaction another session ----
if command -v pgbouncer >/dev/null; then
    BPORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir "$PG/bouncer"
    cat >"$PG/bouncer/conf" <<CONF
[databases]
ferry = host=$PG port=$PORT user=ferry dbname=ferry
[pgbouncer]
listen_addr =
listen_port = $BPORT
unix_socket_dir = $PG/bouncer
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_reset_query =
logfile = $PG/bouncer/log
pidfile = $PG/bouncer/pid
CONF
    [ "$(id -u)" != 0 ] || chown -R postgres "$PG/bouncer"
    as_user pgbouncer -q "$PG/bouncer/conf" >/dev/null 2>&1 </dev/null &
    OTHERS="$OTHERS $!"
    for _ in $(seq 100); do [ -S "$PG/bouncer/.s.PGSQL.$BPORT" ] && break || sleep 0.05; done
    POOLED="postgresql://ferry@/ferry?host=$PG/bouncer&port=$BPORT"
    depot 0 rm conformance@1.1 --depot "$POOLED"
    for i in 1 2 3 4; do
        timeout 60 "$FERRY" depot add "$WORK/b" --depot "$POOLED" >"$WORK/out.$i" 2>&1 &
        ADDS="${ADDS:-} $!"
    done
    for one in $ADDS; do check 'add through the pooler' wait "$one"; done
    check 'stored once' test "$(sql "SELECT count(*) FROM build WHERE version = '1.1'")" -eq 1
    depot 0 check --depot "$POOLED"
    depot 0 get conformance@1.1 --out "$WORK/got2" --depot "$POOLED"
    check 'read through the pooler' cmp "$WORK/got2/conformance.bin" "$WORK/b/conformance.bin"
    depot 0 list --search CONFORMANCE --depot "$POOLED"
    check 'nothing was left in the sessions of the pool' test "$(psql -X -t -A "$POOLED" -c 'SHOW search_path')" != ferry
else
    echo 'pgbouncer is not installed: make setup'
    FAILED=$((FAILED + 1))
fi

# ---- timeouts, restarts ----
sql "BEGIN; LOCK TABLE build IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5)" >/dev/null &
OTHERS="$OTHERS $!"
sleep 0.4
PGOPTIONS='-c statement_timeout=300' depot 4 list --depot "$OWNER"
says 'statement_timeout'
wait $!
"$PYTHON" - "$FERRY" "$OWNER" "$WORK/a" >"$WORK/out" 2>"$WORK/err" <<'PY' &
import subprocess, sys, time
ferry, url, folder = sys.argv[1:]
end, good, bad = time.time() + 5, 0, set()
while time.time() < end:
    p = subprocess.run([ferry, 'depot', 'add', folder, '--depot', url, '--quiet'], capture_output=True, text=True, timeout=60)
    good += p.returncode == 0
    if p.returncode:
        bad.add(p.returncode)
        assert p.stderr.strip() and 'try' in p.stderr, p.stderr
print('added', good, 'failed with', bad)
sys.exit(not (good > 2 and bad <= {4, 6}))
PY
ADDER=$!
sleep 1
as_user "$BIN/pg_ctl" -D "$PG/data" -m immediate -w -s restart -l "$PG/log" >/dev/null </dev/null 2>&1
sleep 1
as_user "$BIN/pg_ctl" -D "$PG/data" -m fast -w -s restart -l "$PG/log" >/dev/null </dev/null 2>&1
check 'the server restarts in the middle' wait "$ADDER"

# ---- connections that break: after every few bytes, in every command ----
mkdir "$WORK/cut" && echo 100 >"$WORK/cut/bytes"
"$PYTHON" "$ROOT/tests/e2e/cut_proxy.py" "$WORK/cut/.s.PGSQL.$PORT" "$PG/.s.PGSQL.$PORT" "$WORK/cut/bytes" >"$WORK/proxy" &
OTHERS="$OTHERS $!"
for _ in $(seq 100); do grep -qs ready "$WORK/proxy" && break || sleep 0.05; done
CUT="postgresql://ferry@/ferry?host=$WORK/cut"
build esp32c3 "$WORK/c" 40 1.2 || exit 1
cut_in() { # cut_in STEP MOST ARGS...: until it is through
    local step=$1 at=60 most=$2 code
    shift 2
    while [ "$at" -lt "$most" ]; do
        echo "$at" >"$WORK/cut/bytes"
        timeout 30 "$FERRY" depot "$@" --depot "$CUT" >"$WORK/out" 2>"$WORK/err" </dev/null
        code=$?
        [ "$code" -ne 0 ] || break
        if [ "$code" -ne 6 ] || ! grep -q 'try' "$WORK/err"; then
            check "$* cut after $at bytes: exit code $code" false
        fi
        at=$((at + step))
    done
    check "depot $*: is through in the end" test "$code" -eq 0
    BROKEN=$((${BROKEN:-0} + (at - 60) / step))
}
cut_in 190 9000 list
cut_in 190 9000 show conformance@stable
cut_in 190 9000 channel beta conformance@1.0
cut_in 190 9000 jobs add conformance@1.0
cut_in 190 9000 devices set 24:0a:c4:00:01:77 --chip esp32c3 --name x
cut_in 6100 200000 add "$WORK/c"
cut_in 190 9000 check conformance@1.2
cut_in 190 9000 rm conformance@1.2
check "$BROKEN broken connections" test "$BROKEN" -gt 40
depot 0 check --depot "$OWNER"
check 'no build without its files' test "$(sql 'SELECT count(*) FROM build b WHERE file_count <> (SELECT count(*) FROM file f WHERE f.build = b.id)')" -eq 0
check 'no chunk without its blob' test "$(sql 'SELECT count(*) FROM chunk WHERE id / 65536 NOT IN (SELECT id FROM blob)')" -eq 0
finish depot_postgres
