#!/usr/bin/env python3
"""Makes a flash image with two OTA slots: link_flash.py CHIP BUILD_FOLDER FLASH_FILE [factory]

Takes bootloader and app from a folder that build_folder.py made. The app goes to ota_0 (or, with `factory`, to a
factory partition, and both slots are empty); otadata is blank, as after the first flashing. storage is a data
partition."""
import hashlib, os, struct, sys

BOOT_AT = {'esp32': 0x1000, 'esp32s2': 0x1000}
chip, folder, path = sys.argv[1:4]
factory = len(sys.argv) > 4


def read(name):
    with open(os.path.join(folder, name), 'rb') as f:
        return f.read()


def row(label, kind, sub, offset, size):
    return struct.pack('<HBBII16sI', 0x50AA, kind, sub, offset, size, label, 0)


rows = row(b'nvs', 1, 2, 0x9000, 0x4000) + row(b'otadata', 1, 0, 0xd000, 0x2000) + row(b'phy_init', 1, 1, 0xf000, 0x1000)
at = 0x10000
if factory:
    rows += row(b'factory', 0, 0, at, 0x100000)
    at += 0x100000
rows += row(b'ota_0', 0, 0x10, at, 0x100000) + row(b'ota_1', 0, 0x11, at + 0x100000, 0x100000)
rows += row(b'storage', 1, 0x82, at + 0x200000, 0x40000)
flash = bytearray(b'\xff' * 0x400000)
parts = {
    BOOT_AT.get(chip, 0): read('bootloader/bootloader.bin'),
    0x8000: rows + b'\xeb\xeb' + b'\xff' * 14 + hashlib.md5(rows).digest(),
    0x10000: read('conformance.bin'),
}
for offset, data in parts.items():
    flash[offset:offset + len(data)] = data
with open(path, 'wb') as f:
    f.write(flash)
