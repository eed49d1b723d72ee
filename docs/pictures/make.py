#!/usr/bin/env python3
"""Draws the pictures of the guides: wiring of every chip, and what happens on the wire. `make.py` writes the .svg files
beside it; `make.py --check` says which of them are not what it would write.

Facts: Espressif's datasheets (strapping pins, U0RXD and U0TXD), src/ferry/chip/chip.c. Colours follow the reader's
light or dark mode.
"""
import os, sys
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
STYLE = """
  .bg { fill: #ffffff; } .box { fill: #f3f5f8; stroke: #5b6675; stroke-width: 1.5; }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 14px; fill: #1c2430; }
  .head { font-weight: 600; font-size: 16px; } .small { font-size: 12.5px; fill: #4a5565; } .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; }
  .pin { fill: #ffffff; stroke: #5b6675; stroke-width: 1.5; }
  .w { fill: none; stroke-width: 3; } .tx { stroke: #c2571a; } .rx { stroke: #1f7a4d; } .rst { stroke: #9b2fae; } .boot { stroke: #2563c9; } .gnd { stroke: #30363f; } .pwr { stroke: #c81e3a; }
  .line { stroke: #5b6675; stroke-width: 1.5; fill: none; } .dash { stroke: #5b6675; stroke-width: 1.2; stroke-dasharray: 5 4; fill: none; }
  .arrow { fill: #5b6675; } .lost { stroke: #c81e3a; stroke-width: 1.8; fill: none; } .lostfill { fill: #c81e3a; } .act { fill: #dbe6f7; stroke: #5b6675; }
  @media (prefers-color-scheme: dark) {
    .bg { fill: #0f141b; } .box { fill: #1a212b; stroke: #8b97a7; } text { fill: #e4e9f0; } .small { fill: #aab5c3; } .pin { fill: #0f141b; stroke: #8b97a7; }
    .tx { stroke: #f0935a; } .rx { stroke: #4fc08d; } .rst { stroke: #d184e0; } .boot { stroke: #7aa9f7; } .gnd { stroke: #c3ccd8; } .pwr { stroke: #ff6b81; }
    .line, .dash { stroke: #8b97a7; } .arrow { fill: #8b97a7; } .lost { stroke: #ff6b81; } .lostfill { fill: #ff6b81; } .act { fill: #24344d; stroke: #8b97a7; }
  }"""


class Picture:
    def __init__(self, width, height, title):
        self.parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">' % (width, height, width, height),
                      '<title>%s</title>' % escape(title), '<style>%s\n</style>' % STYLE,
                      '<rect class="bg" width="%d" height="%d" rx="10"/>' % (width, height)]

    def rect(self, x, y, w, h, cls='box', r=8):
        self.parts.append('<rect class="%s" x="%g" y="%g" width="%g" height="%g" rx="%g"/>' % (cls, x, y, w, h, r))

    def text(self, x, y, text, cls='', anchor='start'):
        self.parts.append('<text class="%s" x="%g" y="%g" text-anchor="%s">%s</text>' % (cls, x, y, anchor, escape(text)))

    def path(self, d, cls):
        self.parts.append('<path class="%s" d="%s"/>' % (cls, d))

    def circle(self, x, y, r, cls='pin'):
        self.parts.append('<circle class="%s" cx="%g" cy="%g" r="%g"/>' % (cls, x, y, r))

    def arrow(self, x1, y, x2, cls='line', head='arrow'):
        d = 8 if x2 > x1 else -8
        self.path('M%g %g H%g' % (x1, y, x2 - d), cls)
        self.path('M%g %g l%g -4.5 v9 z' % (x2, y, -d), head)

    def out(self):
        return '\n'.join(self.parts + ['</svg>', ''])


