// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 appendix B.4 has the check values).
#ifndef FERRY_CODEC_CRC32C_H
#define FERRY_CODEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// Continues over more bytes; start with 0. The CRC of "123456789" is 0xE3069283.
uint32_t ferry_crc32c(uint32_t crc, const uint8_t *bytes, size_t len);

#endif
