#!/bin/bash
# TLS of both servers, judged by OpenSSL's and GnuTLS's own tools and by curl: a certificate that the server makes
# itself, how it is kept and trusted, the versions that are spoken, certificates that change while an event stream goes
# on, and that others are warned when there is no TLS.
set -u
. "$ROOT/tests/e2e/depot_server.inc"
export FERRY_TLS=$WORK/tls
FAILED=0
told() { sed -n "s/.*\"event\":\"certificate\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$WORK/serve.log" | tail -1; }
print_of() { openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//'; }
served() { # the fingerprint that the server shows
    openssl s_client -connect "127.0.0.1:$PORT" < /dev/null 2> /dev/null | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//'
}

# Made once, kept, and what it says is what is there.
depot_start --tls-self-signed --anonymous read
is 'https' https "${URL%%:*}"
is 'the key is for its owner' 600 "$(stat -c %a "$FERRY_TLS/key.pem")"
is 'the folder too' 700 "$(stat -c %a "$FERRY_TLS")"
PRINT=$(print_of "$FERRY_TLS/cert.pem")
is 'the fingerprint that is told' "$PRINT" "$(told sha256)"
is 'the fingerprint that is served' "$PRINT" "$(served)"
check 'OpenSSL trusts it' openssl verify -CAfile "$FERRY_TLS/cert.pem" -purpose sslserver -verify_hostname localhost "$FERRY_TLS/cert.pem"
check 'OpenSSL trusts it for the address' openssl verify -CAfile "$FERRY_TLS/cert.pem" -verify_ip 127.0.0.1 "$FERRY_TLS/cert.pem"
check 'OpenSSL does not for another name' sh -c "! openssl verify -CAfile '$FERRY_TLS/cert.pem' -verify_hostname example.org '$FERRY_TLS/cert.pem'"
check 'it signs nobody else' sh -c "openssl x509 -in '$FERRY_TLS/cert.pem' -noout -text | grep -q CA:FALSE"
curl_it() { curl -sS -o /dev/null -w '%{http_code}' --cacert "$FERRY_TLS/cert.pem" "$@"; }
is 'curl' 200 "$(curl_it "$URL/api/v1/info")"
is 'curl by name' 200 "$(curl_it "https://localhost:$PORT/api/v1/info")"
is 'curl, not trusted' 000 "$(curl -s -o /dev/null -w '%{http_code}' "$URL/api/v1/info")"
for version in tls1 tls1_1; do
    check "$version is not spoken" sh -c "! openssl s_client -connect 127.0.0.1:$PORT -$version -cipher 'ALL:@SECLEVEL=0' < /dev/null"
done
for version in tls1_2 tls1_3; do
    check "$version is spoken" sh -c "openssl s_client -connect 127.0.0.1:$PORT -$version < /dev/null"
done
depot_stop
depot_start --tls-self-signed
is 'the same again' "$PRINT" "$(served)"
depot_stop
rm "$FERRY_TLS/cert.pem"
depot_start --tls-self-signed --host depot.example
check 'a new one has the new name' openssl verify -CAfile "$FERRY_TLS/cert.pem" -verify_hostname depot.example "$FERRY_TLS/cert.pem"
depot_stop
echo 'not a key' > "$FERRY_TLS/key.pem"
check 'what is not its own is not written over' sh -c "! '$FERRY' depot serve --listen 0 --tls-self-signed"
is 'and still there' 'not a key' "$(cat "$FERRY_TLS/key.pem")"
rm -r "$FERRY_TLS"

# A new certificate while somebody listens and downloads: both go on; who comes later sees the new one.
pair() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/$1.key" -out "$WORK/$1.pem" \
        -days 2 -subj "/CN=$1" -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2> /dev/null
}
pair first
pair second
cp "$WORK/first.pem" "$WORK/cert.pem"
cp "$WORK/first.key" "$WORK/key.pem"
depot_start --tls-cert "$WORK/cert.pem" --tls-key "$WORK/key.pem" --anonymous read
timeout 30 curl -sN --cacert "$WORK/first.pem" "$URL/api/v1/events" > "$WORK/events" &
OTHER=$!
for _ in $(seq 100); do grep -qs retry "$WORK/events" && break; sleep 0.05; done
reload() { # reload WANTED: until the server has said so once more
    local before
    before=$(grep -c "$1" "$WORK/serve.log")
    kill -HUP "$SERVER"
    for _ in $(seq 100); do [ "$(grep -c "$1" "$WORK/serve.log")" -gt "$before" ] && return; sleep 0.05; done
    echo "FAILED: no '$1' after SIGHUP"
    FAILED=1
}
cp "$WORK/second.pem" "$WORK/cert.pem"
reload 'is not used'
is 'a certificate without its key' "$(print_of "$WORK/first.pem")" "$(served)"
cp "$WORK/second.key" "$WORK/key.pem"
reload '"certificate_read"'
is 'the new one' "$(print_of "$WORK/second.pem")" "$(served)"
python3 "$ROOT/tests/e2e/build_folder.py" esp32c3 "$WORK/one" 40 1.0
"$FERRY" depot add "$WORK/one" --quiet
for _ in $(seq 100); do grep -q 'event: builds' "$WORK/events" && break; sleep 0.05; done
check 'the stream goes on' grep -q 'event: builds' "$WORK/events"
kill $OTHER
OTHER=
depot_stop

# The updater's page.
mkdir "$WORK/card"
"$FERRY" updater --card "$WORK/card" --web 127.0.0.1:0 --tls-self-signed --json --port socket://127.0.0.1:9 > "$WORK/web.log" 2>&1 &
OTHER=$!
for _ in $(seq 100); do PAGE=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$WORK/web.log" | head -1); [ -n "$PAGE" ] && break; sleep 0.1; done
is 'the page is https' https "${PAGE%%:*}"
is 'the page' 200 "$(curl_it "${PAGE%%#*}")"
is 'its fingerprint' "$(print_of "$FERRY_TLS/cert.pem")" "$(sed -n 's/.*"event":"certificate".*"sha256":"\([^"]*\)".*/\1/p' "$WORK/web.log")"
kill $OTHER
wait $OTHER 2> /dev/null
OTHER=

# Without TLS: said when others can listen, and only then.
warned() { # warned ADDRESS: how many warnings
    "$FERRY" depot serve --listen "$1:0" --json > "$WORK/warn.log" 2>&1 &
    OTHER=$!
    for _ in $(seq 100); do grep -q listening "$WORK/warn.log" && break; sleep 0.05; done
    kill $OTHER
    wait $OTHER 2> /dev/null
    OTHER=
    grep -c 'without TLS' "$WORK/warn.log"
}
is 'on every address' 1 "$(warned '*')"
is 'on this computer alone' 0 "$(warned 127.0.0.1)"
is 'the options fit together' 2 "$("$FERRY" depot serve --tls-self-signed --tls-cert a --tls-key b > /dev/null 2>&1; echo $?)"
exit $FAILED
