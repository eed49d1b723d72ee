#!/usr/bin/env python3
"""Makes an ESP-IDF build folder with made-up, well-formed firmware: build_folder.py CHIP FOLDER [APP_KB [VERSION [CHANGE]]]

CHANGE: percent of the app that is different from what the same arguments without it give (in one place, in the middle).
The program does not run on a chip; bootloader, partition table (nvs, phy_init, factory at 0x10000) and app are whole:
headers, segments, checksum, appended SHA-256, app description, table MD5.
"""
import hashlib, json, os, random, struct, sys

CHIPS = {  # chip id, bootloader offset, DROM, DRAM, IRAM
    'esp32': (0, 0x1000, 0x3f400020, 0x3ffb0000, 0x40080000),
    'esp32s2': (2, 0x1000, 0x3f000020, 0x3ffc0000, 0x40022000),
    'esp32c3': (5, 0x0, 0x3c000020, 0x3fc90000, 0x40380000),
    'esp32s3': (9, 0x0, 0x3c000020, 0x3fc90000, 0x40374000),
    'esp32c2': (12, 0x0, 0x3c000020, 0x3fca0000, 0x4037c000),
    'esp32c6': (13, 0x0, 0x42000020, 0x40810000, 0x40800000),
    'esp32h2': (16, 0x0, 0x42000020, 0x40810000, 0x40800000),
}
chip, folder = sys.argv[1:3]
app_kb = int(sys.argv[3]) if len(sys.argv) > 3 else 200
version = sys.argv[4] if len(sys.argv) > 4 else '1.0'
change = float(sys.argv[5]) if len(sys.argv) > 5 else 0
chip_id, boot_at, drom, dram, iram = CHIPS[chip]


def image(segments):
    out = bytes([0xE9, len(segments), 2, 0x20]) + struct.pack('<I', segments[-1][0]) + bytes([0xEE, 0, 0, 0])
    out += struct.pack('<HBHH', chip_id, 0, 0, 0xFFFF) + bytes(4) + b'\1'
    check = 0xEF
    for address, data in segments:
        out += struct.pack('<II', address, len(data)) + data
        for byte in data:
            check ^= byte
    out += bytes(15 - len(out) % 16) + bytes([check])
    return out + hashlib.sha256(out).digest()


def code(size, seed):
    """Deflates to about 60 %, as firmware does."""
    rng = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        out += rng.randbytes(18) + bytes(out[-6000:-5986] if len(out) > 6000 else 14)
    return out[:size // 4 * 4]


def row(label, kind, sub, offset, size):
    return struct.pack('<HBBII16sI', 0x50AA, kind, sub, offset, size, label, 0)


desc = struct.pack('<II8x32s32s16s16s32s32s80x', 0xABCD5432, 0, version.encode(), b'conformance', b'10:00:00',
                   b'Jan  1 2025', b'v5.1.4', bytes(32))
body = code(app_kb * 1024 - 4096, 7)
middle, length = len(body) // 2, int(app_kb * 1024 * change / 100)
body[middle:middle + length] = random.Random(8).randbytes(length)
rows = row(b'nvs', 1, 2, 0x9000, 0x6000) + row(b'phy_init', 1, 1, 0xf000, 0x1000) + row(b'factory', 0, 0, 0x10000, 0x200000)
files = {
    'bootloader/bootloader.bin': image([(dram, bytes(code(0x400, 1))), (iram, bytes(code(0x4000, 2)))]),
    'partition_table/partition-table.bin':
        rows + b'\xeb\xeb' + b'\xff' * 14 + hashlib.md5(rows).digest() + b'\xff' * (0xC00 - len(rows) - 32),
    'conformance.bin': image([(drom, desc + bytes(body)), (dram, bytes(code(0x400, 3))), (iram, bytes(code(0x800, 4)))]),
}
for name, data in files.items():
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
names = list(files)
with open(os.path.join(folder, 'flasher_args.json'), 'w') as f:
    json.dump({
        'write_flash_args': ['--flash_mode', 'dio', '--flash_size', '4MB', '--flash_freq', '40m'],
        'flash_settings': {'flash_mode': 'dio', 'flash_size': '4MB', 'flash_freq': '40m'},
        'flash_files': {hex(boot_at): names[0], '0x8000': names[1], '0x10000': names[2]},
        'bootloader': {'offset': hex(boot_at), 'file': names[0], 'encrypted': 'false'},
        'partition-table': {'offset': '0x8000', 'file': names[1], 'encrypted': 'false'},
        'app': {'offset': '0x10000', 'file': names[2], 'encrypted': 'false'},
        'extra_esptool_args': {'after': 'hard_reset', 'before': 'default_reset', 'stub': True, 'chip': chip},
    }, f, indent=4)
