#!/bin/bash
# The depot's server with the peers it is made for: curl (uploads, downloads gone on with), what esp_https_ota and
# Arduino's HTTPUpdate send (their headers as in their sources), nginx in front of it, `ferry flash --from` it, and
# strangers: no token, the wrong one, other scopes, other web pages, odd paths, large and torn uploads.
set -u
. "$ROOT/tests/e2e/depot_server.inc"
FAILED=0
api() { # api TOKEN METHOD PATH [CURL OPTIONS]: the status; the body is in $WORK/body
    local token=$1 method=$2 path=$3
    shift 3
    curl -sS -o "$WORK/body" -w '%{http_code}' -X "$method" ${token:+-H "Authorization: Bearer $token"} "$@" "$URL$path"
}
field() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$WORK/body" "$1"; }

python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/one" 300 1.0
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/two" 300 1.1 20
APP=$WORK/one/conformance.bin
READER=$(depot_token reader read)
WRITER=$(depot_token writer read,write)
DEVICE=$(depot_token device device)
WORKER=$(depot_token worker work)
ADMIN=$(depot_token admin admin)
depot_start --upload-limit 2M --rate 0

# Who may.
is 'no token' 401 "$(api '' GET /api/v1/builds)"
is 'no token, its error' TOKEN "$(field error)"
is 'a wrong token' 401 "$(api fd_000000000000000000000000000000000000000000000000 GET /api/v1/builds)"
is 'a token that is none' 401 "$(api "$(head -c 3000 /dev/zero | tr '\0' x)" GET /api/v1/builds)"
is 'info needs none' 200 "$(api '' GET /api/v1/info)"
is 'info with a wrong one' 200 "$(api nonsense GET /api/v1/info)"
is 'a reader reads' 200 "$(api "$READER" GET /api/v1/builds)"
is 'a reader does not write' 403 "$(api "$READER" PUT /api/v1/files/a.bin -T "$APP")"
is 'a device does not look around' 403 "$(api "$DEVICE" GET /api/v1/devices)"
is 'a worker does not upload' 403 "$(api "$WORKER" PUT /api/v1/blobs -T "$APP")"
is 'only an admin sees tokens' 403 "$(api "$WRITER" GET /api/v1/tokens)"
is 'nothing was stored' 0 "$("$FERRY" depot list --json | grep -c '"id"')"

# Uploads.
is 'upload' 201 "$(api "$WRITER" PUT "/api/v1/files/conformance.bin?channel=stable" -T "$APP")"
ID=$(field id)
is 'the same once more' 200 "$(api "$WRITER" PUT /api/v1/files/conformance.bin -T "$APP")"
is 'the same is the same' "$ID" "$(field id)"
is 'a hash that does not fit' 422 "$(api "$WRITER" PUT /api/v1/blobs -T "$WORK/two/conformance.bin" -H "X-Sha256: $(printf %064d 0)")"
is 'what is no firmware' 422 "$(api "$WRITER" PUT /api/v1/files/a.bin --data-binary 'no firmware at all')"
head -c 100000 "$APP" > "$WORK/short.bin"
is 'a cut-off image' 422 "$(api "$WRITER" PUT /api/v1/files/short.bin -T "$WORK/short.bin")"
is 'an empty one' 422 "$(api "$WRITER" PUT /api/v1/files/a.bin --data-binary '')"
head -c 2100000 /dev/zero > "$WORK/large.bin"
is 'too large, announced' 413 "$(api "$WRITER" PUT /api/v1/blobs -T "$WORK/large.bin")"
is 'too large, not announced' 413 "$(api "$WRITER" PUT /api/v1/blobs -T - < "$WORK/large.bin")"
python3 - "$PORT" "$WRITER" "$WORK/two/conformance.bin" <<'PY'
import socket, sys
port, token, path = sys.argv[1:]
data = open(path, 'rb').read()
s = socket.create_connection(('127.0.0.1', int(port)))
s.sendall(b'PUT /api/v1/files/torn.bin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ' + token.encode() +
          b'\r\nContent-Length: %d\r\n\r\n' % len(data) + data[:200000])
s.close()
PY
is 'one build in all' 1 "$("$FERRY" depot list --json | grep -c '"id"')"

# A build of several files, and what a device and the fleet see.
BLOBS=
for f in bootloader/bootloader.bin:0x0 partition_table/partition-table.bin:0x8000 conformance.bin:0x10000; do
    is "blob $f" 201 "$(api "$WRITER" PUT /api/v1/blobs -T "$WORK/two/${f%:*}")"
    BLOBS="$BLOBS,{\"sha256\":\"$(field sha256)\",\"name\":\"$(basename "${f%:*}")\",\"address\":\"${f#*:}\"}"
