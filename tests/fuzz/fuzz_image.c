// Any bytes as an image: whatever they are, cut anywhere, the parser says the same and stays within its bounds.
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/image.h"

static void check_bounds(const struct ferry_image *image, size_t size)
{
    if (image->segment_count > FERRY_IMAGE_MAX_SEGMENTS || image->error_offset > size + 40)
        abort();
    if (image->status == 0 && ferry_image_ended(image) && (image->size == 0 || image->size > size))
        abort();
    if (image->size && image->hash_appended && image->hash_offset + 32 != image->size)
        abort();
}

static int whole(struct ferry_image *image, enum ferry_image_format format, const uint8_t *data, size_t size)
{
    ferry_image_init(image, format);
    for (size_t at = 0, n = 1; n && at < size; at += n)
        n = ferry_image_feed(image, data + at, size - at);
    return ferry_image_finish(image, NULL);
}

static int pieces(struct ferry_image *image, enum ferry_image_format format, const uint8_t *data, size_t size,
                  uint8_t seed)
{
    ferry_image_init(image, format);
    for (size_t at = 0; at < size && !ferry_image_ended(image);) {
        size_t piece = 1 + (size_t)(seed = (uint8_t)(seed * 5 + 3)) % 70;
        at += ferry_image_feed(image, data + at, piece < size - at ? piece : size - at);
    }
    return ferry_image_finish(image, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct ferry_image a, b;
    enum ferry_image_format format = (enum ferry_image_format)(data[size - 1] % 3);
    int first = whole(&a, format, data, size - 2);
    int second = pieces(&b, format, data, size - 2, data[size - 2]);
    check_bounds(&a, size - 2);
    if (first != second || memcmp(&a, &b, offsetof(struct ferry_image, state)) != 0)
        abort();
    return 0;
}
