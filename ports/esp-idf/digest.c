#include "ports/esp-idf/digest.h"

#include <stdbool.h>
#include <stdlib.h>

#include "ferry/base/status.h"
#include "mbedtls/version.h"

#if MBEDTLS_VERSION_MAJOR >= 4
#include <psa/crypto.h>

typedef psa_hash_operation_t operation_t;

static int start(operation_t *operation, enum ferry_digest_kind kind)
{
    *operation = psa_hash_operation_init();
    if (psa_crypto_init() != PSA_SUCCESS)
        return FERRY_ERR_UNSUPPORTED;
    psa_status_t status = psa_hash_setup(operation, kind == FERRY_DIGEST_MD5 ? PSA_ALG_MD5 : PSA_ALG_SHA_256);
    return status == PSA_SUCCESS                     ? FERRY_OK
           : status == PSA_ERROR_INSUFFICIENT_MEMORY ? FERRY_ERR_NO_MEMORY
                                                     : FERRY_ERR_UNSUPPORTED;
}

static bool more(operation_t *operation, const uint8_t *bytes, size_t len)
{
    return psa_hash_update(operation, bytes, len) == PSA_SUCCESS;
}

static bool end(operation_t *operation, uint8_t *out, size_t size)
{
    return psa_hash_finish(operation, out, size, &size) == PSA_SUCCESS;
}

static void drop(operation_t *operation)
{
    psa_hash_abort(operation);
}
#else
#include "mbedtls/md.h"

typedef mbedtls_md_context_t operation_t;

static int start(operation_t *operation, enum ferry_digest_kind kind)
{
    mbedtls_md_init(operation);
    const mbedtls_md_info_t *info =
        mbedtls_md_info_from_type(kind == FERRY_DIGEST_MD5 ? MBEDTLS_MD_MD5 : MBEDTLS_MD_SHA256);
    if (!info)
        return FERRY_ERR_UNSUPPORTED;
    if (mbedtls_md_setup(operation, info, 0) != 0)
        return FERRY_ERR_NO_MEMORY;
    return mbedtls_md_starts(operation) == 0 ? FERRY_OK : FERRY_ERR_UNSUPPORTED;
}

static bool more(operation_t *operation, const uint8_t *bytes, size_t len)
{
    return mbedtls_md_update(operation, bytes, len) == 0;
}

static bool end(operation_t *operation, uint8_t *out, size_t size)
{
    (void)size;
    return mbedtls_md_finish(operation, out) == 0;
}

static void drop(operation_t *operation)
{
    mbedtls_md_free(operation);
}
#endif

static int begin(void *ctx, enum ferry_digest_kind kind)
{
    struct ferry_idf_digest *self = ctx;
    ferry_idf_digest_close(self);
    if (kind != FERRY_DIGEST_MD5 && kind != FERRY_DIGEST_SHA256)
        return FERRY_ERR_UNSUPPORTED;
    operation_t *operation = malloc(sizeof *operation);
    if (!operation)
        return FERRY_ERR_NO_MEMORY;
    self->operation = operation;
    self->kind = kind;
    int status = start(operation, kind);
    if (status < 0)
        ferry_idf_digest_close(self);
    return status;
}

static int update(void *ctx, const uint8_t *bytes, size_t len)
{
    struct ferry_idf_digest *self = ctx;
    return self->operation && more(self->operation, bytes, len) ? FERRY_OK : FERRY_ERR_STATE;
}

static int finish(void *ctx, uint8_t *out, size_t cap)
{
    struct ferry_idf_digest *self = ctx;
    size_t size = self->kind == FERRY_DIGEST_MD5 ? FERRY_MD5_SIZE : FERRY_SHA256_SIZE;
    if (!self->operation)
        return FERRY_ERR_STATE;
    if (cap < size)
        return FERRY_ERR_BUFFER;
    bool done = end(self->operation, out, size);
    ferry_idf_digest_close(self);
    return done ? (int)size : FERRY_ERR_STATE;
}

struct ferry_digest ferry_idf_digest_init(struct ferry_idf_digest *self)
{
    *self = (struct ferry_idf_digest){0};
    return (struct ferry_digest){.ctx = self, .begin = begin, .update = update, .finish = finish};
}

void ferry_idf_digest_close(struct ferry_idf_digest *self)
{
    if (self->operation)
        drop(self->operation);
    free(self->operation);
    self->operation = NULL;
}
