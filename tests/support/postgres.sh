#!/bin/bash
# A private PostgreSQL for tests, in a temporary folder, on a unix socket only.
#   postgres.sh start PID   prints the folder; it is stopped and removed when the process PID has gone
#   postgres.sh url DIR     its URL
#   postgres.sh kill DIR    kill -9 of all its processes, as a machine that loses power would
#   postgres.sh again DIR   starts it again after kill
#   postgres.sh stop DIR    stops and removes it
# FERRY_TEST_POSTGRES_MB=N at start: the tables lie on a file system of their own of N MB (needs a mount namespace).
set -eu
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
if [ ! -x "${BIN:-}/postgres" ]; then
    echo "postgres.sh: no PostgreSQL is installed; run: make setup" >&2
    exit 1
fi
as_user() { # PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}
launch() {
    as_user "$BIN/pg_ctl" -D "$1/data" -l "$1/log" -w -t 60 -s start >/dev/null </dev/null 2>&1 || {
        cat "$1/log" >&2
        exit 1
    }
}
finish() {
    cd /
    as_user "$BIN/pg_ctl" -D "$1/data" -m immediate -w -s stop >/dev/null 2>&1 || true
    rm -f "$1/data/filler"
    umount "$1/data" 2>/dev/null || true
    rm -rf "$1"
}
guard() { # PID DIR
    while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 0.5; done
    [ ! -d "$2" ] || finish "$2"
}
case $1 in
start)
    self=$(readlink -f "$0")
    cd /
    dir=$(mktemp -d /tmp/ferry-pg.XXXXXX)
    chmod 755 "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    small=${FERRY_TEST_POSTGRES_MB:-}
    if [ -n "$small" ]; then
        mkdir "$dir/data"
        mount -t tmpfs -o "size=${small}m" none "$dir/data"
        chown postgres "$dir/data"
    fi
    as_user "$BIN/initdb" -D "$dir/data" ${small:+-X "$dir/log.d"} -A trust -U ferry -E UTF8 --no-locale --no-sync >/dev/null
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 32MB
max_connections = 60
max_wal_size = 256MB
CONF
    launch "$dir"
    as_user "$BIN/createdb" -h "$dir" -U ferry ferry
    setsid "$self" guard "$2" "$dir" </dev/null >/dev/null 2>&1 & # it outlives who kills the test and all its group
    echo "$dir"
    ;;
guard) guard "$2" "$3" ;;
url) echo "postgresql:///ferry?host=$2&user=ferry" ;;
kill)
    pid=$(head -1 "$2/data/postmaster.pid")
    children=$(ps -o pid= --ppid "$pid" || true)
    # shellcheck disable=SC2086 # one word a process
    kill -9 "$pid" $children
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    ;;
again) launch "$2" ;;
stop) finish "$2" ;;
*)
    sed -n '2,8p' "$0"
    exit 2
    ;;
esac
