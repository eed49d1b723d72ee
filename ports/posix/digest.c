#include "ports/posix/digest.h"

#include <string.h>

#include "ferry/base/status.h"

static int begin(void *ctx, enum ferry_digest_kind kind)
{
    struct ferry_posix_digest *self = ctx;
    ferry_posix_digest_close(self);
    if (kind != FERRY_DIGEST_MD5 && kind != FERRY_DIGEST_SHA256)
        return FERRY_ERR_UNSUPPORTED;
    psa_algorithm_t algorithm = kind == FERRY_DIGEST_MD5 ? PSA_ALG_MD5 : PSA_ALG_SHA_256;
    if (psa_crypto_init() != PSA_SUCCESS || psa_hash_setup(&self->operation, algorithm) != PSA_SUCCESS)
        return FERRY_ERR_UNSUPPORTED;
    self->kind = kind;
    return FERRY_OK;
}

static int update(void *ctx, const uint8_t *bytes, size_t len)
{
    struct ferry_posix_digest *self = ctx;
    if (!self->kind || psa_hash_update(&self->operation, bytes, len) != PSA_SUCCESS)
        return FERRY_ERR_STATE;
    return FERRY_OK;
}

static int finish(void *ctx, uint8_t *out, size_t cap)
{
    struct ferry_posix_digest *self = ctx;
    if (!self->kind)
        return FERRY_ERR_STATE;
    size_t size = self->kind == FERRY_DIGEST_MD5 ? FERRY_MD5_SIZE : FERRY_SHA256_SIZE;
    if (cap < size)
        return FERRY_ERR_BUFFER;
    size_t length = 0;
    psa_status_t status = psa_hash_finish(&self->operation, out, cap, &length);
    ferry_posix_digest_close(self);
    return status == PSA_SUCCESS ? (int)length : FERRY_ERR_STATE;
}

struct ferry_digest ferry_posix_digest_init(struct ferry_posix_digest *self)
{
    memset(self, 0, sizeof *self);
    self->operation = psa_hash_operation_init();
    return (struct ferry_digest){.ctx = self, .begin = begin, .update = update, .finish = finish};
}

void ferry_posix_digest_close(struct ferry_posix_digest *self)
{
    (void)psa_hash_abort(&self->operation);
    self->kind = (enum ferry_digest_kind)0;
}