# label, RX, TX, reset, boot, second strapping pin and its level, notes
CHIPS = {
    'esp8266': ('ESP8266', 'GPIO3', 'GPIO1', 'RST', 'GPIO0', 'GPIO15', 'low', 'GPIO2 high, CH_PD (EN) high',
                'Its ROM speaks at 74880 baud with a 26 MHz crystal; the loader finds the rate by itself.'),
    'esp32': ('ESP32', 'GPIO3', 'GPIO1', 'EN', 'GPIO0', 'GPIO2', 'low or open', 'GPIO12 (MTDI) low or open',
              'GPIO12 high at reset asks for 1.8 V flash: a 3.3 V flash then does not answer, and nothing boots.'),
    'esp32s2': ('ESP32-S2', 'GPIO44', 'GPIO43', 'EN', 'GPIO0', 'GPIO46', 'low or open', 'GPIO45 low or open',
                'GPIO45 high at reset asks for 1.8 V at VDD_SPI.'),
    'esp32s3': ('ESP32-S3', 'GPIO44', 'GPIO43', 'EN', 'GPIO0', 'GPIO46', 'low or open', 'GPIO45 low or open',
                'GPIO45 high at reset asks for 1.8 V at VDD_SPI (modules with octal flash have it burnt into eFuse).'),
    'esp32c2': ('ESP32-C2', 'GPIO19', 'GPIO20', 'EN', 'GPIO9', 'GPIO8', 'high', '',
                'GPIO8 low together with GPIO9 low is no valid mode: give GPIO8 a pull-up of 10 k.'),
    'esp32c3': ('ESP32-C3', 'GPIO20', 'GPIO21', 'EN', 'GPIO9', 'GPIO8', 'high', 'GPIO2 high',
                'GPIO8 low together with GPIO9 low is no valid mode: give GPIO8 a pull-up of 10 k (a LED to ground there spoils it).'),
    'esp32c5': ('ESP32-C5', 'GPIO12', 'GPIO11', 'EN', 'GPIO28', 'GPIO27', 'high or open', '',
                'The boot pin is GPIO28, not GPIO9 as on the other C chips.'),
    'esp32c6': ('ESP32-C6', 'GPIO17', 'GPIO16', 'EN', 'GPIO9', 'GPIO8', 'high', '',
                'GPIO8 low together with GPIO9 low is no valid mode: give GPIO8 a pull-up of 10 k.'),
    'esp32c61': ('ESP32-C61', 'GPIO10', 'GPIO11', 'EN', 'GPIO9', 'GPIO8', 'high', '',
                 'GPIO8 low together with GPIO9 low is no valid mode: give GPIO8 a pull-up of 10 k.'),
    'esp32h2': ('ESP32-H2', 'GPIO23', 'GPIO24', 'EN', 'GPIO9', 'GPIO8', 'high', '',
                'GPIO8 low together with GPIO9 low is no valid mode: give GPIO8 a pull-up of 10 k.'),
    'esp32p4': ('ESP32-P4', 'GPIO38', 'GPIO37', 'CHIP_PU', 'GPIO35', 'GPIO36', 'high or open', '',
                'The reset pin is called CHIP_PU (EN on boards).'),
}


def wiring(key):
    label, rx, tx, reset, boot, strap, level, more, note = CHIPS[key]
    p = Picture(760, 400, 'Wiring: updater to ' + label)
    p.rect(30, 40, 190, 290)
    p.text(125, 68, 'updater', 'head', 'middle')
    p.text(125, 88, 'any ESP32, 3.3 V', 'small', 'middle')
    p.rect(540, 40, 190, 290)
    p.text(635, 68, label, 'head', 'middle')
    p.text(635, 88, 'the target, 3.3 V', 'small', 'middle')
    rows = [('TX', rx + '  RX', 'tx', 'data to the target'), ('RX', tx + '  TX', 'rx', 'data from the target'),
            ('reset pin', reset, 'rst', 'low: reset (open drain)'), ('boot pin', boot, 'boot', 'low: serial loader (open drain)'),
            ('GND', 'GND', 'gnd', 'ground: always, and first')]
    for i, (ours, theirs, cls, what) in enumerate(rows):
        y = 125 + 42 * i
        p.path('M220 %d H540' % y, 'w ' + cls)
        p.circle(220, y, 5)
        p.circle(540, y, 5)
        p.text(208, y + 5, ours, 'mono', 'end')
        p.text(552, y + 5, theirs, 'mono')
        p.text(380, y - 8, what, 'small', 'middle')
    p.text(635, 320, '%s %s' % (strap, level), 'small', 'middle')
    p.text(30, 358, 'At reset: %s %s%s.' % (strap, level, ', ' + more if more else ''), '')
    p.text(30, 382, note, 'small')
    return p


