#!/usr/bin/env python3
"""Function and file lengths. Fails on a function over 100 lines or a file of 600 and more; prints median and 90 %."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_FUNCTION, MAX_FILE = 100, 600


def functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip('\n') == '{':
            start = number
        elif start and line.startswith('}'):
            yield start, number - start - 1
            start = None


def main():
    names = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.c', '*.h'], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split()
    bad, table = 0, {}
    for name in sorted(set(names)):
        path = os.path.join(ROOT, name)
        if not os.path.exists(path):
            continue
        lines = open(path, encoding='utf-8').readlines()
        if len(lines) >= MAX_FILE:
            bad += 1
            print('%s: %d lines, a file has fewer than %d' % (name, len(lines), MAX_FILE))
        for start, length in functions(lines):
            table.setdefault(name.split('/')[0], []).append(length)
            if length > MAX_FUNCTION:
                bad += 1
                print('%s:%d: function of %d lines, none has more than %d' % (name, start, length, MAX_FUNCTION))
    for top, found in sorted(table.items()):
        found.sort()
        print('lengths: %-8s %5d functions, median %d lines, 90 %% at most %d, longest %d' % (
            top, len(found), found[len(found) // 2], found[len(found) * 9 // 10], found[-1]))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
