#include "ports/esp-idf/deflate.h"

#include "esp_heap_caps.h"
#include "sdkconfig.h"

#include "ferry/base/status.h"

// The chips whose ROM has the compressor at these addresses in esp_rom's linker scripts.
#if __has_include("miniz.h") && CONFIG_SPIRAM
#include "miniz.h"

#define PROBES 128 // of 4095: what zlib's level 6 looks at, about

static int begin(void *ctx)
{
    struct ferry_idf_deflate *self = ctx;
    int flags = TDEFL_WRITE_ZLIB_HEADER | PROBES;
    return tdefl_init(self->compressor, NULL, NULL, flags) == TDEFL_STATUS_OKAY ? FERRY_OK : FERRY_ERR_NO_MEMORY;
}

static int step(void *ctx, const uint8_t *in, size_t *in_len, uint8_t *out, size_t *out_len, bool finish)
{
    struct ferry_idf_deflate *self = ctx;
    tdefl_status status =
        tdefl_compress(self->compressor, in, in_len, out, out_len, finish ? TDEFL_FINISH : TDEFL_NO_FLUSH);
    if (status < 0)
        return FERRY_ERR_STATE;
    return status == TDEFL_STATUS_DONE ? 1 : 0;
}

bool ferry_idf_deflate_init(struct ferry_idf_deflate *self, struct ferry_deflate *out)
{
    self->compressor = heap_caps_malloc(sizeof(tdefl_compressor), MALLOC_CAP_SPIRAM);
    *out = (struct ferry_deflate){.ctx = self, .begin = begin, .step = step};
    return self->compressor != NULL;
}
#else
bool ferry_idf_deflate_init(struct ferry_idf_deflate *self, struct ferry_deflate *out)
{
    self->compressor = NULL;
    *out = (struct ferry_deflate){0};
    return false;
}
#endif

void ferry_idf_deflate_close(struct ferry_idf_deflate *self)
{
    heap_caps_free(self->compressor);
    self->compressor = NULL;
}
