#include "apps/ferry/link_tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/number.h"

static __attribute__((format(printf, 2, 3))) void tell(struct link_tell *self, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    self->line(self->ctx, text);
}

// "blink 1.3.0", or the name of the partition or file.
static const char *name(const struct ferry_manifest *m, char *buf, size_t cap)
{
    if (m->name[0] || (!m->project[0] && !m->version[0]))
        snprintf(buf, cap, "%s", m->name[0] ? m->name : "an update without a name");
    else
        snprintf(buf, cap, "%s %s", m->project, m->version);
    return buf;
}

// The outcome of an operation that happens once; returns it.
static int outcome(struct link_tell *self, const char *what, int status)
{
    if (status == FERRY_SINK_BUSY)
        return status;
    if (status < 0)
        tell(self, "%s: refused: %s", what, ferry_status_text(status));
    else
        tell(self, "%s", what);
    return status;
}

static int tell_info(void *ctx, struct ferry_target_info *out)
{
    const struct link_tell *self = ctx;
    return self->inner->info(self->inner->ctx, out);
}

static int tell_begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct link_tell *self = ctx;
    char text[80], size[16];
    int status = self->inner->begin(self->inner->ctx, manifest, plan);
    if (status == FERRY_SINK_BUSY)
        return status;
    bool again = self->known && memcmp(self->manifest.sha256, manifest->sha256, sizeof manifest->sha256) == 0;
    name(manifest, text, sizeof text);
    if (status < 0)
        tell(self, "%s (%s): refused: %s", text, ferry_posix_number_bytes(manifest->size, size, sizeof size),
             ferry_status_text(status));
    else
        tell(self, "%s %s, %s", again ? "goes on:" : "receives", text,
             ferry_posix_number_bytes(manifest->size, size, sizeof size));
    if (status >= 0) {
        self->manifest = *manifest;
        self->known = true;
        self->told = 0;
    }
    return status;
}

// Failures of the storage: each once, not with every attempt.
static int storage(struct link_tell *self, int status)
{
    if (status < 0 && status != self->told)
        tell(self, "failed: %s", ferry_status_text(status));
    if (status < 0)
        self->told = status;
    return status;
}

static int tell_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct link_tell *self = ctx;
    return storage(self, self->inner->prepare(self->inner->ctx, offset, end, ready_to));
}

static int tell_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct link_tell *self = ctx;
    return storage(self, self->inner->chunk(self->inner->ctx, offset, bytes, len));
}

static int tell_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    struct link_tell *self = ctx;
    return storage(self, self->inner->hash(self->inner->ctx, offset, len, sha256, blank));
}

static int tell_end(void *ctx)
{
    struct link_tell *self = ctx;
    char text[80];
    int status = self->inner->end(self->inner->ctx);
    if (status == FERRY_SINK_BUSY)
        return status;
    name(&self->manifest, text, sizeof text);
    if (status < 0)
        tell(self, "%s: not accepted: %s", text, ferry_status_text(status));
    else
        tell(self, "complete and proved: %s", text);
    self->ended += status >= 0;
    self->known = self->known && status < 0;
    return status;
}

static int tell_abort(void *ctx)
{
    struct link_tell *self = ctx;
    self->known = false;
    return outcome(self, "the update is given up by the updater", self->inner->abort(self->inner->ctx));
}

static int tell_confirm(void *ctx)
{
    struct link_tell *self = ctx;
    return outcome(self, "the running firmware is confirmed", self->inner->confirm(self->inner->ctx));
}

static int tell_revert(void *ctx, enum ferry_give_up reason)
{
    struct link_tell *self = ctx;
    return outcome(self,
                   reason == FERRY_GIVE_UP_NOT_CONFIRMED ? "nobody confirmed the running firmware: back to the old one"
                                                         : "back to the old firmware",
                   self->inner->revert(self->inner->ctx, reason));
}

static int tell_reboot(void *ctx)
{
    struct link_tell *self = ctx;
    tell(self, "restarts");
    return self->inner->reboot(self->inner->ctx);
}

struct ferry_sink link_tell_sink(struct link_tell *self, const struct ferry_sink *inner,
                                 void (*line)(void *ctx, const char *text), void *ctx)
{
    *self = (struct link_tell){.inner = inner, .line = line, .ctx = ctx};
    return (struct ferry_sink){.ctx = self,
                               .info = tell_info,
                               .begin = tell_begin,
                               .prepare = tell_prepare,
                               .chunk = tell_chunk,
                               .hash = tell_hash,
                               .end = tell_end,
                               .abort = tell_abort,
                               .confirm = tell_confirm,
                               .revert = tell_revert,
                               .reboot = tell_reboot};
}
