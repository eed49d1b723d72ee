#!/usr/bin/env python3
"""Holds `ferry inspect --json` against esptool's image-info: inspect_vs_esptool.py FERRY ESPTOOL FOLDER.

Made-up images of every chip, good and damaged, and merged ones (made by esptool merge-bin). Each fact that both tell is
compared: entry, segments, flash settings, chip id, revisions, checksum, hash, project, version, IDF, dates.
"""
import hashlib, json, os, random, re, struct, subprocess, sys

FERRY, ESPTOOL, FOLDER = sys.argv[1:4]
CHIPS = {  # id, bootloader offset, DROM, DRAM, IRAM
    'esp32': (0, 0x1000, 0x3f400020, 0x3ffb0000, 0x40080000), 'esp32s2': (2, 0x1000, 0x3f000020, 0x3ffc0000, 0x40028000),
    'esp32c3': (5, 0, 0x3c000020, 0x3fc90000, 0x40380000), 'esp32s3': (9, 0, 0x3c000020, 0x3fc90000, 0x40378000),
    'esp32c2': (12, 0, 0x3c000020, 0x3fca8000, 0x4037c000), 'esp32c6': (13, 0, 0x42000020, 0x40810000, 0x40800000),
    'esp32h2': (16, 0, 0x42000020, 0x40810000, 0x40800000), 'esp32p4': (18, 0x2000, 0x40000020, 0x4ff50000, 0x4ff40000),
    'esp32c61': (20, 0, 0x42000020, 0x40810000, 0x40800000), 'esp32c5': (23, 0x2000, 0x42000020, 0x40810000, 0x40800000),
    'esp8266': (None, 0, 0x3ffe8000, 0x3ffe9000, 0x40100000)}
FREQS = (0, 1, 2, 15)
failed = compared = 0


def desc(rng):
    return struct.pack('<II8x32s32s16s16s32s32sHHB3x72x', 0xABCD5432, rng.randrange(4), b'v%d.%d' % (rng.randrange(9), rng.randrange(99)),
                       b'project-%d' % rng.randrange(999), b'10:00:%02d' % rng.randrange(60), b'Jan  %d 2026' % rng.randrange(1, 9),
                       b'v5.%d.1' % rng.randrange(6), rng.randbytes(32), rng.randrange(200), rng.randrange(200), 16)


def boot_desc(rng):
    return struct.pack('<B2xBI32s24s16x', 0x50, 0, rng.randrange(9), b'v5.%d' % rng.randrange(6), b'Mar  4 2026 10:00:00')


def image(chip, rng, kind='app', hashed=True):
    chip_id, _, drom, dram, iram = CHIPS[chip]
    first = (drom, desc(rng)) if kind == 'app' and chip_id is not None else (dram, boot_desc(rng) if chip_id is not None else b'')
    segments = [(first[0], first[1] + rng.randbytes(4 * rng.randrange(40, 900)))]
    segments += [(dram + 0x4000 + 0x2000 * i, rng.randbytes(4 * rng.randrange(1, 700))) for i in range(rng.randrange(3))]
    segments += [(iram, rng.randbytes(4 * rng.randrange(1, 700)))]
    size = rng.choice((0, 1, 2, 3, 4)) if chip_id is not None else rng.choice((0, 1, 2, 3, 4, 8, 9))
    out = bytes([0xE9, len(segments), rng.randrange(4), size << 4 | rng.choice(FREQS)]) + struct.pack('<I', iram + 4 * rng.randrange(99))
    if chip_id is not None:
        out += bytes([0xEE, 0, 0, 0]) + struct.pack('<HBHH', chip_id, rng.randrange(4), rng.randrange(400), rng.choice((399, 0xFFFF))) + bytes(4) + bytes([hashed])
    check = 0xEF
    for address, data in segments:
        out += struct.pack('<II', address, len(data)) + data
        for byte in data:
            check ^= byte
    out += bytes(15 - len(out) % 16) + bytes([check])
    return out + (hashlib.sha256(out).digest() if hashed and chip_id is not None else b'')


def table():
    rows = b''
    for label, kind, sub, offset, size in ((b'nvs', 1, 2, 0x9000, 0x6000), (b'factory', 0, 0, 0x10000, 0x100000)):
        rows += struct.pack('<HBBII16sI', 0x50AA, kind, sub, offset, size, label, 0)
    out = rows + b'\xeb\xeb' + b'\xff' * 14 + hashlib.md5(rows).digest()
    return out + b'\xff' * (0xC00 - len(out))


def write(name, data):
    path = os.path.join(FOLDER, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def run(*cmd):
    p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, NO_COLOR='1', COLUMNS='300'))
    return p.returncode, p.stdout.decode(errors='replace')


