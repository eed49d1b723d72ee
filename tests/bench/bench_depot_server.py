#!/usr/bin/env python3
"""Figures of `ferry depot serve`: bench_depot_server.py RESULTS.json (the program is build/ferry, or $FERRY).

downloads  200 clients at once fetch one 1 MiB app from one server process, from SQLite; the same file from nginx
           (sendfile) for comparison; how many failed, resident memory of the server
check-ins  a second over 16 kept-alive connections from 2,000 devices, for SQLite and for PostgreSQL (fsync on)
The clients are one process with epoll, so that they cost as little as can be; everything shares this computer's cores.
"""
import hashlib, json, os, random, selectors, shutil, socket, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FERRY = os.environ.get('FERRY', os.path.join(ROOT, 'build', 'ferry'))
PG = os.path.join(ROOT, 'tests/support/postgres.sh')
CLIENTS, ROUNDS = 200, 3


results = []


def figure(name, value, unit, bound, holds):
    results.append({'name': name, 'value': value, 'unit': unit, 'bound': bound, 'holds': holds})
    print('%-50s %10.4g %-6s %s' % (name, value, unit, bound), flush=True)


def run(*args, depot):
    return subprocess.run([FERRY, *args], env={**os.environ, 'FERRY_DEPOT': depot}, check=True, capture_output=True,
                          text=True).stdout


def serve(depot, *options):
    p = subprocess.Popen([FERRY, 'depot', 'serve', '--listen', '0', '--json', '--rate', '0', *options],
                         env={**os.environ, 'FERRY_DEPOT': depot}, stdout=subprocess.PIPE, text=True)
    return p, json.loads(p.stdout.readline())['port']


def memory_kb(pid, what='VmHWM'):
    for line in open('/proc/%d/status' % pid):
        if line.startswith(what):
            return int(line.split()[1])


def fetch_many(port, path, headers, count, digest):
    """count clients at once, each on a connection of its own; (seconds, failures)."""
    request = ('GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n' % (path, headers)).encode()
    sel, failed, left, came = selectors.DefaultSelector(), 0, count, []
    start = time.monotonic()
    for _ in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(('127.0.0.1', port))
        sel.register(s, selectors.EVENT_WRITE, {'got': []})
    while left and time.monotonic() - start < 60:
        for key, mask in sel.select(1):
            s, state = key.fileobj, key.data
            try:
                if mask & selectors.EVENT_WRITE:
                    s.send(request)
                    sel.modify(s, selectors.EVENT_READ, state)
                    continue
                data = s.recv(262144)
            except OSError:
                data = b''
            if data:
                state['got'].append(data)
                continue
            sel.unregister(s)
            s.close()
            left -= 1
            came.append(state['got'])
    seconds = time.monotonic() - start
    for got in came:
        head, _, body = b''.join(got).partition(b'\r\n\r\n')
        failed += not head.startswith(b'HTTP/1.1 200') or hashlib.sha256(body).hexdigest() != digest
    return seconds, failed + left


def best(port, path, headers, digest):
    runs = [fetch_many(port, path, headers, CLIENTS, digest) for _ in range(ROUNDS)]
    return min(r[0] for r in runs), sum(r[1] for r in runs)


