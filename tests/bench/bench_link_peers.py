#!/usr/bin/env python3
"""Side by side on one line: sb/rb, sz/rz, C-Kermit and Ferry carry the same file over a pair of pseudo-terminals.

Between the two terminals this program is the wire: 46,080 bytes a second each way (460800 baud), bits flipped in both
directions from a seed that is the same for all. The time runs from the start of the processes until the file lies whole
in the receiver's folder (not until they end: lrzsz may hang for 30 s while it closes a pseudo-terminal). A program whose
file is not whole at the limit counts with the limit.
usage: bench_link_peers.py RESULTS.json [BYTES]
"""
import json, os, pty, random, select, shutil, signal, subprocess, sys, tempfile, threading, time, tty

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FERRY = os.path.join(ROOT, 'build', 'ferry')
RATE, LIMIT = 46080, 45.0
ERRORS = (0.0, 1e-6, 1e-5, 3e-5, 1e-4)
KERMIT = ('set carrier-watch off, set flow-control none, set parity none, set file type binary, set streaming off, '
          'set window 16, set send packet-length 1000, set receive packet-length 1000, set block-check 3, '
          'set prefixing cautious, set transfer display none')


class Direction(threading.Thread):
    """One way of the wire: takes bytes at the line's rate, flips bits, gives them on."""

    def __init__(self, source, sink, errors, seed):
        super().__init__(daemon=True)
        self.source, self.sink, self.errors, self.stop = source, sink, errors, False
        self.rng = random.Random(seed)
        self.next_flip = self.gap()

    def gap(self):
        return int(self.rng.expovariate(self.errors)) if self.errors else 1 << 60

    def spoil(self, data):
        data = bytearray(data)
        while self.next_flip < len(data) * 8:
            data[self.next_flip // 8] ^= 1 << self.next_flip % 8
            self.next_flip += 1 + self.gap()
        self.next_flip -= len(data) * 8
        return bytes(data)

    def run(self):
        free_at = time.monotonic()
        try:
            while not self.stop:
                idle = not select.select([self.source], [], [], 0)[0]
                if idle and not select.select([self.source], [], [], 0.05)[0]:
                    continue
                data = os.read(self.source, 128)
                # A late wake-up of this program does not slow the line down: while bytes wait, it catches up.
                free_at = (max(free_at, time.monotonic()) if idle else free_at) + len(data) / RATE
                delay = free_at - time.monotonic()
                if delay > 0:
                    time.sleep(delay)
                data = self.spoil(data)
                while data and not self.stop:
                    data = data[os.write(self.sink, data):]
        except OSError:
            pass


class Wire:
    def __init__(self, errors, seed):
        self.ends = [pty.openpty() for _ in range(2)]
        for _, slave in self.ends:
            tty.setraw(slave)
        self.names = [os.ttyname(slave) for _, slave in self.ends]
        masters = [master for master, _ in self.ends]
        self.ways = [Direction(masters[0], masters[1], errors, seed), Direction(masters[1], masters[0], errors, seed + 1)]
        for way in self.ways:
            way.start()

    def close(self):
        for way in self.ways:
            way.stop = True
        for way in self.ways:
            way.join(2)
        for master, slave in self.ends:
            os.close(slave)
            os.close(master)


def modem(name):
    def commands(wire, file, inbox):
        return ([name[0], '-q', file] if name[0] == 'sz' else [name[0], '-k', '-q', file]), [name[1], '-q'], True
    return commands


def kermit(wire, file, inbox):
    start = ['kermit', '-Y', '-C']
    return (start + ['set line %s, %s, send %s, quit' % (wire.names[0], KERMIT, file)],
            start + ['cd %s, set line %s, %s, receive, quit' % (inbox, wire.names[1], KERMIT)], False)


def ferry(wire, file, inbox):
    return ([FERRY, 'send', '--port', wire.names[0], '--baud', '460800', '--quiet', '--file', 'data.bin', file],
            [FERRY, 'receive', '--port', wire.names[1], '--baud', '460800', '--quiet', '--once', '--file', inbox], False)


PROGRAMS = (('sb', modem(('sb', 'rb'))), ('sz', modem(('sz', 'rz'))), ('kermit', kermit), ('ferry', ferry))


def start(command, wire, end, on_terminal, inbox):
    terminal = open(wire.names[end], 'r+b', buffering=0) if on_terminal else subprocess.DEVNULL
    return subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=subprocess.DEVNULL, cwd=inbox,
                            start_new_session=True)


def whole(inbox, file):
    """True when the file has arrived: all bytes right (XMODEM's kin may pad the end)."""
    arrived = os.path.join(inbox, 'data.bin')
    if not os.path.exists(arrived) or os.path.getsize(arrived) < os.path.getsize(file):
        return False
    return open(arrived, 'rb').read()[:os.path.getsize(file)] == open(file, 'rb').read()


def transfer(make, errors, file, seed):
    """Seconds that the transfer took, None when it was not whole at the limit."""
    wire, inbox = Wire(errors, seed), tempfile.mkdtemp()
    send, receive, on_terminal = make(wire, file, inbox)
    try:
        begin = time.monotonic()
        running = [start(receive, wire, 1, on_terminal, inbox), start(send, wire, 0, on_terminal, inbox)]
        while time.monotonic() - begin < LIMIT and not whole(inbox, file):
            time.sleep(0.02)
        took = time.monotonic() - begin
        for p in running:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        return took if took < LIMIT else None
    finally:
        wire.close()
        shutil.rmtree(inbox, ignore_errors=True)


def main():
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 256 * 1024
    folder, rows, seed = tempfile.mkdtemp(), [], 20261122
    file = os.path.join(folder, 'data.bin')
    open(file, 'wb').write(random.Random(1).randbytes(size))
    print('%d bytes over %d bytes/s, seed %d; share of the line used (- = not whole after %.0f s)' % (size, RATE, seed, LIMIT))
    for errors in ERRORS:
        took = {name: transfer(make, errors, file, seed) for name, make in PROGRAMS}
        shown = '  '.join('%s %s' % (n, '%5.1f %%' % (100 * size / RATE / t) if t else '    -  ') for n, t in took.items())
        print('bit errors %-6g %s' % (errors, shown), flush=True)
        best = min((t or LIMIT) for n, t in took.items() if n != 'ferry')
        ratio = (took['ferry'] or 10 * LIMIT) / best
        rows.append({'name': 'link time against the best of sb, sz, kermit at BER %g' % errors, 'value': round(ratio, 3),
                     'unit': 'x best', 'bound': 1.0, 'holds': ratio < 1.0})
    json.dump(rows, open(sys.argv[1], 'w'), indent=1)
    shutil.rmtree(folder)


if __name__ == '__main__':
    main()
