#!/usr/bin/env python3
"""Packs the page's files into a C table (web/assets.h): embed_assets.py FOLDER OUT.c

The same files give the same table: gzip without name and time, files in order of their names, ETags from the content.
Fails when a file is of a kind that is not listed here, or when all together are more than 60 KB packed."""
import gzip, hashlib, os, sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
    '.webmanifest': 'application/manifest+json',
}
LIMIT = 60 * 1024


def c_bytes(data):
    for start in range(0, len(data), 20):
        yield '    ' + ''.join('%d,' % b for b in data[start:start + 20])


def main():
    folder, out = sys.argv[1:3]
    lines = ['// Made by tools/embed_assets.py.', '#include "web/assets.h"', '']
    table, total = [], 0
    for number, name in enumerate(sorted(os.listdir(folder))):
        kind = TYPES.get(os.path.splitext(name)[1])
        if kind is None:
            sys.exit('embed_assets: %s: a kind of file the page does not have' % os.path.join(folder, name))
        with open(os.path.join(folder, name), 'rb') as f:
            plain = f.read()
        packed = gzip.compress(plain, 9, mtime=0)
        total += len(packed)
        lines += ['static const uint8_t asset_%d[] = {' % number, *c_bytes(packed), '};', '']
        etag = hashlib.sha256(plain).hexdigest()[:16]
        table.append('    {"/%s", "%s", "\\"%s\\"", asset_%d, sizeof asset_%d},' % (name, kind, etag, number, number))
    if total > LIMIT:
        sys.exit('embed_assets: the page has %d bytes packed, the limit is %d' % (total, LIMIT))
    lines += ['const struct ferry_web_asset ferry_web_assets[] = {', *table, '};']
    lines += ['const size_t ferry_web_assets_count = %d;' % len(table), '']
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines))
    print('page: %d files, %d bytes packed' % (len(table), total))


if __name__ == '__main__':
    main()