def inspect(path):
    p = subprocess.run([FERRY, 'inspect', '--json', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = p.stdout.decode().splitlines()
    return p.returncode, json.loads(lines[0]) if lines else None


def same(name, what, esptool, ferry):
    global failed, compared
    compared += 1
    if esptool != ferry:
        failed += 1
        print('%s: %s: esptool says %r, ferry %r' % (name, what, esptool, ferry))


def one(text, pattern):
    m = re.search(pattern, text)
    return m.group(1).strip() if m else None


def size_of(name):
    return None if name is None else int(re.match(r'\d+', name).group()) << (20 if 'MB' in name else 10)


def compare(name, chip, text, got):
    same(name, 'entry', int(one(text, r'Entry point: (\S+)'), 16), got['entry'])
    same(name, 'flash size', size_of(one(text, r'Flash size: (\S+)')), got['flash_size'])
    freq = one(text, r'Flash freq: (\d+)m')
    same(name, 'flash frequency', int(freq or 0), got['flash_freq_mhz'])
    same(name, 'flash mode', (one(text, r'Flash mode: (\w+)') or '').lower(), got['flash_mode'])
    rows = re.findall(r'^\s*(\d+)\s+(0x\w+)\s+(0x\w+)\s+(0x\w+)', text, re.M)
    same(name, 'segments', [(int(r[1], 16), int(r[2], 16), int(r[3], 16)) for r in rows],
         [(s['size'], s['load_address'], s['offset'] - 8) for s in got['segments']])  # esptool counts from the header on
    checksum = one(text, r'Checksum: \S+ \((\w+)')
    same(name, 'checksum', checksum == 'valid', got['checksum']['ok'])
    if chip == 'esp8266':
        return
    same(name, 'chip id', int(one(text, r'Chip ID: (\d+)')), got['chip_id'])
    same(name, 'WP pin', int(one(text, r'WP pin: (0x\w+)'), 16), got['wp_pin'])
    same(name, 'minimum', one(text, r'Minimal chip revision: v([\d.]+)'), '%d.%d' % divmod(got['min_revision'], 100))
    same(name, 'maximum', one(text, r'Maximal chip revision: v([\d.]+)'), '%d.%d' % divmod(got['max_revision'], 100))
    valid = one(text, r'Validation hash: \w+ \((\w+)\)')
    if got['sha256']['appended'] and checksum == 'valid':
        same(name, 'hash', valid == 'valid', got['sha256']['ok'])
    app = got.get('app')
    same(name, 'project', one(text, r'Project name: (.*)'), app and app['project'])
    if app:
        same(name, 'version', one(text, r'App version: (.*)'), app['version'])
        same(name, 'compiled', one(text, r'Compile time: (.*)'), app['date'] + ' ' + app['time'])
        same(name, 'ELF', one(text, r'ELF file SHA256: (\w+)'), app['elf_sha256'])
        same(name, 'IDF', one(text, r'ESP-IDF: (.*)'), app['idf'])
        same(name, 'secure version', int(one(text, r'Secure version: (\d+)')), app['secure_version'])
    elif 'Bootloader version' in text:
        same(name, 'bootloader', (one(text, r'Bootloader version: (\d+)'), one(text, r'ESP-IDF: (.*)'), one(text, r'Compile time: (.*)')),
             (str(got['bootloader']['version']), got['bootloader']['idf'], got['bootloader']['built']))


def hold(name, chip, data):
    path = write(name, data)
    code, text = run(ESPTOOL, '--chip', chip, 'image-info', path)
    mine, got = inspect(path)
    image = (got or {}).get('image')
    if code or not image or 'checksum' not in image:
        same(name, 'readable', code == 0, bool(image) and 'checksum' in image)
        return
    compare(name, chip, text, image)
    fine = 'invalid' not in text
    if image['sha256']['appended'] or chip == 'esp8266':
        same(name, 'verdict', fine, mine == 0)


def merged(chip, rng):
    boot, app = write('boot.bin', image(chip, rng, 'boot')), write('app.bin', image(chip, rng))
    part, out = write('part.bin', table()), os.path.join(FOLDER, 'merged-%s.bin' % chip)
    code, text = run(ESPTOOL, '--chip', chip, 'merge-bin', '-o', out, hex(CHIPS[chip][1]), boot, '0x8000', part, '0x10000', app)
    assert code == 0, text
    mine, got = inspect(out)
    same(out, 'merged', ('merged image', True, 0, ['nvs', 'factory'], 1),
         (got['kind'], got['ok'], got['address'], [p['label'] for p in got['partition_table']['partitions']], len(got['apps'])))
    for path, facts in ((boot, got['image']), (app, got['apps'][0])):
        single = inspect(path)[1]['image']
        for key in ('entry', 'size', 'sha256', 'segments'):
            if key == 'sha256':
                same(out, path, single[key]['stored'], facts[key]['stored'])
            else:
                same(out, path + ' ' + key, single[key], facts[key])


seed = 20260304
for index, chip in enumerate(CHIPS):
    rng = random.Random(seed + index)
    data = image(chip, rng)
    hold('%s-app.bin' % chip, chip, data)
    hold('%s-cut.bin' % chip, chip, data[:len(data) // 2])
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0x40
    hold('%s-flipped.bin' % chip, chip, bytes(flipped))
    if chip != 'esp8266':
        hold('%s-boot.bin' % chip, chip, image(chip, rng, 'boot'))
        flipped = bytearray(data)
        flipped[9] ^= 1
        hold('%s-header.bin' % chip, chip, bytes(flipped))
        merged(chip, rng)
print('inspect: %d facts compared with esptool image-info, %d differ (seed %d)' % (compared, failed, seed))
sys.exit(1 if failed or compared < 500 else 0)
