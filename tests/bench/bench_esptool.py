#!/usr/bin/env python3
"""Real time: esptool --no-stub and ferry write the same 1 MiB app to the same virtual chip, one after the other.

Both get a flash that is full of other data and the same line: a pseudo-terminal at 921600 baud, with real rate and real
flash times; the chip waits in its loader. (Not RFC 2217: there pyserial spends 0.2 s on each command by itself.) Measured
is the whole process, from its start to the end of its own verification.
usage: bench_esptool.py RESULTS.json
"""
import hashlib, json, os, random, struct, subprocess, sys, tempfile, time, zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FERRY = os.path.join(ROOT, 'build', 'ferry')
ESPTOOL = os.path.join(ROOT, '.venv', 'bin', 'esptool')
BOUND = 0.75
CHIPS = {'esp32c3': (5, 0x42000020, 0x3c000020), 'esp32': (0, 0x400d0020, 0x3f400020)}


def body(size, seed):
    """Bytes that deflate to about 60 %, and to about 66 % in pieces of 4 KB, as firmware does: instructions whose bytes
    are unevenly spread, and short runs that stood a little earlier."""
    rng = random.Random(seed)
    out = bytearray(rng.randbytes(64))
    common = [rng.randrange(256) for _ in range(12)]
    while len(out) < size:
        if rng.random() < 0.2:
            back = rng.randrange(16, min(len(out), 600 if rng.random() < 0.7 else 24000))
            out += out[len(out) - back:len(out) - back + rng.randrange(6, 16)]
        else:
            out += bytes(rng.choice(common) if rng.random() < 0.62 else rng.randrange(256) for _ in range(4))
    return bytes(out[:size])


def app(chip, size, seed):
    chip_id, code, rodata = CHIPS[chip]
    head = bytes([0xE9, 1, 2, 0x20]) + struct.pack('<I', code) + bytes([0xEE, 0, 0, 0])
    head += struct.pack('<HBHH', chip_id, 0, 0, 0xFFFF) + bytes(4) + b'\1'
    desc = struct.pack('<II8x32s32s16s16s32s32s80x', 0xABCD5432, 0, b'1.0', b'bench', b'10:00:00', b'Jan  1 2026', b'v5.1.4', bytes(32))
    data = desc + body(size - len(head) - 8 - len(desc) - 16 - 32, seed)
    data = data[:len(data) // 4 * 4]
    check = 0xEF
    for byte in data:
        check ^= byte
    image = head + struct.pack('<II', rodata, len(data)) + data
    image += bytes((len(image) + 16) // 16 * 16 - 1 - len(image)) + bytes([check])
    return image + hashlib.sha256(image).digest()


class Chip:
    def __init__(self, chip, folder):
        self.flash, self.port = os.path.join(folder, 'flash.bin'), os.path.join(folder, 'tty')
        open(self.flash, 'wb').write(random.Random(7).randbytes(4 << 20))
        self.process = subprocess.Popen(
            [FERRY, 'vchip', '--chip', chip, '--flash', self.flash, '--pty', self.port, '--boot', 'download', '--line',
             'real', '--time', 'real'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 10
        while not os.path.exists(self.port):
            if time.time() > end:
                raise SystemExit('the virtual chip does not come up')
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def timed(chip, image, command):
    with tempfile.TemporaryDirectory() as folder:
        file, target = os.path.join(folder, 'app.bin'), Chip(chip, folder)
        open(file, 'wb').write(image)
        try:
            begin = time.time()
            p = subprocess.run([c.format(port=target.port, file=file) for c in command], stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=300)
            took = time.time() - begin
        finally:
            target.stop()
        held = open(target.flash, 'rb').read()[0x10000:0x10000 + len(image)] == image
    if p.returncode or not held:
        raise SystemExit('%s\nfailed (exit %d, flash %s):\n%s' % (' '.join(command), p.returncode,
                         'right' if held else 'wrong', (p.stdout + p.stderr)[-3000:]))
    return took


def main():
    rows = []
    for chip, window in (('esp32c3', '1'), ('esp32c3', '2'), ('esp32', '1')):
        image = app(chip, 1 << 20, 1)
        share = len(zlib.compress(image, 9)) / len(image)
        peer = timed(chip, image, [ESPTOOL, '--chip', chip, '--port', '{port}', '--baud', '921600', '--no-stub',
                                   '--before', 'no-reset', '--after', 'no-reset', 'write-flash', '0x10000', '{file}'])
        ours = timed(chip, image, [FERRY, 'flash', '--chip', chip, '--port', '{port}', '--baud', '921600', '--before',
                                   'no-reset', '--after', 'no-reset', '--window', window, '0x10000', '{file}'])
        print('%s: esptool --no-stub %.1f s, ferry --window %s %.1f s (image deflates to %.0f %%)' %
              (chip, peer, window, ours, 100 * share))
        name = 'rom %s in real time, window %s' % (chip, window)
        rows.append({'name': name, 'value': round(ours / peer, 3), 'unit': 'x esptool', 'bound': BOUND, 'holds': ours / peer <= BOUND})
    json.dump(rows, open(sys.argv[1], 'w'), indent=1)


if __name__ == '__main__':
    main()
