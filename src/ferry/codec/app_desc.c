#include "ferry/codec/app_desc.h"

#include <string.h>

#include "ferry/base/bytes.h"

// out has room for cap + 1 bytes.
static void take_text(char *out, const uint8_t *bytes, size_t cap)
{
    size_t n = 0;
    while (n < cap && bytes[n]) {
        out[n] = (char)(bytes[n] < 0x20 || bytes[n] == 0x7f ? '?' : bytes[n]);
        n++;
    }
    out[n] = 0;
}

bool ferry_app_desc_parse(struct ferry_app_desc *self, const uint8_t bytes[FERRY_APP_DESC_SIZE])
{
    memset(self, 0, sizeof *self);
    if (ferry_load32le(bytes) != FERRY_APP_DESC_MAGIC)
        return false;
    self->secure_version = ferry_load32le(bytes + 4);
    take_text(self->version, bytes + 16, 32);
    take_text(self->project, bytes + 48, 32);
    take_text(self->time, bytes + 80, 16);
    take_text(self->date, bytes + 96, 16);
    take_text(self->idf, bytes + 112, 32);
    memcpy(self->elf_sha256, bytes + 144, 32);
    self->min_block_rev = ferry_load16le(bytes + 176);
    self->max_block_rev = ferry_load16le(bytes + 178);
    self->mmu_page_size = bytes[180] > 0 && bytes[180] < 32 ? 1u << bytes[180] : 0;
    return true;
}

static bool printable(const uint8_t *bytes, size_t cap)
{
    size_t n = 0;
    while (n < cap && bytes[n]) {
        if (bytes[n] < 0x20 || bytes[n] > 0x7e)
            return false;
        n++;
    }
    return n > 0 && n < cap;
}

bool ferry_app_desc_parse_boot(struct ferry_app_desc_boot *self, const uint8_t bytes[FERRY_APP_DESC_BOOT_SIZE])
{
    memset(self, 0, sizeof *self);
    if (bytes[0] != FERRY_APP_DESC_BOOT_MAGIC || !printable(bytes + 8, 32) || !printable(bytes + 40, 24))
        return false;
    self->secure_version = bytes[3];
    self->version = ferry_load32le(bytes + 4);
    take_text(self->idf, bytes + 8, 32);
    take_text(self->date_time, bytes + 40, 24);
    return true;
}