done
is 'build of blobs' 201 "$(api "$WRITER" POST /api/v1/builds -d "{\"files\":[${BLOBS#,}],\"channel\":\"beta\"}")"
TWO=$(field id)
is 'its version' 1.1 "$(field version)"
is 'a blob that is not there' 404 "$(api "$WRITER" POST /api/v1/builds -d "{\"files\":[{\"sha256\":\"$(printf %064d 0)\",\"name\":\"a\"}]}")"
SHA=$(python3 -c 'import sys; print(open(sys.argv[1],"rb").read()[-32:].hex())' "$APP")
is 'check-in' 200 "$(api "$DEVICE" POST /api/v1/checkin -d "{\"mac\":\"24:0a:c4:00:01:10\",\"chip\":\"esp32c3\",\"project\":\"conformance\",\"version\":\"1.0\",\"sha256\":\"$SHA\",\"channel\":\"beta\"}")"
is 'it should update' update "$(field answer)"
is 'move the channel' 204 "$(api "$WRITER" PUT /api/v1/channels/beta -d "{\"build\":\"$ID\"}")"
is 'check-in again' 200 "$(api "$DEVICE" POST /api/v1/checkin -d "{\"mac\":\"24:0a:c4:00:01:10\",\"chip\":\"esp32c3\",\"project\":\"conformance\",\"version\":\"1.0\",\"sha256\":\"$SHA\"}")"
is 'it is current' current "$(field answer)"
is 'a build in use stays' 409 "$(api "$WRITER" DELETE "/api/v1/builds/$ID")"

# Downloads: curl from the middle, a changed file, what is the same is not sent again.
get() { curl -sS -H "Authorization: Bearer $DEVICE" "$@"; }
head -c 100001 "$APP" > "$WORK/got.bin"
check 'curl goes on' get -C - -o "$WORK/got.bin" "$URL/api/v1/builds/$ID/app"
check 'curl: the same bytes' cmp "$APP" "$WORK/got.bin"
ETAG=$(get -I "$URL/api/v1/builds/$ID/app" | tr -d '\r' | sed -n 's/^ETag: //p')
is 'If-None-Match' 304 "$(get -o /dev/null -w '%{http_code}' -H "If-None-Match: $ETAG" "$URL/api/v1/builds/$ID/app")"
is 'If-Range of another file' 200 "$(get -o /dev/null -w '%{http_code}' -r 5-10 -H 'If-Range: "other"' "$URL/api/v1/builds/$ID/app")"
is 'a range' 206 "$(get -o "$WORK/part" -w '%{http_code}' -r 5-10 -H "If-Range: $ETAG" "$URL/api/v1/builds/$ID/app")"
check 'the range' cmp "$WORK/part" <(tail -c +6 "$APP" | head -c 6)
# esp_https_ota with partial_http_download: HEAD, then ranges. HTTPUpdate: HTTP/1.0, its own headers.
is 'HEAD' "$(stat -c %s "$APP")" "$(get -I "$URL/api/v1/ota/conformance@stable/esp32c3.bin" | tr -d '\r' | sed -n 's/^Content-Length: //p')"
hu() { get -0 -A ESP32-http-Update -H 'x-ESP32-STA-MAC: 24:0A:C4:00:01:10' -H 'x-ESP32-free-space: 1310720' -H 'x-ESP32-sketch-size: 300000' \
    -H 'x-ESP32-chip-size: 4194304' -H 'x-ESP32-sdk-version: v5.1.4' -H 'x-ESP32-mode: sketch' "$@" "$URL/api/v1/ota/conformance@stable?chip=esp32c3"; }
check 'HTTPUpdate' hu -D "$WORK/head" -o "$WORK/hu.bin" -H "x-ESP32-sketch-md5: $(printf %032d 0)" -H "x-ESP32-sketch-sha256: $(printf %064d 0)"
check 'HTTPUpdate: the same bytes' cmp "$APP" "$WORK/hu.bin"
is 'HTTPUpdate: x-MD5' "$(md5sum < "$APP" | cut -c1-32)" "$(tr -d '\r' < "$WORK/head" | sed -n 's/^x-MD5: //pI')"
is 'HTTPUpdate: the same sketch' 304 "$(hu -o /dev/null -w '%{http_code}' -H "x-ESP32-sketch-md5: $(md5sum < "$APP" | cut -c1-32)")"
is 'HTTPUpdate: the same hash' 304 "$(hu -o /dev/null -w '%{http_code}' -H "x-ESP32-sketch-sha256: $SHA")"
is 'HTTPUpdate: the same version' 304 "$(hu -o /dev/null -w '%{http_code}' -H 'x-ESP32-version: 1.0')"

