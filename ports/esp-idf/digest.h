// MD5 and SHA-256 by mbedTLS: the chip's SHA engine where ESP-IDF uses it (CONFIG_MBEDTLS_HARDWARE_SHA).
//
// With mbedTLS 2 and 3 (ESP-IDF 5.x) through mbedtls_md, since its PSA interface needs CONFIG_MBEDTLS_PSA_CRYPTO_C and
// a random generator that nothing here uses; with mbedTLS 4 (ESP-IDF 6.x), which has nothing else, through psa_hash_*.
// No setting is asked of the application in either case. MD5 is off where the configuration leaves it out (ESP-IDF 6:
// CONFIG_MBEDTLS_MD5_C); the link route does not need it.
#ifndef PORTS_ESP_IDF_DIGEST_H
#define PORTS_ESP_IDF_DIGEST_H

#include "ferry/io/digest.h"

struct ferry_idf_digest {
    void *operation; // about 120 bytes of heap while a digest is under way
    enum ferry_digest_kind kind;
};

// One digest at a time; make one of these per task. *self must outlive the result. begin(): FERRY_ERR_UNSUPPORTED when
// the kind is not built in, FERRY_ERR_NO_MEMORY.
struct ferry_digest ferry_idf_digest_init(struct ferry_idf_digest *self);
// Ends whatever is under way and gives its memory back.
void ferry_idf_digest_close(struct ferry_idf_digest *self);

#endif
