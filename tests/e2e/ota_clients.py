#!/usr/bin/env python3
"""Sends one recorded conversation and looks at the answers: ota_clients.py FILE PORT TOKEN APP whole|torn

FILE is as tests/vectors/ota/README.md says. torn: each request goes out in two pieces, with a pause between them.
"""
import base64, hashlib, re, socket, sys, time

path, port, token, app_path, cut = sys.argv[1:6]
app = open(app_path, 'rb').read()
words = {'TOKEN': token, 'HOST': 'depot.local:' + port, 'MD5': hashlib.md5(app).hexdigest(), 'SIZE': str(len(app)),
         'SHA256': app[-32:].hex().upper(), 'ETAG': hashlib.sha256(app).hexdigest(),
         'BASIC': base64.b64encode(b'dev:' + token.encode()).decode()}
text = re.sub('@([A-Z0-9]+)@', lambda m: words[m.group(1)], open(path).read())
faults = []


class Connection:
    def __init__(self):
        self.socket = socket.create_connection(('127.0.0.1', int(port)), 20)
        self.rest = b''

    def more(self):
        data = self.socket.recv(65536)
        self.rest += data
        return bool(data)

    def send(self, request):
        middle = len(request) // 2 if cut == 'torn' else len(request)
        self.socket.sendall(request[:middle])
        if request[middle:]:
            time.sleep(0.02)
            self.socket.sendall(request[middle:])

    def answer(self, method):
        while b'\r\n\r\n' not in self.rest:
            if not self.more():
                raise SystemExit('%s: closed before an answer: %r' % (path, self.rest))
        head, self.rest = self.rest.split(b'\r\n\r\n', 1)
        lines = head.decode().split('\r\n')
        headers = {k.lower(): v for k, v in (line.split(': ', 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        length = 0 if method == 'HEAD' or status == 304 else int(headers.get('content-length', -1))
        while length < 0 or len(self.rest) < length:
            if not self.more():
                break
        length = len(self.rest) if length < 0 else length
        body, self.rest = self.rest[:length], self.rest[length:]
        return status, headers, body

    def closed(self, wanted):
        if self.rest:
            return not wanted  # bytes that nobody asked for: wrong either way
        self.socket.settimeout(20 if wanted else 0.1)
        try:
            return not self.more() or not wanted
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(20)


def expect(holds, what):
    if not holds:
        faults.append(what)


def check_head(line, status, headers):
    wanted, *rest = line.split(' | ')
    expect(status == int(wanted), 'wanted %s, got %d' % (wanted, status))
    for name, _, value in (r.partition(': ') for r in rest):
        got = headers.get(name.lstrip('!').lower())
        expect(got is None if name[0] == '!' else got is not None, 'header %s is %s' % (name, got))
        expect(not value or got == value, '%s: wanted %s, got %s' % (name, value, got))


def check_body(what, body):
    if what == 'app':
        expect(body == app, 'the body is not the app (%d bytes)' % len(body))
    elif what == 'none':
        expect(body == b'', 'a body of %d bytes' % len(body))
    elif what.startswith('range '):
        first, last = what.split()[1:]
        expect(body == app[int(first):] if last == '-' else body == app[int(first):int(last) + 1], 'not that range')
    else:
        expect(what in body.decode(), 'no %s in %s' % (what, body[:300]))


connection, asked, answered = Connection(), [], 0
for line in text.split('\n'):
    if line == '=> next':
        connection = Connection()
    elif re.match(r'=> \d', line):
        head, _, body = '\n'.join(asked).partition('\n\n')
        connection.send(head.replace('\n', '\r\n').encode() + b'\r\n\r\n' + body.encode())
        status, headers, got = connection.answer(head.split()[0])
        check_head(line[3:], status, headers)
        asked, answered = [], answered + 1
    elif line.startswith('=> body '):
        check_body(line[8:], got)
    elif line in ('=> open', '=> closed'):
        wanted = line == '=> closed'
        expect(connection.closed(wanted) == wanted, 'the connection is not ' + line[3:])
    elif line or asked:
        asked.append(line)
expect(answered > 0, 'nothing was asked')
for fault in faults:
    print('%s: %s' % (path, fault))
sys.exit(bool(faults))
