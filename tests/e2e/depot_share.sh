#!/bin/bash
# Several servers and many workers on one PostgreSQL, with kill -9 of workers, of a server and of the database itself:
# every job is claimed by one worker at a time, claims of the dead run out, and in the end each job is done exactly once.
# What counts is what psql says afterwards, and a note that each worker keeps of what it has done.
set -eu
SUPPORT=$ROOT/tests/support
PG=$("$SUPPORT/postgres.sh" start $$)
FERRY_DEPOT=$("$SUPPORT/postgres.sh" url "$PG")
export FERRY_DEPOT
. "$ROOT/tests/e2e/depot_server.inc"
JOBS=40
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/build" 60 1.2
"$FERRY" depot add "$WORK/build" --quiet
TOKEN=$(depot_token workers read,write,work)
depot_start --rate 0
FIRST=$SERVER FIRST_URL=$URL
depot_start --rate 0
OTHER=$FIRST
for _ in $(seq $JOBS); do
    curl -sSf -o "$WORK/body" -H "Authorization: Bearer $TOKEN" -d '{"ref":"conformance@latest"}' "$URL/api/v1/jobs"
done
cat > "$WORK/worker.py" <<'PY'
# worker.py NAME NOTES SEED TOKEN URL...: claims jobs until there are none for a while; dies now and then.
import json, os, random, sys, time, urllib.error, urllib.request
name, notes, seed, token, *urls = sys.argv[1:]
rng = random.Random(seed)


def ask(path, body):
    for trial in range(200):
        url = rng.choice(urls)
        request = urllib.request.Request(url + '/api/v1/' + path, json.dumps(body).encode(), {'Authorization': 'Bearer ' + token})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b'null')
        except urllib.error.HTTPError as error:
            if error.code not in (429, 500, 502, 503):
                return error.code, None
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit('no server answers')


idle = 0
while idle < 25:
    code, job = ask('jobs/claim', {'worker': name, 'lease_ms': 1500})
    if code != 200:
        idle += 1
        time.sleep(0.2)
        continue
    idle = 0
    mine = {'worker': name, 'attempt': job['attempt']}
    path = 'jobs/%s/report' % job['id']
    if ask(path, {**mine, 'state': 'running', 'done': 1, 'size': 2})[0] != 200:
        continue
    if job['attempt'] <= 2 and rng.random() < 0.25:
        os._exit(9)  # the updater loses power; its claim has to run out
    if job['attempt'] <= 2 and rng.random() < 0.1:
        time.sleep(2.2)  # so slow that the claim runs out: the report must be refused if somebody else has it
    code, _ = ask(path, {**mine, 'state': 'done'})
    with open(notes, 'a') as out:
        out.write('%s %s %d\n' % (job['id'], name, code))
PY
for i in 1 2 3 4 5 6; do
    ( for life in $(seq 12); do
        timeout 100 python3 "$WORK/worker.py" "w$i.$life" "$WORK/notes" "$i$life" "$TOKEN" "$URL" "$FIRST_URL" && break
    done ) 2> "$WORK/err.$i" &
    WORKERS="${WORKERS:-} $!"
done
sleep 2
kill -9 "$FIRST" # a server dies, and one comes back at another port later: workers use what answers
sleep 1
"$SUPPORT/postgres.sh" kill "$PG"
sleep 1
"$SUPPORT/postgres.sh" again "$PG"
for w in $WORKERS; do wait "$w" || true; done
OTHER=
sql() { psql -h "$PG" -U ferry -d ferry -Atc "$1"; }
DONE=$(sql "SELECT count(*) FROM job WHERE state = 3")
REST=$(sql "SELECT id, state, attempt, worker FROM job WHERE state <> 3")
TWICE=$(awk '$3 == 200 {print $1}' "$WORK/notes" | sort | uniq -d)
KILLED=$(sql "SELECT count(*) FROM job WHERE attempt > 1")
echo "$DONE of $JOBS done; $KILLED were claimed more than once; accepted twice: ${TWICE:-none}; by $(awk '{print $2}' "$WORK/notes" | sort -u | wc -l) lives of workers"
"$SUPPORT/postgres.sh" stop "$PG"
[ "$DONE" = "$JOBS" ] || { echo "not done: $REST"; cat "$WORK"/err.*; exit 1; }
[ -z "$TWICE" ] || exit 1
[ "$KILLED" -gt 0 ] || { echo 'no claim ever ran out: this test tried nothing'; exit 1; }