def pcb():
    p = Picture(820, 520, 'Two ESP32s on one board')
    p.text(30, 36, 'Two ESP32s on one board', 'head')
    p.rect(40, 60, 220, 400)
    p.text(150, 90, 'updater', 'head', 'middle')
    p.rect(560, 60, 220, 400)
    p.text(670, 90, 'target', 'head', 'middle')
    rows = [(130, 'TX', 'U0RXD', 'tx', '100 Ω'), (180, 'RX', 'U0TXD', 'rx', '100 Ω'), (240, 'open drain', 'EN', 'rst', ''), (345, 'open drain', 'boot pin', 'boot', '470 Ω'), (425, 'GND', 'GND', 'gnd', '')]
    for y, a, b, cls, r in rows:
        p.path('M260 %d H560' % y, 'w ' + cls)
        p.circle(260, y, 5)
        p.circle(560, y, 5)
        p.text(248, y + 5, a, 'mono', 'end')
        p.text(572, y + 5, b, 'mono')
        if r:
            p.rect(330, y - 8, 44, 16, 'pin', 2)
            p.text(352, y - 14, r, 'small', 'middle')
    # pull-up and capacitor at EN, pull-up at the boot pin
    for x, y in ((470, 240), (470, 345)):
        p.path('M%d %d V%d' % (x, y, y - 14), 'line')
        p.rect(x - 6, y - 40, 12, 26, 'pin', 2)
        p.path('M%d %d V%d M%d %d h16' % (x, y - 40, y - 48, x - 8, y - 48), 'line')
        p.text(x + 14, y - 24, '10 k to 3V3', 'small')
    p.path('M430 240 V258 M420 258 h20 M420 265 h20 M430 265 V278 M422 278 h16', 'line')
    p.text(446, 272, '1 µF', 'small')
    p.circle(430, 240, 3, 'arrow')
    p.circle(470, 240, 3, 'arrow')
    p.circle(470, 345, 3, 'arrow')
    p.circle(410, 345, 3, 'arrow')
    p.path('M410 345 V365 M410 383 V397 M402 397 h16 M410 383 l10 -16', 'line')
    p.text(428, 384, 'BOOT button', 'small')
    p.text(40, 486, 'The boot resistor keeps the updater\'s pin safe when the target\'s firmware drives the boot pin as an output.', 'small')
    p.text(40, 506, 'A shared supply has to give both chips their peaks: 500 mA each, 10 µF and 100 nF at every module.', 'small')
    return p


def reset():
    p = Picture(760, 330, 'Reset into the serial loader')
    p.text(30, 36, 'Reset into the serial loader: which level the boot pin has when reset ends', 'head')
    def wave(y, name, cls, points):
        p.text(30, y - 8, name, 'mono')
        d, level = 'M150 %g' % (y - 26 if points[0][1] else y), points[0][1]
        for x, high in points[1:]:
            d += ' H%g V%g' % (x, y - 26 if high else y)
        p.path(d + ' H720', 'w ' + cls)
    wave(110, 'reset (EN)', 'rst', [(150, 1), (230, 0), (400, 1)])
    wave(180, 'boot pin', 'boot', [(150, 1), (230, 0), (560, 1)])
    wave(250, "target's TX", 'rx', [(150, 1), (440, 0), (450, 1), (458, 0), (468, 1), (476, 0), (490, 1), (600, 1)])
    for x, text, y in ((230, 'hold 100 ms', 70), (400, 'the level counts here', 70), (560, 'let go after 50 ms', 70)):
        p.path('M%d 78 V262' % x, 'dash')
        p.text(x + 4, y, text, 'small')
    p.text(440, 284, '"waiting for download"', 'small')
    p.text(30, 312, 'High at the dashed line: the chip starts its firmware (Ferry says BOOT_MODE). Low: the loader waits for bytes.', 'small')
    return p


def sequence(title, left, right, steps, notes=()):
    height = 110 + sum(s[2] if len(s) > 2 and isinstance(s[2], int) else 38 for s in steps) + 20 * len(notes)
    p = Picture(760, height, title)
    p.text(30, 36, title, 'head')
    p.rect(90, 54, 160, 30)
    p.text(170, 74, left, '', 'middle')
    p.rect(510, 54, 160, 30)
    p.text(590, 74, right, '', 'middle')
    end = height - 20 - 20 * len(notes)
    p.path('M170 84 V%d M590 84 V%d' % (end, end), 'dash')
    y = 112
    for step in steps:
        kind, text = step[0], step[1]
        gap = step[2] if len(step) > 2 and isinstance(step[2], int) else 38
        if kind == '>':
            p.text(380, y - 6, text, 'small', 'middle')
            p.arrow(170, y, 590)
        elif kind == '<':
            p.text(380, y - 6, text, 'small', 'middle')
            p.arrow(590, y, 170)
        elif kind == 'x':
            p.text(300, y - 6, text, 'small', 'middle')
            p.path('M170 %g H420' % y, 'lost')
            p.path('M414 %g l12 12 m0 -12 l-12 12' % (y - 6), 'lost')
        elif kind == 'r':
            w = 8.2 * len(text) * 0.84 + 16
            p.rect(590 - w / 2, y - 16, w, 24, 'act', 4)
            p.text(590, y, text, 'small', 'middle')
        elif kind == 'l':
            w = 8.2 * len(text) * 0.84 + 16
            p.rect(170 - w / 2, y - 16, w, 24, 'act', 4)
            p.text(170, y, text, 'small', 'middle')
        y += gap
    for i, note in enumerate(notes):
        p.text(30, height - 20 * (len(notes) - i) + 6, note, 'small')
    return p


