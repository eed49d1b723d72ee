#include "apps/ferry/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "ferry/base/status.h"

enum { PER_LINE = 24 };

static void print_bytes(FILE *file, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fprintf(file, " %02x", bytes[i]);
    fprintf(file, "%*s |", (int)(3 * (PER_LINE - len)), "");
    for (size_t i = 0; i < len; i++)
        fputc(bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '.', file);
    fputs("|\n", file);
}

static void on_bytes(void *ctx, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes, size_t len)
{
    struct cli_trace *self = ctx;
    if (!self->started) {
        self->started = 1;
        self->start_ms = now_ms;
    }
    uint32_t t = now_ms - self->start_ms;
    if (dir == FERRY_TRACE_NOTE) {
        fprintf(self->file, "%5u.%03u # %.*s\n", (unsigned)(t / 1000), (unsigned)(t % 1000), (int)len,
                (const char *)bytes);
        return;
    }
    for (size_t at = 0; at < len; at += PER_LINE) {
        fprintf(self->file, "%5u.%03u %c", (unsigned)(t / 1000), (unsigned)(t % 1000), (char)dir);
        print_bytes(self->file, bytes + at, len - at < PER_LINE ? len - at : PER_LINE);
    }
}

int cli_trace_open(struct cli_trace *self, const char *path, struct ferry_fault *fault)
{
    memset(self, 0, sizeof *self);
    if (!path)
        return FERRY_OK;
    self->file = strcmp(path, "-") == 0 ? stderr : fopen(path, "w");
    self->trace = (struct ferry_trace){.ctx = self, .bytes = on_bytes};
    if (self->file)
        return FERRY_OK;
    return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, path, "cannot write the trace: %s", strerror(errno));
}

int cli_trace_close(struct cli_trace *self)
{
    bool failed = self->file && (fflush(self->file) != 0 || ferror(self->file));
    if (self->file && self->file != stderr)
        failed = fclose(self->file) != 0 || failed;
    self->file = 0;
    return failed ? FERRY_ERR_STORAGE_WRITE : FERRY_OK;
}
