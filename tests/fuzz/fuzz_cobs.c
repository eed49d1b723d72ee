// Any bytes into the decoder, in two pieces; any bytes through the encoder and back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/cobs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t plain[600], stuffed[FERRY_COBS_SIZE(600)];
    struct ferry_cobs_decoder d;
    struct ferry_cobs_encoder e;
    size_t cut = size ? data[0] % size : 0;
    ferry_cobs_start(&d, plain, size > 1 ? data[1] : sizeof plain);
    ferry_cobs_take(&d, data, cut);
    ferry_cobs_take(&d, data + cut, size - cut);
    ferry_cobs_end(&d);
    if (size > sizeof plain)
        return 0;
    ferry_cobs_begin(&e, stuffed, sizeof stuffed);
    ferry_cobs_put(&e, data, size);
    size_t len = ferry_cobs_finish(&e);
    ferry_cobs_start(&d, plain, sizeof plain);
    ferry_cobs_take(&d, stuffed, len);
    if (!len || memchr(stuffed, 0, len) || ferry_cobs_end(&d) != (int)size || memcmp(plain, data, size) != 0)
        abort();
    return 0;
}
