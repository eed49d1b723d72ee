#include "ports/posix/deflate.h"

#include <limits.h>
#include <string.h>

#include "ferry/base/status.h"

static int begin(void *ctx)
{
    struct ferry_posix_deflate *self = ctx;
    if (self->open)
        return deflateReset(&self->stream) == Z_OK ? FERRY_OK : FERRY_ERR_STATE;
    int level = self->cfg.level ? self->cfg.level : 9;
    int bits = self->cfg.window_bits ? self->cfg.window_bits : 15;
    if (level < 1 || level > 9 || bits < 9 || bits > 15)
        return FERRY_ERR_ARG;
    memset(&self->stream, 0, sizeof self->stream);
    if (deflateInit2(&self->stream, level, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return FERRY_ERR_NO_MEMORY;
    self->open = true;
    return FERRY_OK;
}

static int step(void *ctx, const uint8_t *in, size_t *in_len, uint8_t *out, size_t *out_len, bool finish)
{
    struct ferry_posix_deflate *self = ctx;
    if (!self->open)
        return FERRY_ERR_STATE;
    if (*in_len > UINT_MAX || *out_len > UINT_MAX)
        return FERRY_ERR_ARG;
    self->stream.next_in = (z_const Bytef *)in;
    self->stream.avail_in = (uInt)*in_len;
    self->stream.next_out = out;
    self->stream.avail_out = (uInt)*out_len;
    int result = deflate(&self->stream, finish ? Z_FINISH : Z_NO_FLUSH);
    *in_len -= self->stream.avail_in;
    *out_len -= self->stream.avail_out;
    if (result == Z_STREAM_END)
        return 1;
    return result == Z_OK || result == Z_BUF_ERROR ? 0 : FERRY_ERR_STATE;
}

struct ferry_deflate ferry_posix_deflate_init(struct ferry_posix_deflate *self,
                                              const struct ferry_posix_deflate_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    if (cfg)
        self->cfg = *cfg;
    return (struct ferry_deflate){.ctx = self, .begin = begin, .step = step};
}

void ferry_posix_deflate_close(struct ferry_posix_deflate *self)
{
    if (self->open)
        deflateEnd(&self->stream);
    self->open = false;
}
