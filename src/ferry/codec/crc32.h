// CRC-32 as the chips' ROM function crc32_le computes it (reflected polynomial 0xEDB88320, inverted before and after):
// the check of otadata entries, which start at 0xFFFFFFFF. With 0 it is the ordinary CRC-32 of zlib.
#ifndef FERRY_CODEC_CRC32_H
#define FERRY_CODEC_CRC32_H

#include <stddef.h>
#include <stdint.h>

// crc of what came before (or the start value) -> crc including bytes.
uint32_t ferry_crc32_le(uint32_t crc, const uint8_t *bytes, size_t len);

#endif
