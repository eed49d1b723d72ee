// MD5 and SHA-256. Anchors: RFC 1321 appendix A.5, FIPS 180-4 examples.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"

static const char *hex(const struct ferry_digest *digest, enum ferry_digest_kind kind, const char *text, size_t step)
{
    static char out[80];
    uint8_t bytes[32];
    size_t len = strlen(text);
    assert_int_equal(digest->begin(digest->ctx, kind), FERRY_OK);
    for (size_t at = 0; at < len; at += step)
        assert_int_equal(digest->update(digest->ctx, (const uint8_t *)text + at, len - at < step ? len - at : step), 0);
    int n = digest->finish(digest->ctx, bytes, sizeof bytes);
    for (int i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

static void test_known_answers(void **state)
{
    (void)state;
    struct ferry_posix_digest self;
    struct ferry_digest digest = ferry_posix_digest_init(&self);
    for (size_t step = 1; step < 100; step += 7) {
        assert_string_equal(hex(&digest, FERRY_DIGEST_MD5, "message digest", step), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_string_equal(hex(&digest, FERRY_DIGEST_SHA256, "abc", step),
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_string_equal(
            hex(&digest, FERRY_DIGEST_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", step),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
    assert_string_equal(hex(&digest, FERRY_DIGEST_MD5, "", 1), "d41d8cd98f00b204e9800998ecf8427e");
    ferry_posix_digest_close(&self);
}

static void test_begin_starts_over(void **state)
{
    (void)state;
    struct ferry_posix_digest self;
    struct ferry_digest digest = ferry_posix_digest_init(&self);
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    digest.update(digest.ctx, (const uint8_t *)"left over", 9);
    assert_string_equal(hex(&digest, FERRY_DIGEST_MD5, "abc", 3), "900150983cd24fb0d6963f7d28e17f72");
    ferry_posix_digest_close(&self);
}

static void test_misuse(void **state)
{
    (void)state;
    struct ferry_posix_digest self;
    struct ferry_digest digest = ferry_posix_digest_init(&self);
    uint8_t out[32];
    assert_int_equal(digest.update(digest.ctx, out, 1), FERRY_ERR_STATE);
    assert_int_equal(digest.finish(digest.ctx, out, 32), FERRY_ERR_STATE);
    assert_int_equal(digest.begin(digest.ctx, (enum ferry_digest_kind)9), FERRY_ERR_UNSUPPORTED);
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    assert_int_equal(digest.finish(digest.ctx, out, 31), FERRY_ERR_BUFFER);
    assert_int_equal(digest.finish(digest.ctx, out, 32), 32);
    assert_int_equal(digest.finish(digest.ctx, out, 32), FERRY_ERR_STATE);
    ferry_posix_digest_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_begin_starts_over),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