def nginx(work, app):
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    os.chmod(work, 0o755)
    conf = os.path.join(work, 'nginx.conf')
    temps = ' '.join('%s_temp_path %s/%s;' % (n, work, n) for n in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    open(conf, 'w').write('pid %s/pid; error_log %s/err; daemon off; worker_processes 2; events { worker_connections '
                          '1024; } http { access_log off; sendfile on; tcp_nopush on; %s server { listen 127.0.0.1:%d; '
                          'root %s; } }' % (work, work, temps, port, os.path.dirname(app)))
    p = subprocess.Popen(['nginx', '-c', conf])
    for _ in range(100):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            break
        except OSError:
            time.sleep(0.05)
    return p, port


def downloads(work):
    depot = os.path.join(work, 'depot.db')
    app = os.path.join(work, 'fw', 'conformance.bin')
    subprocess.run([sys.executable, os.path.join(ROOT, 'tests/e2e/build_folder.py'), 'esp32c3',
                    os.path.join(work, 'fw'), '1024'], check=True)
    run('depot', 'add', os.path.join(work, 'fw'), depot=depot)
    digest = hashlib.sha256(open(app, 'rb').read()).hexdigest()
    server, port = serve(depot, '--anonymous', 'read', '--connections-per-address', '400')
    seconds, failed = best(port, '/api/v1/builds/1/app', '', digest)
    rss = memory_kb(server.pid)
    server.terminate()
    server.wait()
    other, port = nginx(work, app)
    n_seconds, n_failed = best(port, '/conformance.bin', '', digest)
    other.terminate()
    other.wait()
    rate = CLIENTS * os.path.getsize(app) / seconds / 1e6
    figure('depot: downloads that failed, 200 at once', failed + n_failed, '', '0', failed + n_failed == 0)
    figure('depot: 200 downloads at once', rate, 'MB/s', '', True)
    figure('the same from nginx with sendfile', CLIENTS * os.path.getsize(app) / n_seconds / 1e6, 'MB/s', '', True)
    figure('ratio to nginx', n_seconds / seconds, '', '', True)
    figure('depot: resident memory meanwhile, at most', rss / 1024, 'MB', '< 64', rss < 64 * 1024)


def checkins(depot, name, bound, seconds=4.0, connections=16, devices=2000):
    token = run('depot', 'token', 'add', 'bench', '--scopes', 'device', depot=depot).split('\n')[0]
    server, port = serve(depot, '--threads', '8')
    sel, done, wrong = selectors.DefaultSelector(), 0, 0

    def ask(s):
        body = json.dumps({'mac': '24:0a:c4:00:%02x:%02x' % divmod(random.randrange(devices), 256), 'chip': 'esp32c3',
                           'project': 'conformance', 'version': '1.0', 'channel': 'stable'})
        s.sendall(('POST /api/v1/checkin HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s'
                   % (token, len(body), body)).encode())
    for _ in range(connections):
        s = socket.create_connection(('127.0.0.1', port))
        sel.register(s, selectors.EVENT_READ, [b''])
        ask(s)
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        for key, _ in sel.select(1):
            key.data[0] += key.fileobj.recv(65536)
            head, found, body = key.data[0].partition(b'\r\n\r\n')
            length = next((int(l.split(b':')[1]) for l in head.split(b'\r\n') if l.startswith(b'Content-Length')), 0)
            if found and len(body) >= length:
                done += 1
                wrong += b'"answer":"update"' not in body
                key.data[0] = b''
                ask(key.fileobj)
    rate = done / (time.monotonic() - start)
    server.terminate()
    server.wait()
    figure('depot: check-ins with %s' % name, rate, '/s', bound, wrong == 0 and rate >= float(bound.strip('>= ') or 0))


def prepare(depot, work):
    run('depot', 'migrate', depot=depot)
    subprocess.run([sys.executable, os.path.join(ROOT, 'tests/e2e/build_folder.py'), 'esp32c3',
                    os.path.join(work, 'small'), '60', '2.0'], check=True)
    run('depot', 'add', os.path.join(work, 'small'), depot=depot)
    run('depot', 'channel', 'stable', 'conformance@2.0', depot=depot)


def postgres(work):
    folder = subprocess.run([PG, 'start', str(os.getpid())], check=True, capture_output=True, text=True).stdout.strip()
    url = subprocess.run([PG, 'url', folder], check=True, capture_output=True, text=True).stdout.strip()
    for sql in ('ALTER SYSTEM SET fsync = on', 'SELECT pg_reload_conf()'):
        subprocess.run(['psql', '-q', '-h', folder, '-U', 'ferry', '-d', 'ferry', '-c', sql], check=True,
                       stdout=subprocess.DEVNULL)
    try:
        prepare(url, work)
        checkins(url, 'PostgreSQL', '>= 1000')
    finally:
        subprocess.run([PG, 'stop', folder], check=True)


def main():
    work = tempfile.mkdtemp()
    try:
        downloads(work)
        sqlite = os.path.join(work, 'fleet.db')
        prepare(sqlite, work)
        checkins(sqlite, 'SQLite', '')
        postgres(work)
    finally:
        shutil.rmtree(work)
    json.dump(results, open(sys.argv[1], 'w'), indent=1)
    return 0 if all(r['holds'] for r in results) else 1


sys.exit(main())
