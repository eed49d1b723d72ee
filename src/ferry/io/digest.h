// Digests (MD5, SHA-256) come from the platform: hardware or a library.
#ifndef FERRY_IO_DIGEST_H
#define FERRY_IO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define FERRY_MD5_SIZE 16
#define FERRY_SHA256_SIZE 32

enum ferry_digest_kind { FERRY_DIGEST_MD5 = 1, FERRY_DIGEST_SHA256 = 2 };

// One digest under way at a time per ctx. begin may be called again at any time: it starts over.
struct ferry_digest {
    void *ctx;
    int (*begin)(void *ctx, enum ferry_digest_kind kind);       // 0 or FERRY_ERR_UNSUPPORTED
    int (*update)(void *ctx, const uint8_t *bytes, size_t len); // 0, or FERRY_ERR_STATE
    int (*finish)(void *ctx, uint8_t *out, size_t cap);         // bytes written (16 or 32), or FERRY_ERR_BUFFER
};

#endif
