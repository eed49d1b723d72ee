// MD5 and SHA-256 by mbedTLS through its PSA interface (psa_hash_*), which ESP-IDF has too.
#ifndef PORTS_POSIX_DIGEST_H
#define PORTS_POSIX_DIGEST_H

#include <psa/crypto.h>

#include "ferry/io/digest.h"

// One digest at a time; make one of these per thread or per user.
struct ferry_posix_digest {
    psa_hash_operation_t operation;
    enum ferry_digest_kind kind; // 0 = none under way
};

// *self must outlive the result. begin() returns FERRY_ERR_UNSUPPORTED when the library cannot start or lacks the kind.
struct ferry_digest ferry_posix_digest_init(struct ferry_posix_digest *self);
// Ends whatever is under way.
void ferry_posix_digest_close(struct ferry_posix_digest *self);

#endif
