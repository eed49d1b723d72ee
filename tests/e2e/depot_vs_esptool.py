#!/usr/bin/env python3
"""Holds `ferry depot add, list, show, get` against esptool's image-info: depot_vs_esptool.py FERRY ESPTOOL FOLDER [FILE ...].

The images of inspect_vs_esptool.py: apps of every chip, good and damaged, merged ones with bootloaders. FILEs: real app
images, compared likewise."""
import hashlib, os, sys

source = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'inspect_vs_esptool.py')).read()
exec(source.split('\nfailed = ')[0] + '\nfailed = ' + source.split('\nfailed = ')[1].split('\nseed = ')[0])
os.environ['FERRY_DEPOT'] = os.path.join(FOLDER, 'depot.db')


def depot(*args):
    p = subprocess.run([FERRY, 'depot', *args, '--json'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return p.returncode, [json.loads(line) for line in p.stdout.decode().splitlines()]


def facts(name, text, got):
    same(name, 'project', one(text, r'Project name: (.*)'), got['project'])
    same(name, 'version', one(text, r'App version: (.*)'), got['version'])
    same(name, 'compiled', one(text, r'Compile time: (.*)'), got['built'])
    same(name, 'IDF', one(text, r'ESP-IDF: (.*)'), got['idf'])
    same(name, 'ELF', one(text, r'ELF file SHA256: (\w+)'), got['app_elf_sha256'])
    same(name, 'hash', one(text, r'Validation hash: (\w+)'), got['app_image_sha256'])


def come_back(name, build, path):
    out = os.path.join(FOLDER, 'got-%d' % build['id'])
    code, _ = depot('get', '#%d' % build['id'], '--out', out)
    files = [f for f in os.listdir(out) if f != 'ferry.json'] if code == 0 else []
    want = open(path, 'rb').read()
    same(name, 'get', [want], [open(os.path.join(out, f), 'rb').read() for f in files])
    code, shown = depot('show', hashlib.sha256(want).hexdigest())
    same(name, 'found by sha256sum', (0, [build['id']]), (code, [s['id'] for s in shown]))
    if code == 0:
        same(name, 'SHA-256 of the file', hashlib.sha256(want).hexdigest(), shown[0]['files'][0]['sha256'])
    return shown[0] if shown else {}


def app(name, chip, path):
    code, text = run(ESPTOOL, '--chip', chip, 'image-info', path)
    mine, added = depot('add', path)
    fine = code == 0 and 'invalid' not in text
    same(name, 'taken', fine, mine == 0)
    if not fine or mine:
        return
    got = added[0]
    same(name, 'chip', chip, got['chip'])
    listed = depot('list', '--limit', '1')[1][0] if not got['existed'] else got
    same(name, 'list', {k: v for k, v in got.items() if k not in ('event', 'existed')},
         {k: v for k, v in listed.items() if k not in ('event', 'existed')})
    if chip != 'esp8266':
        facts(name, text, got)
    same(name, 'app SHA-256', hashlib.sha256(open(path, 'rb').read()).hexdigest(), got['app_sha256'])
    come_back(name, got, path)


def whole(chip, rng):
    boot, one_app = write('boot.bin', image(chip, rng, 'boot')), write('app.bin', image(chip, rng))
    part, out = write('part.bin', table()), os.path.join(FOLDER, 'whole-%s.bin' % chip)
    code, text = run(ESPTOOL, '--chip', chip, 'merge-bin', '-o', out, hex(CHIPS[chip][1]), boot, '0x8000', part, '0x10000', one_app)
    assert code == 0, text
    mine, added = depot('add', out)
    same(out, 'taken', 0, mine)
    if mine:
        return
    facts(out, run(ESPTOOL, '--chip', chip, 'image-info', one_app)[1], added[0])
    same(out, 'kind', ('merged', chip), (added[0]['kind'], added[0]['chip']))
    same(out, 'flash', size_of(one(run(ESPTOOL, '--chip', chip, 'image-info', boot)[1], r'Flash size: (\S+)')), added[0]['flash_size'])
    shown = come_back(out, added[0], out)
    same(out, 'layout', [('nvs', 'data', 'nvs', 0x9000, 0x6000), ('factory', 'app', 'factory', 0x10000, 0x100000)],
         [(r['label'], r['type'], r['subtype'], r['address'], r['size']) for r in shown.get('layout', [])])


seed = 20261123
for index, chip in enumerate(CHIPS):
    rng = random.Random(seed + index)
    data = image(chip, rng)
    app('%s-app' % chip, chip, write('%s-app.bin' % chip, data))
    if index % 3 == 0:  # the checks are the same for all
        app('%s-cut' % chip, chip, write('%s-cut.bin' % chip, data[:len(data) // 2]))
    flipped = bytearray(data)
    flipped[(len(data) // 2, len(data) - 40)[index % 2]] ^= 0x40
    app('%s-flipped' % chip, chip, write('%s-flipped.bin' % chip, bytes(flipped)))
    if chip != 'esp8266':
        whole(chip, rng)
for path in sys.argv[4:]:
    chip = re.search(r'ESP32[-\w]*|ESP8266', run(ESPTOOL, 'image-info', path)[1])
    app(path, chip.group().lower().replace('-', '') if chip else 'esp32', path)
code, _ = depot('check')
same('depot', 'check', 0, code)
print('depot: %d facts compared with esptool image-info, %d differ (seed %d)' % (compared, failed, seed))
sys.exit(1 if failed or compared < 200 else 0)
