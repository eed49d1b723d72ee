#!/usr/bin/env python3
"""The dependency check: which folder may #include what. Prints each line that breaks the rule; exit 1 if any."""
import os, re, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
C_HEADERS = {'stdint.h', 'stddef.h', 'stdbool.h', 'string.h', 'limits.h', 'stdalign.h', 'assert.h'}
S = 'src/ferry/'
# folder -> folders whose headers it may include (itself always). A file belongs to the longest prefix that fits.
ALLOW = {
    S + 'base': [],
    S + 'codec': [S + 'base'],
    S + 'chip': [S + 'base'],
    S + 'engine': [S + 'base', S + 'codec', S + 'chip'],
    S + 'io': [S + 'base'],
    S + 'wire': [S + 'io', S + 'codec', S + 'base'],
    S + 'source': [S + 'io', S + 'codec', S + 'base'],
    S + 'sink': [S + 'io', S + 'codec', S + 'base'],
    S + 'pump': [S],
    S + 'ferry.h': [S],
    'src/ferry.h': [S, 'ports/arduino'],  # these three: for Arduino, which sees nothing but src/
    'src/Ferry.h': [S, 'ports/arduino'],
    'src/ferry_arduino.cpp': ['ports/arduino'],
    'ports': [S + 'io', S + 'base'],
    # One-call wiring for other people's programs: it chooses parts as apps/ does, but is a library to them.
    'ports/esp-idf/receiver': ['src', 'ports/esp-idf'],
    'ports/arduino': ['src'],
    'web': [S + 'io', S + 'base'],
    'updater': ['src', 'web'],
    'depot': [S + 'io', S + 'base', S + 'codec', S + 'chip', 'web'],
    'sim': [S + 'base', S + 'chip', S + 'io'],
    'apps': [''],
    'tests': [''],
    'examples': [''],
}
NOBODY = ['apps', 'tests']  # nothing includes these but themselves


def room(path):
    best = [p for p in ALLOW if path == p or path.startswith(p.rstrip('/') + '/')]
    return max(best, key=len) if best else None


def resolve(name, path):
    for base in ('src', '', os.path.dirname(path)):
        full = os.path.normpath(os.path.join(base, name))
        if os.path.exists(os.path.join(ROOT, full)):
            return full
    return None


def bad_includes(path):
    home = room(path)
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not m:
                continue
            target = resolve(m.group(2), path) if m.group(1) == '"' else None
            if target is None:
                if m.group(1) == '"' and path.startswith('src/'):
                    yield number, m.group(2), 'no such header'
                elif path.startswith('src/') and m.group(2) not in C_HEADERS:
                    yield number, m.group(2), 'the library includes freestanding headers and string.h only'
                continue
            inside = home is not None and (target == home or target.startswith(home.rstrip('/') + '/'))
            allowed = any(target.startswith(a) for a in ALLOW.get(home, []))
            private = any(target.startswith(n + '/') and not path.startswith(n + '/') for n in NOBODY)
            if not inside and (not allowed or private):
                yield number, target, '%s may not include it' % (home or path)


def main():
    count = bad = 0
    for top in ('src', 'ports', 'web', 'updater', 'depot', 'sim', 'apps', 'tests', 'examples'):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in sorted(files):
                if name.endswith(('.c', '.h', '.cpp')):
                    path = os.path.relpath(os.path.join(folder, name), ROOT)
                    count += 1
                    for number, target, why in bad_includes(path):
                        bad += 1
                        print('%s:%d: includes %s: %s' % (path, number, target, why))
    print('layers: %d files, %d broken rules' % (count, bad))
    return 1 if bad or not count else 0


if __name__ == '__main__':
    sys.exit(main())
