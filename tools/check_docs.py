#!/usr/bin/env python3
"""The docs hold: relative links lead somewhere; with --run, commands in them work.

A block of shell commands that follows a line `<!-- run -->` is run by bash in an empty folder, with build/ in PATH and
ROOT naming the checkout; `<!-- run: expect TEXT -->` also wants TEXT in what it prints. A block of code that follows
`<!-- same as FILE -->` is that file, to the letter.
"""
import os, re, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def pages():
    names = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.md'], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split('\n')
    return [n for n in sorted(set(names)) if n and os.path.exists(os.path.join(ROOT, n))]


def slug(heading):
    text = re.sub(r'[`*_]', '', heading.strip().lower())
    return re.sub(r'[^\w\- ]', '', text).replace(' ', '-')


def anchors(path):
    return {slug(m.group(1)) for m in re.finditer(r'^#+\s+(.*)$', open(path, encoding='utf-8').read(), re.M)}


def broken_links(name):
    text = open(os.path.join(ROOT, name), encoding='utf-8').read()
    text = re.sub(r'```.*?```', '', text, flags=re.S)
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'[a-z]+:', target):
            continue
        file, _, anchor = target.partition('#')
        path = os.path.normpath(os.path.join(ROOT, os.path.dirname(name), file)) if file else os.path.join(ROOT, name)
        if not os.path.exists(path):
            yield target
        elif anchor and path.endswith('.md') and anchor not in anchors(path):
            yield target


def stale_copies(name):
    """`<!-- same as FILE -->` before a block of code: the block is that file."""
    text = open(os.path.join(ROOT, name), encoding='utf-8').read()
    for m in re.finditer(r'<!-- same as (\S+) -->\s*```[a-z]*\n(.*?)```', text, re.S):
        if open(os.path.join(ROOT, m.group(1)), encoding='utf-8').read() != m.group(2):
            yield m.group(1)


def run_blocks(name):
    text = open(os.path.join(ROOT, name), encoding='utf-8').read()
    for m in re.finditer(r'<!-- run(?:: expect (.*?))? -->\s*```[a-z]*\n(.*?)```', text, re.S):
        script = re.sub(r'^\$ ', '', m.group(2), flags=re.M)
        env = dict(os.environ, ROOT=ROOT, PATH=os.path.join(ROOT, 'build') + ':' + os.environ['PATH'])
        with tempfile.TemporaryDirectory() as folder:
            p = subprocess.run(['bash', '-euo', 'pipefail', '-c', script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=600)
        out = p.stdout + p.stderr
        if p.returncode or (m.group(1) and m.group(1) not in out):
            yield '%s\n--- exit %d, printed:\n%s' % (script.strip(), p.returncode, out[-2000:])
        else:
            yield None


def main():
    bad = links = ran = 0
    for name in pages():
        for target in broken_links(name):
            bad += 1
            print('%s: link leads nowhere: %s' % (name, target))
        for file in stale_copies(name):
            bad += 1
            print('%s: the code shown is no longer %s' % (name, file))
        if '--run' in sys.argv:
            for fault in run_blocks(name):
                ran += 1
                if fault:
                    bad += 1
                    print('%s: these commands do not work:\n%s' % (name, fault))
    print('docs: %d pages, %d blocks of commands run, %d faults' % (len(pages()), ran, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
