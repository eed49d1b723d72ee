// Any bytes as a firmware file: recognised or not, described as facts and as text, without harm.
#include <cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "updater/inspect_facts.h"

// A merged image is long and mostly erased: with an odd last byte the input is laid out in three parts, at 0 (or where
// the ESP32 has its bootloader), 0x8000 and 0x10000, with FF between them.
struct memory {
    const uint8_t *bytes;
    size_t size, part, first;
};

static uint8_t byte_at(const struct memory *m, size_t at)
{
    const size_t starts[3] = {m->first, 0x8000, 0x10000};
    if (!m->part)
        return m->bytes[at];
    for (size_t i = 0; i < 3; i++)
        if (at >= starts[i] && at - starts[i] < m->part)
            return m->bytes[i * m->part + (at - starts[i])];
    return 0xFF;
}

static int read_memory(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct memory *m = ctx;
    if (offset > m->size || len > m->size - offset)
        abort(); // beyond the end: the reader must know better
    for (size_t i = 0; i < len; i++)
        buf[i] = byte_at(m, offset + i);
    return FERRY_OK;
}

static void lay_out(struct memory *m, const uint8_t *data, size_t size)
{
    *m = (struct memory){data, size, 0, 0};
    if (size < 3 || size > 3 * 0x6000 || !(data[size - 1] & 1))
        return;
    m->part = size / 3;
    m->first = data[size - 1] & 2 ? 0x1000 : 0;
    m->size = 0x10000 + m->part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    struct ferry_posix_digest port;
    struct ferry_digest digest = ferry_posix_digest_init(&port);
    struct ferry_inspect_facts facts = {.digest = &digest};
    struct memory memory;
    lay_out(&memory, data, size);
    struct ferry_source source = {.ctx = &memory, .size = (uint32_t)memory.size, .read = read_memory};
    cJSON *object = ferry_inspect_facts_file(&facts, &source, "x.bin");
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "ok"));
    if (ok != (facts.first.status == 0))
        abort();
    char *text = cJSON_PrintUnformatted(object);
    cJSON *again = cJSON_Parse(text);
    if (!again)
        abort();
    ferry_inspect_print(object, nowhere);
    cJSON_Delete(again);
    cJSON_free(text);
    cJSON_Delete(object);
    ferry_posix_digest_close(&port);
    return 0;
}