# Other web pages, odd paths, hostile JSON.
is 'a foreign origin' 403 "$(api "$WRITER" POST /api/v1/jobs -H 'Origin: http://evil.example' -d "{\"build\":\"$ID\"}")"
is 'a foreign site' 403 "$(api "$WRITER" POST /api/v1/jobs -H 'Sec-Fetch-Site: cross-site' -d "{\"build\":\"$ID\"}")"
is 'its own page' 201 "$(api "$WRITER" POST /api/v1/jobs -H "Origin: $URL" -d "{\"build\":\"$ID\"}")"
JOB=$(field id)
for path in /../etc/passwd /%2e%2e/etc/passwd /api/v1/blobs/..%2f..%2fx '/api/v1/builds/%00' '/api/v1\builds'; do
    is "path $path" 400 "$(api "$READER" GET "$path" --path-as-is)"
done
is 'deep JSON' 400 "$(api "$WORKER" POST /api/v1/jobs/claim -d "$(printf '[%.0s' $(seq 5000))")"
is 'long JSON' 413 "$(api "$WORKER" POST /api/v1/jobs/claim --data-binary @"$WORK/large.bin")"
is 'other types' 400 "$(api "$WORKER" POST /api/v1/jobs/claim -d '{"worker":{"a":1}}')"
is 'a member twice' 400 "$(api "$WORKER" POST /api/v1/jobs/claim -d '{"worker":"a","worker":"b"}')"
is 'no worker' 400 "$(api "$WORKER" POST /api/v1/jobs/claim -d '{}')"

# A job's way, and the events about it.
timeout 30 curl -sN -H "Authorization: Bearer $READER" "$URL/api/v1/events" > "$WORK/events" &
OTHER=$!
for _ in $(seq 100); do grep -q retry "$WORK/events" && break; sleep 0.05; done
is 'claim' 200 "$(api "$WORKER" POST /api/v1/jobs/claim -d '{"worker":"bench-1","chip":"esp32c3"}')"
is 'the job' "$JOB" "$(field id)"
is 'nothing for the next' 204 "$(api "$WORKER" POST /api/v1/jobs/claim -d '{"worker":"bench-2"}')"
is 'progress' 200 "$(api "$WORKER" POST "/api/v1/jobs/$JOB/report" -d '{"worker":"bench-1","attempt":1,"state":"running","done":1000,"size":2000}')"
is 'somebody else' 409 "$(api "$WORKER" POST "/api/v1/jobs/$JOB/report" -d '{"worker":"bench-2","attempt":1,"state":"done"}')"
is 'done' 200 "$(api "$WORKER" POST "/api/v1/jobs/$JOB/report" -d "{\"worker\":\"bench-1\",\"attempt\":1,\"state\":\"done\",\"mac\":\"24:0a:c4:00:01:10\",\"sha256\":\"$SHA\"}")"
"$FERRY" depot channel nightly conformance@1.1 --quiet # by another process
for _ in $(seq 100); do grep -q 'event: channels' "$WORK/events" && break; sleep 0.05; done
for state in claimed running done; do check "event: $state" grep -q "\"state\":\"$state\"" "$WORK/events"; done
check 'event of another process' grep -q 'event: channels' "$WORK/events"
kill $OTHER 2>/dev/null
OTHER=

# A token that is removed works no longer; tokens by the API.
is 'make a token' 201 "$(api "$ADMIN" POST /api/v1/tokens -d '{"name":"t","scopes":["read"]}')"
T=$(field secret) TID=$(field id)
is 'it works' 200 "$(api "$T" GET /api/v1/builds)"
is 'remove it' 204 "$(api "$ADMIN" DELETE "/api/v1/tokens/$TID")"
is 'it is gone' 401 "$(api "$T" GET /api/v1/builds)"

# nginx in front: passes ranges and events on.
cat > "$WORK/nginx.conf" <<NGINX
pid $WORK/nginx.pid; error_log $WORK/nginx.err; daemon off; worker_processes 1;
events { worker_connections 64; }
http { access_log off; proxy_max_temp_file_size 0; client_body_temp_path $WORK/nb; proxy_temp_path $WORK/np; fastcgi_temp_path $WORK/nf;
  uwsgi_temp_path $WORK/nu; scgi_temp_path $WORK/ns;
  server { listen unix:$WORK/nginx.sock; client_max_body_size 4m;
    location / { proxy_pass $URL; proxy_http_version 1.1; proxy_set_header Host \$http_host; } } }
