#!/usr/bin/env python3
"""Makes what the end-to-end tests write: usage: esptool_images.py CHIP FOLDER
bootloader.bin, table.bin, app.bin (well-formed, made-up contents), data.bin (random), text.bin (compressible)."""
import hashlib, os, random, struct, sys

CHIPS = {'esp32': (0, 0x3f400020, 0x3ffb0000, 0x40080000), 'esp32c3': (5, 0x3c000020, 0x3fc90000, 0x40380000)}
chip, folder = sys.argv[1:]
chip_id, drom, dram, iram = CHIPS[chip]
rng = random.Random(1)


def fill(size):
    """Contents that deflate well: over RFC 2217 each command costs esptool's client library a fifth of a second."""
    return (rng.randbytes(64) * (size // 64 + 1))[:size]



def image(segments):
    out = bytes([0xE9, len(segments), 2, 0x20]) + struct.pack('<I', iram) + bytes([0xEE, 0, 0, 0])
    out += struct.pack('<HBHH', chip_id, 0, 0, 0xFFFF) + bytes(4) + b'\1'
    check = 0xEF
    for address, data in segments:
        out += struct.pack('<II', address, len(data)) + data
        for byte in data:
            check ^= byte
    out += bytes(15 - len(out) % 16) + bytes([check])
    return out + hashlib.sha256(out).digest()


def row(label, kind, sub, offset, size):
    return struct.pack('<HBBII16sI', 0x50AA, kind, sub, offset, size, label, 0)


desc = struct.pack('<II8x32s32s16s16s32s32s80x', 0xABCD5432, 0, b'1.0', b'e2e', b'10:00:00', b'Jan  1 2026', b'v5.1.4', bytes(32))
rows = row(b'nvs', 1, 2, 0x9000, 0x6000) + row(b'phy_init', 1, 1, 0xf000, 0x1000) + row(b'factory', 0, 0, 0x10000, 0x100000)
files = {
    'bootloader.bin': image([(dram, fill(0x400)), (iram, fill(0x1000))]),
    'table.bin': rows + b'\xeb\xeb' + b'\xff' * 14 + hashlib.md5(rows).digest() + b'\xff' * (0xC00 - len(rows) - 32),
    'app.bin': image([(drom, desc + fill(0x3000)), (dram, fill(0x800)), (iram, fill(0x4000))]),
    'data.bin': rng.randbytes(20000),
    'text.bin': b''.join(b'line %d: the quick brown fox\n' % i for i in range(2000)),
}
for name, data in files.items():
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(data)
