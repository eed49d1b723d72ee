// The terminal of a person: what it can show, and the one line of progress that is drawn over and over.
#ifndef PORTS_POSIX_CONSOLE_H
#define PORTS_POSIX_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferry_posix_console {
    bool tty;       // a terminal: lines can be drawn over
    bool colour;    // a terminal, NO_COLOR is not set and TERM is not "dumb"
    bool utf8;      // the locale's character set is UTF-8
    unsigned width; // columns, 80 when unknown
};

// What the descriptor (1, 2) can show, by isatty(), TIOCGWINSZ and the environment (NO_COLOR, TERM, COLUMNS, LC_ALL,
// LC_CTYPE, LANG).
void ferry_posix_console_detect(struct ferry_posix_console *self, int fd);
unsigned ferry_posix_console_width(int fd); // now: the window may have been resized

struct ferry_posix_console_bar {
    const char *name;     // of the region: "app (ota_0)"
    uint32_t done, size;  // bytes
    uint32_t rate;        // bytes per second, 0 = not known yet
    int32_t seconds_left; // -1 = not known yet
    const char *note;     // what is going on, shown while no rate is known; NULL = nothing
};

// Renders one line of progress into buf (always ended by a 0, no newline): name, bar, percent, bytes, rate, time left.
// As wide as fits in console->width - 1 columns: what is less important is left out on narrow terminals, the name is
// cut last. Columns are counted for ASCII names and for UTF-8 ones alike (one per code point). Returns strlen(buf).
size_t ferry_posix_console_bar(const struct ferry_posix_console *console, const struct ferry_posix_console_bar *bar,
                               char *buf, size_t cap);

// Rate and time left from samples of (time, bytes done); smoothed over the last seconds.
struct ferry_posix_console_rate {
    uint32_t time_ms[16];
    uint32_t bytes[16];
    unsigned count, next;
};

void ferry_posix_console_rate_reset(struct ferry_posix_console_rate *self);
// Samples closer than 100 ms to the last one replace nothing and are dropped.
void ferry_posix_console_rate_add(struct ferry_posix_console_rate *self, uint32_t now_ms, uint32_t bytes);
// Bytes per second over the samples held, 0 = fewer than two.
uint32_t ferry_posix_console_rate_get(const struct ferry_posix_console_rate *self);

#endif