NGINX
nginx -c "$WORK/nginx.conf" &
OTHER=$!
for _ in $(seq 100); do [ -S "$WORK/nginx.sock" ] && break; sleep 0.05; done
head -c 7777 "$APP" > "$WORK/ng.bin"
check 'through nginx' curl -sS -C - -o "$WORK/ng.bin" --unix-socket "$WORK/nginx.sock" -H "Authorization: Bearer $DEVICE" "http://depot/api/v1/builds/$ID/app"
check 'through nginx: the same bytes' cmp "$APP" "$WORK/ng.bin"
kill $OTHER
wait $OTHER 2>/dev/null
OTHER=

# ferry flash --from it, into the virtual chip; the second time from the cache.
export FERRY_CACHE=$WORK/cache FERRY_TOKEN=$WORKER
"$FERRY" vchip --chip esp32c3 --flash "$WORK/flash" --listen 127.0.0.1:0 --line ideal --time fast > "$WORK/vchip" 2>&1 &
OTHER=$!
for _ in $(seq 100); do VCHIP=$(grep -o 'socket://[^ ]*' "$WORK/vchip" | head -1); [ -n "$VCHIP" ] && break; sleep 0.05; done
check 'flash --from' "$FERRY" flash --port "$VCHIP" --from "depot:$URL/conformance@1.1" --chip esp32c3
check 'the app is in the flash' cmp "$WORK/two/conformance.bin" <(tail -c +65537 "$WORK/flash" | head -c "$(stat -c %s "$WORK/two/conformance.bin")")
check 'verify --from' "$FERRY" verify --port "$VCHIP" --from "depot:$URL/conformance@1.1" --chip esp32c3
is 'flash --from nothing' 6 "$("$FERRY" flash --port "$VCHIP" --from "depot:$URL/nothing@stable" > "$WORK/said" 2>&1; echo $?)"
is 'flash --from without a token' 6 "$(FERRY_TOKEN= "$FERRY" flash --port "$VCHIP" --from "depot:$URL/conformance@1.1" > "$WORK/said" 2>&1; echo $?)"
check 'flash --from: it says what to do' grep -q FERRY_TOKEN "$WORK/said"

# A stored blob that is damaged is not handed out. (SQLite: the file itself is changed.)
depot_stop
python3 - "$FERRY_DEPOT" "$APP" <<'PY'
import sys
path, app = sys.argv[1:]
part = open(app, 'rb').read()[150000:150064]
data = bytearray(open(path, 'rb').read())
at, found = data.find(part), 0
while at >= 0:
    data[at] ^= 1
    found += 1
    at = data.find(part, at + 1)
assert found, 'the app was not found in the database file'
open(path, 'wb').write(data)
PY
depot_start
is 'a damaged blob' 500 "$(api "$READER" GET "/api/v1/builds/$ID/app")"
is 'a damaged blob, its error' STORAGE_DAMAGED "$(field error)"
is 'HEAD of it' 500 "$(curl -sS -I -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $READER" "$URL/api/v1/builds/$ID/app")"

# Limits: a flood from one address is told to slow down, and served again afterwards.
depot_stop
depot_start --rate 20
CODES=$(curl -sS -o /dev/null -w '%{http_code}\n' "$URL/api/v1/info?a=[1-300]" | sort -u | tr '\n' ' ')
is 'a flood' '200 429 ' "$CODES"
sleep 1
is 'and afterwards' 200 "$(api '' GET /api/v1/info)"
depot_stop

# TLS.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/key.pem" -out "$WORK/cert.pem" \
    -days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2> /dev/null
depot_start --tls-cert "$WORK/cert.pem" --tls-key "$WORK/key.pem"
is 'https' 200 "$(curl -sS --cacert "$WORK/cert.pem" -o /dev/null -w '%{http_code}' "$URL/api/v1/info")"
is 'https: old TLS' 000 "$(curl -s --cacert "$WORK/cert.pem" --tls-max 1.1 -o /dev/null -w '%{http_code}' "$URL/api/v1/info")"
is 'flash --from: a certificate nobody knows' 3 "$("$FERRY" flash --port "$VCHIP" --from "depot:$URL/conformance@1.1" > "$WORK/said" 2>&1; echo $?)"
check 'it says so' grep -qi certificate "$WORK/said"
check 'flash --from with it' env FERRY_CA="$WORK/cert.pem" "$FERRY" verify --port "$VCHIP" --from "depot:$URL/conformance@1.1" --chip esp32c3
depot_stop
exit $FAILED