def rom_route():
    return sequence('The ROM route: one segment of 64 KB', 'updater', "target's mask ROM", [
        ('>', 'reset with the boot pin low, SYNC', 40), ('<', 'I am here'),
        ('>', 'which chip? revision? flash? secure boot?'), ('<', 'registers'),
        ('l', 'checks everything'), ('>', 'MD5 of your 64 KB?'), ('<', '5f 1c ...'),
        ('l', 'the same: next one. Else:'), ('>', 'FLASH_DEFL_BEGIN: erase'), ('<', 'done (after up to 0.4 s)'),
        ('>', 'FLASH_DEFL_DATA: packed block, checksum'), ('<', 'written'),
        ('>', 'MD5 of your 64 KB?'), ('<', 'a7 03 ...'), ('l', "proved: into the journal")])


def link_route():
    return sequence('The link route: begin, chunk, end', 'updater', 'running target', [
        ('>', 'BEGIN: size, SHA-256, chip'), ('<', 'fits; goes to ota_1'), ('>', 'hashes of what is there already?'),
        ('<', 'hashes: parts that match are not sent'), ('>', 'chunk 0', 30), ('x', 'chunk 1 is lost', 30), ('>', 'chunk 2', 30), ('>', 'chunk 3', 34),
        ('r', 'keeps 2 and 3'), ('<', 'have 0, 2, 3; missing 1; room up to 9', 34), ('>', 'chunk 1', 30), ('>', 'chunk 4 ...', 34),
        ('r', 'erases and writes meanwhile'), ('>', 'END'), ('r', 'reads flash back: SHA-256'), ('<', 'equal; selected'), ('>', 'REBOOT'),
        ('r', 'new firmware, on trial'), ('>', 'who runs?'), ('<', 'SHA-256 of the new one'), ('>', 'CONFIRM')])


def classic():
    p = Picture(760, 250, 'Why a window: the same line, the same round trip')
    p.text(30, 36, 'Why a window: the same line, the same round trip', 'head')
    p.text(30, 70, 'one at a time', '')
    p.text(30, 160, 'with a window', '')
    x = 160
    for i in range(4):
        p.rect(x, 54, 50, 24, 'act', 3)
        p.text(x + 25, 71, str(i + 1), 'small', 'middle')
        p.path('M%d 66 h80' % (x + 50), 'dash')
        p.text(x + 92, 92, 'waits', 'small', 'middle')
        x += 135
    x = 160
    for i in range(10):
        p.rect(x, 144, 50, 24, 'act', 3)
        p.text(x + 25, 161, str(i + 1), 'small', 'middle')
        x += 54
    p.path('M210 178 v14 h216 v-14', 'line')
    p.text(318, 208, 'answer to 1 comes back while 2 to 5 are on their way', 'small', 'middle')
    p.text(30, 236, 'Waiting costs a round trip for each packet. With enough of them under way the line is never idle.', 'small')
    return p


PICTURES = dict({'wiring-' + key: (lambda key=key: wiring(key)) for key in CHIPS}, **{
    'two-on-a-board': pcb, 'reset': reset, 'rom-route': rom_route, 'link-route': link_route, 'window': classic})


def main():
    stale = 0
    for name, draw in PICTURES.items():
        path, text = os.path.join(HERE, name + '.svg'), draw().out()
        if '--check' in sys.argv:
            if not os.path.exists(path) or open(path, encoding='utf-8').read() != text:
                print('pictures: %s.svg is not what docs/pictures/make.py draws' % name)
                stale += 1
        else:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
    return 1 if stale else 0


if __name__ == '__main__':
    sys.exit(main())
