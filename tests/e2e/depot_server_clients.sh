#!/bin/bash
# The depot's server with the clients and the proxies that people have, as they are: curl, wget, aria2c with sixteen
# ranges at once, Python's http.client; nginx and haproxy in front of it, speaking TLS and HTTP/2. And the other way
# round, `ferry flash --from` web servers that are none of ours: nginx with gzip, one without ranges, redirects.
set -u
. "$ROOT/tests/e2e/depot_server.inc"
FAILED=0
free_port() { python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }
cd "$WORK"
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 one 300 1.0
head -c 8000000 /dev/urandom > big.bin
SHA=$(sha256sum big.bin | cut -c1-64)
TOKEN=$(depot_token all read,write,work,device)
A="Authorization: Bearer $TOKEN"
depot_start --rate 0
"$FERRY" depot add one --quiet
"$FERRY" depot channel stable conformance --quiet
check 'curl -T' curl -sSf -T big.bin -H "$A" "$URL/api/v1/blobs"

# Through TLS and HTTP/2 in front of it, and directly.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
    -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2> /dev/null
cat cert.pem key.pem > both.pem
NGINX=$(free_port) HAPROXY=$(free_port) PLAIN=$(free_port)
mkdir www
cp -r one www/build
cat > nginx.conf <<CONF
pid $WORK/nginx.pid; error_log $WORK/nginx.err; daemon off; worker_processes 1;
$([ "$(id -u)" = 0 ] && echo 'user root;')
events { worker_connections 256; }
http { access_log off; client_body_temp_path $WORK/nb; proxy_temp_path $WORK/np; fastcgi_temp_path $WORK/nf;
  uwsgi_temp_path $WORK/nu; scgi_temp_path $WORK/ns; gzip on; gzip_types application/octet-stream application/json;
  gzip_min_length 1; gzip_proxied any;
  server { listen 127.0.0.1:$NGINX ssl http2; ssl_certificate $WORK/cert.pem; ssl_certificate_key $WORK/key.pem;
    client_max_body_size 64m;
    location / { proxy_pass $URL; proxy_http_version 1.1; proxy_set_header Host \$http_host; }
    location /www/ { alias $WORK/www/; }
    location /moved/ { return 302 /www/build/flasher_args.json; }
    location /down/ { return 302 http://127.0.0.1:$PLAIN/build/flasher_args.json; } } }
CONF
cat > haproxy.cfg <<CONF
global
  maxconn 200
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend all
  bind 127.0.0.1:$HAPROXY ssl crt $WORK/both.pem alpn h2,http/1.1
  default_backend depot
backend depot
  server one 127.0.0.1:$PORT
CONF
nginx -c "$WORK/nginx.conf" &
OTHER=$!
haproxy -f haproxy.cfg > haproxy.log 2>&1 &
OTHER="$OTHER $!"
(cd www && exec python3 -m http.server --bind 127.0.0.1 "$PLAIN" > /dev/null 2>&1) &
WEB=$!
OTHER="$OTHER $WEB"
for port in $NGINX $HAPROXY $PLAIN; do
    for _ in $(seq 100); do curl -sk -o /dev/null "https://localhost:$port/" -o /dev/null "http://localhost:$port/" && break; sleep 0.05; done
done

number=0
for base in "$URL" "https://localhost:$NGINX" "https://localhost:$HAPROXY"; do
    number=$((number + 1))
    blob=$base/api/v1/blobs/$SHA
    c() { curl -sSf --cacert cert.pem -H "$A" "$@"; }
    head -c 3000001 big.bin > got
    check "$base: curl -C -" c -C - -o got "$blob"
    check "$base: its bytes" cmp got big.bin
    check "$base: curl --compressed" c --compressed -o got "$blob"
    check "$base: its bytes" cmp got big.bin
    check "$base: curl --etag-save" c --etag-save tag -o got "$blob"
    is "$base: curl --etag-compare" 304 "$(c --etag-compare tag -o /dev/null -w '%{http_code}' "$blob")"
    check "$base: curl -T -" sh -c "curl -sSf --cacert cert.pem -H '$A' -T - '$base/api/v1/blobs' < big.bin"
    is "$base: curl -u" 200 "$(curl -sS --cacert cert.pem -u "anybody:$TOKEN" -o /dev/null -w '%{http_code}' "$blob")"
    check "$base: curl, ten at once" c -Z -o 'ten#1' "$blob?n=[1-10]"
    for got in ten*; do check "$base: its bytes" cmp "$got" big.bin; done
    rm -f ten*
    head -c 5000001 big.bin > wget.bin
    check "$base: wget -c" wget -q -c --ca-certificate=cert.pem --header="$A" -O wget.bin "$blob"
    check "$base: its bytes" cmp wget.bin big.bin
    check "$base: aria2c" aria2c -q -x16 -s16 -k1M --ca-certificate=cert.pem --header="$A" --checksum="sha-256=$SHA" -o "aria$number" "$blob"
    timeout 20 curl -sN --cacert cert.pem -H "$A" "$base/api/v1/events" > "events$number" &
    STREAM=$!
    for _ in $(seq 100); do grep -qs retry "events$number" && break; sleep 0.05; done
    "$FERRY" depot channel "c$number" conformance --quiet
    for _ in $(seq 100); do grep -q 'event: channels' "events$number" && break; sleep 0.05; done
    check "$base: events" grep -q 'event: channels' "events$number"
    kill $STREAM
    is "$base: the page's own requests" 201 "$(curl -sS --cacert cert.pem -o /dev/null -w '%{http_code}' -H "$A" -H "Origin: $base" \
        -H 'Sec-Fetch-Site: same-origin' -d '{"ref":"conformance@stable"}' "$base/api/v1/jobs")"
    is "$base: another page's" 403 "$(curl -sS --cacert cert.pem -o /dev/null -w '%{http_code}' -H "$A" -H 'Origin: https://evil.example' \
        -H 'Sec-Fetch-Site: cross-site' -d '{"ref":"conformance@stable"}' "$base/api/v1/jobs")"
done
check 'http.client, one connection' python3 - "$PORT" "$SHA" "$TOKEN" <<'PY'
import http.client, sys
port, sha, token = sys.argv[1:]
c = http.client.HTTPConnection('127.0.0.1', int(port))
head = {'Authorization': 'Bearer ' + token}
data = open('big.bin', 'rb').read()
for i in range(40):
    first = i * 199999
    c.request('GET', '/api/v1/blobs/' + sha, headers={**head, 'Range': 'bytes=%d-%d' % (first, first + 999)})
    answer = c.getresponse()
    assert (answer.status, answer.read()) == (206, data[first:first + 1000])
c.request('PUT', '/api/v1/blobs', body=iter([data[i:i + 10000] for i in range(0, 200000, 10000)]),
          headers={**head, 'Transfer-Encoding': 'chunked'}, encode_chunked=True)
answer = c.getresponse()
assert answer.status in (200, 201) and answer.read()
c.request('GET', '/api/v1/blobs/' + sha, headers={**head, 'Range': 'bytes=' + ','.join('%d-%d' % (i, i) for i in range(900))})
answer = c.getresponse()
assert answer.status == 200 and answer.read() == data, 'many ranges are the whole'
PY

# ferry flash --from others.
export FERRY_CA=$WORK/cert.pem FERRY_CACHE=$WORK/cache
"$FERRY" vchip --chip esp32c3 --flash flash --listen 127.0.0.1:0 --line ideal --time fast > vchip 2>&1 &
OTHER="$OTHER $!"
for _ in $(seq 100); do VCHIP=$(grep -o 'socket://[^ ]*' vchip | head -1); [ -n "$VCHIP" ] && break; sleep 0.05; done
flash() { rm -rf cache; "$FERRY" flash --port "$VCHIP" --chip esp32c3 --from "$1"; }
export FERRY_TOKEN=$TOKEN
check 'flash: the depot behind nginx' flash "depot:https://localhost:$NGINX/conformance@stable"
check 'flash: the depot behind haproxy' flash "depot:https://localhost:$HAPROXY/conformance@stable"
# Builds for two chips under one name: the connected one's is taken.
python3 "$ROOT/tests/e2e/build_folder.py" esp32s3 other 60 1.0
"$FERRY" depot add other --quiet
rm -rf cache
check 'flash: for several chips' "$FERRY" flash --port "$VCHIP" --from "depot:$URL/conformance@1.0"
check 'flash: nginx, with gzip' flash "https://localhost:$NGINX/www/build/flasher_args.json"
check 'flash: a server without ranges' flash "http://127.0.0.1:$PLAIN/build/flasher_args.json"
check 'flash: from https to http is refused' sh -c "! '$FERRY' flash --port '$VCHIP' --chip esp32c3 --from https://localhost:$NGINX/down/flasher_args.json"
check 'the cache is for its owner' [ "$(stat -c %a cache)" = 700 ]

# The token is told to the depot alone, and a password in an address to nobody.
timeout 30 python3 - > heard <<'PY' &
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers, flush=True)
        self.send_error(404)
    do_HEAD = do_GET
    def log_message(self, *args): pass
s = http.server.HTTPServer(('127.0.0.1', 0), H)
print('port', s.server_address[1], flush=True)
for _ in range(2): s.handle_request()
PY
OTHER="$OTHER $!"
for _ in $(seq 100); do LISTEN=$(sed -n 's/^port //p' heard); [ -n "$LISTEN" ] && break; sleep 0.05; done
"$FERRY" flash --port "$VCHIP" --chip esp32c3 --from "http://ann:opensesame@127.0.0.1:$LISTEN/a.bin" > said 2>&1
check 'somebody was asked' grep -q '^Host:' heard
check 'without the token' sh -c "! grep -q 'fd_' heard"
check 'the password is not shown' sh -c "! grep -q opensesame said"
check 'the hint is about servers' sh -c "! grep -q card said"

# A day without the server: what was fetched before is taken when that is asked for, whole or not at all.
FROM=depot:$URL/conformance@1.0
check 'fetched once more' "$FERRY" verify --port "$VCHIP" --chip esp32c3 --from "$FROM"
depot_stop
is 'the server is away' 3 "$("$FERRY" verify --port "$VCHIP" --chip esp32c3 --from "$FROM" > said 2>&1; echo $?)"
check 'it says how to go on' grep -q -e '--offline' said
check 'offline' sh -c "'$FERRY' verify --port '$VCHIP' --chip esp32c3 --offline --from '$FROM' > said 2>&1"
check 'that nobody was asked is said' grep -q 'was not asked' said
rm -rf cache/*/.answer
is 'offline, never fetched' 6 "$("$FERRY" verify --port "$VCHIP" --chip esp32c3 --offline --from "$FROM" > said 2>&1; echo $?)"
check 'offline: what to do' grep -q 'without --offline' said
check 'offline: an image' flash "http://127.0.0.1:$PLAIN/build/flasher_args.json"
offline() { "$FERRY" verify --port "$VCHIP" --chip esp32c3 --offline --from "http://127.0.0.1:$PLAIN/build/flasher_args.json"; }
kill "$WEB"
check 'offline: a manifest and its files' offline
APP=$(find cache -name '*.bin' -size +50k | head -1)
printf x | dd of="$APP" bs=1 seek=40000 conv=notrunc status=none
check 'offline: what was damaged is not taken' sh -c "! '$FERRY' verify --port '$VCHIP' --chip esp32c3 --offline --from 'http://127.0.0.1:$PLAIN/build/flasher_args.json' > said 2>&1"
check 'offline: it is named' grep -q 'not whole any more' said
# shellcheck disable=SC2086
kill $OTHER 2> /dev/null
wait $OTHER 2> /dev/null
OTHER=
exit $FAILED
