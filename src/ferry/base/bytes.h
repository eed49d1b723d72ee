// Byte order: values are loaded from and stored to byte arrays, never by casting structs.
// p must point to at least as many bytes as the name says. No alignment is needed.
#ifndef FERRY_BASE_BYTES_H
#define FERRY_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t ferry_load16le(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}

static inline uint32_t ferry_load32le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ferry_load64le(const uint8_t *p)
{
    return (uint64_t)ferry_load32le(p) | (uint64_t)ferry_load32le(p + 4) << 32;
}

static inline void ferry_store16le(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void ferry_store32le(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void ferry_store64le(uint8_t *p, uint64_t v)
{
    ferry_store32le(p, (uint32_t)v);
    ferry_store32le(p + 4, (uint32_t)(v >> 32));
}

#endif
