#include "updater/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"

static const char header[] = "time,mac,chip,revision,port,cargo,version,sha256,written,skipped,seconds,result,error,"
                             "message\n";

int ferry_log_init(struct ferry_log *self, const char *dir)
{
    memset(self, 0, sizeof *self);
    int n = snprintf(self->path, sizeof self->path, "%s/ferry-log.csv", dir);
    return n > 0 && (size_t)n < sizeof self->path ? FERRY_OK : FERRY_ERR_ARG;
}

// ---- one line ----

struct line {
    char *out;
    size_t len, cap;
    size_t fields;
};

static void put(struct line *line, char c)
{
    if (line->len < line->cap)
        line->out[line->len++] = c;
}

// A field's text is cut so that all fields fit, and never inside a UTF-8 character.
static size_t cut(const char *text, size_t most)
{
    size_t len = strlen(text);
    if (len <= most)
        return len;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void put_field(struct line *line, const char *text)
{
    const size_t longest = 440; // worst case doubled by quotes; four long fields and ten short ones fit a line
    if (line->fields++)
        put(line, ',');
    if (!text)
        return;
    size_t len = cut(text, longest / (strchr(text, '"') ? 2 : 1));
    bool quoted = strcspn(text, ",\"\r\n") < len || (len > 0 && (text[0] == ' ' || text[len - 1] == ' '));
    if (quoted)
        put(line, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            put(line, '"');
        put(line, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
    }
    if (quoted)
        put(line, '"');
}

static void put_number(struct line *line, uint32_t value)
{
    char text[16];
    snprintf(text, sizeof text, "%lu", (unsigned long)value);
    put_field(line, text);
}

static void put_hex(struct line *line, const uint8_t *bytes, size_t count, bool colons)
{
    char text[80] = "";
    size_t at = 0;
    for (size_t i = 0; bytes && i < count; i++) {
        int n = snprintf(text + at, sizeof text - at, "%s%02x", colons && i ? ":" : "", bytes[i]);
        at += (size_t)n;
    }
    put_field(line, text);
}

static void put_time(struct line *line, int64_t utc)
{
    char text[40] = "";
    time_t seconds = (time_t)utc;
    struct tm tm;
    if (utc >= 1577836800 && gmtime_r(&seconds, &tm)) // 2020: an unset clock starts at 1970 or at build time
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    put_field(line, text);
}

size_t ferry_log_format(const struct ferry_log_entry *entry, int64_t utc, char *out, size_t cap)
{
    struct line line = {.out = out, .cap = cap - 2};
    char text[24] = "";
    put_time(&line, utc);
    put_hex(&line, entry->mac, 6, true);
    put_field(&line, entry->chip);
    if (entry->revision >= 0)
        snprintf(text, sizeof text, "v%d.%d", entry->revision / 100, entry->revision % 100);
    put_field(&line, text);
    put_field(&line, entry->port);
    put_field(&line, entry->cargo);
    put_field(&line, entry->version);
    put_hex(&line, entry->sha256, 32, false);
    put_number(&line, entry->written);
    put_number(&line, entry->skipped);
    snprintf(text, sizeof text, "%lu.%lu", (unsigned long)(entry->elapsed_ms / 1000),
             (unsigned long)(entry->elapsed_ms / 100 % 10));
    put_field(&line, text);
    put_field(&line, entry->result);
    put_field(&line, entry->status < 0 ? ferry_status_name(entry->status) : "");
    put_field(&line, entry->message);
    out[line.len++] = '\n';
    out[line.len] = 0;
    return line.len;
}

// ---- the file ----

// What has to happen to the file before a line can be appended.
struct found {
    long size;    // bytes to keep; the rest is a torn line
    bool foreign; // other columns than ours
};

static bool is_header(const char *text, size_t len)
{
    const size_t ours = sizeof header - 2; // without LF
    return len >= ours && memcmp(text, header, ours) == 0 && (text[ours] == '\n' || text[ours] == '\r');
}

static long after_last_newline(FILE *file, long size)
{
    char chunk[256];
    for (long end = size; end > 0;) {
        long start = end > (long)sizeof chunk ? end - (long)sizeof chunk : 0;
        if (fseek(file, start, SEEK_SET) != 0 || fread(chunk, 1, (size_t)(end - start), file) != (size_t)(end - start))
            return -1;
        for (long i = end - start; i > 0; i--)
            if (chunk[i - 1] == '\n')
                return start + i;
        end = start;
    }
    return 0;
}

static int examine(const char *path, struct found *found)
{
    memset(found, 0, sizeof *found);
    FILE *file = fopen(path, "rb");
    if (!file)
        return errno == ENOENT ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
    char first[sizeof header + 1] = "";
    size_t len = fread(first, 1, sizeof header, file);
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size > 0) {
        found->size = after_last_newline(file, size);
        size_t torn = len < sizeof header - 1 ? len : sizeof header - 1;
        found->foreign = found->size == 0 ? memcmp(first, header, torn) != 0 : !is_header(first, len);
    }
    int status = size < 0 || found->size < 0 || ferror(file) ? FERRY_ERR_STORAGE_WRITE : FERRY_OK;
    fclose(file);
    return status;
}

// A file of another origin is kept under another name: its columns are not ours.
static int move_away(struct ferry_log *self)
{
    for (int i = 1; i < 1000; i++) {
        struct stat st;
        int n = snprintf(self->moved, sizeof self->moved, "%.*s-old%d.csv", (int)strlen(self->path) - 4, self->path, i);
        if (n < 0 || (size_t)n >= sizeof self->moved)
            break;
        if (stat(self->moved, &st) != 0)
            return rename(self->path, self->moved) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
    }
    self->moved[0] = 0;
    return FERRY_ERR_STORAGE_WRITE;
}

static int prepare(struct ferry_log *self, long *size)
{
    struct found found;
    struct stat st;
    self->repaired = false;
    if (examine(self->path, &found) != FERRY_OK)
        return FERRY_ERR_STORAGE_WRITE;
    if (found.foreign) {
        *size = 0;
        return move_away(self);
    }
    *size = found.size;
    if (stat(self->path, &st) != 0 || st.st_size <= found.size)
        return FERRY_OK;
    self->repaired = true;
    return truncate(self->path, found.size) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

// One write of header and line together, then down to the card.
static int write_out(const char *path, const char *text, size_t len, char *buffer, size_t buffer_size)
{
    FILE *file = fopen(path, "ab");
    if (!file)
        return FERRY_ERR_STORAGE_WRITE;
    setvbuf(file, buffer, _IOFBF, buffer_size);
    bool good = fwrite(text, 1, len, file) == len && fflush(file) == 0;
    if (good && fsync(fileno(file)) != 0)
        good = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP; // a device or pipe that cannot
    if (fclose(file) != 0)
        good = false;
    return good ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

int ferry_log_append(struct ferry_log *self, const struct ferry_log_entry *entry, struct ferry_fault *fault)
{
    char text[sizeof header + FERRY_LOG_LINE], buffer[sizeof text];
    long size = 0;
    errno = 0;
    int status = prepare(self, &size);
    if (status == FERRY_OK) {
        size_t len = size == 0 ? sizeof header - 1 : 0;
        memcpy(text, header, len);
        int64_t utc = self->utc ? self->utc(self->utc_ctx) : (int64_t)time(NULL);
        len += ferry_log_format(entry, utc, text + len, FERRY_LOG_LINE);
        status = write_out(self->path, text, len, buffer, sizeof buffer);
        int cause = errno;
        if (status != FERRY_OK && truncate(self->path, size) != 0)
            self->repaired = false; // the next append cuts the torn line off
        errno = cause;
    }
    if (status != FERRY_OK)
        return ferry_fault_set(fault, status, self->path, "the log cannot be written: %s",
                               errno ? strerror(errno) : "input/output error");
    self->lines++;
    return FERRY_OK;
}
