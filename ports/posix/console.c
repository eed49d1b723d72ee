#include "ports/posix/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ports/posix/number.h"

static bool set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static bool utf8_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++)
        if (set(names[i]))
            return strcasestr(getenv(names[i]), "utf-8") || strcasestr(getenv(names[i]), "utf8");
    return false;
}

unsigned ferry_posix_console_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    int columns = set("COLUMNS") ? atoi(getenv("COLUMNS")) : 0;
    return columns > 0 && columns < 1000 ? (unsigned)columns : 80;
}

void ferry_posix_console_detect(struct ferry_posix_console *self, int fd)
{
    const char *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    self->tty = isatty(fd) && !dumb;
    self->colour = self->tty && !set("NO_COLOR");
    self->utf8 = utf8_locale();
    self->width = ferry_posix_console_width(fd);
}

// Columns of a UTF-8 text, counting a code point as one.
static size_t columns(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

// Bytes of the longest start of text that has at most `max` columns.
static size_t bytes_of(const char *text, size_t max)
{
    size_t n = 0, at = 0;
    while (text[at]) {
        n += ((unsigned char)text[at] & 0xc0) != 0x80;
        if (n > max)
            break;
        at++;
    }
    return at;
}

struct line {
    char *buf;
    size_t cap, len;
};

static void add(struct line *line, const char *text, size_t len)
{
    if (len > line->cap - 1 - line->len)
        len = line->cap - 1 - line->len;
    memcpy(line->buf + line->len, text, len);
    line->len += len;
    line->buf[line->len] = 0;
}

static void add_name(struct line *line, const char *name, size_t width)
{
    size_t have = columns(name);
    add(line, name, bytes_of(name, width));
    for (; have < width; have++)
        add(line, " ", 1);
}

static void add_bar(struct line *line, const struct ferry_posix_console *console, uint64_t done, uint64_t size,
                    size_t width)
{
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t fill = size ? done * width * 8 / size : width * 8;
    add(line, console->utf8 ? "▕" : "[", console->utf8 ? 3 : 1);
    for (size_t i = 0; i < width; i++, fill -= fill < 8 ? fill : 8) {
        const char *full = console->utf8 ? "█" : "#";
        const char *part = console->utf8 ? eighths[fill & 7] : (fill ? ">" : ".");
        const char *text = fill >= 8 ? full : part;
        add(line, text, strlen(text));
    }
    add(line, console->utf8 ? "▏" : "]", console->utf8 ? 3 : 1);
}

enum { NAME_MAX_WIDTH = 24, PERCENT_WIDTH = 5, BAR_MIN = 8, BAR_MAX = 40 };

// The texts behind the bar, longest first: the first one that leaves room for a bar is taken.
static const char *choose_tail(const struct ferry_posix_console_bar *bar, size_t room, char *buf, size_t cap)
{
    char size[16], rate[24] = "", left[24] = "", number[16];
    ferry_posix_number_bytes(bar->size, size, sizeof size);
    if (bar->rate)
        snprintf(rate, sizeof rate, "  %s/s", ferry_posix_number_bytes(bar->rate, number, sizeof number));
    if (bar->seconds_left >= 0)
        snprintf(left, sizeof left, "  %s left",
                 ferry_posix_number_duration((uint32_t)bar->seconds_left, number, sizeof number));
    if (!bar->rate && bar->note && bar->done < bar->size)
        snprintf(rate, sizeof rate, "  %.20s", bar->note);
    char done[16];
    ferry_posix_number_bytes(bar->done, done, sizeof done);
    snprintf(buf, cap, "  %s of %s%s%s", done, size, rate, left);
    if (strlen(buf) > room)
        snprintf(buf, cap, "%s%s", rate, left);
    if (strlen(buf) > room)
        snprintf(buf, cap, "%s", left);
    if (strlen(buf) > room)
        *buf = 0;
    return buf;
}

size_t ferry_posix_console_bar(const struct ferry_posix_console *console, const struct ferry_posix_console_bar *bar,
                               char *buf, size_t cap)
{
    struct line line = {.buf = buf, .cap = cap};
    buf[0] = 0;
    size_t width = console->width > 8 ? console->width - 1 : 7;
    uint32_t done = bar->done > bar->size ? bar->size : bar->done;
    char percent[16], tail[96];
    snprintf(percent, sizeof percent, " %3u%%", (unsigned)(bar->size ? (uint64_t)done * 100 / bar->size : 100));
    size_t name = columns(bar->name) > NAME_MAX_WIDTH ? NAME_MAX_WIDTH : columns(bar->name);
    if (name < 16 && width >= 60)
        name = 16;
    if (name + PERCENT_WIDTH > width)
        name = width - PERCENT_WIDTH;
    size_t room = width - name - PERCENT_WIDTH;
    size_t bar_needs = BAR_MIN + 3;
    choose_tail(bar, room > bar_needs ? room - bar_needs : 0, tail, sizeof tail);
    room -= strlen(tail);
    add_name(&line, bar->name, name);
    if (room >= bar_needs) {
        add(&line, " ", 1);
        add_bar(&line, console, done, bar->size, room - 3 > BAR_MAX ? BAR_MAX : room - 3);
    }
    add(&line, percent, strlen(percent));
    add(&line, tail, strlen(tail));
    return line.len;
}

void ferry_posix_console_rate_reset(struct ferry_posix_console_rate *self)
{
    memset(self, 0, sizeof *self);
}

static const unsigned samples = sizeof((struct ferry_posix_console_rate *)0)->bytes / sizeof(uint32_t);

void ferry_posix_console_rate_add(struct ferry_posix_console_rate *self, uint32_t now_ms, uint32_t bytes)
{
    unsigned last = (self->next + samples - 1) % samples;
    if (self->count && now_ms - self->time_ms[last] < 100)
        return;
    self->time_ms[self->next] = now_ms;
    self->bytes[self->next] = bytes;
    self->next = (self->next + 1) % samples;
    if (self->count < samples)
        self->count++;
}

uint32_t ferry_posix_console_rate_get(const struct ferry_posix_console_rate *self)
{
    if (self->count < 2)
        return 0;
    unsigned last = (self->next + samples - 1) % samples, first = (self->next + samples - self->count) % samples;
    uint32_t ms = self->time_ms[last] - self->time_ms[first], bytes = self->bytes[last] - self->bytes[first];
    return ms ? (uint32_t)((uint64_t)bytes * 1000 / ms) : 0;
}
