// A file on a server as a source. The server of these tests (tests/support/web_file.c) keeps to RFC 9110 and fails
// where it is told to: cut after every number of bytes, changed in the middle, lying about its length.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/source/http.h"
#include "ports/posix/digest.h"
#include "tests/support/web_file.h"

#define SIZE 3000u
static uint8_t bytes[SIZE], others[SIZE];

struct rig {
    struct web_file file;
    struct ferry_http_client client;
    struct ferry_posix_digest state;
    struct ferry_digest digest;
    struct ferry_source_http http;
    struct ferry_source source;
    struct ferry_source_http_cfg cfg;
};

static void sha256_hex(const uint8_t *data, size_t len, char out[65], uint8_t sum[32])
{
    struct ferry_posix_digest state;
    struct ferry_digest digest = ferry_posix_digest_init(&state);
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    digest.update(digest.ctx, data, len);
    digest.finish(digest.ctx, sum, 32);
    for (int i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", sum[i]);
}

static void make(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    for (uint32_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
        others[i] = (uint8_t)(bytes[i] ^ 0x55);
    }
    rig->file =
        (struct web_file){.bytes = bytes, .size = SIZE, .etag = "\"v1\"", .changed = others, .changed_size = SIZE};
    rig->client = web_file_client(&rig->file);
    rig->digest = ferry_posix_digest_init(&rig->state);
    rig->cfg = (struct ferry_source_http_cfg){.client = &rig->client, .url = "http://h/f", .digest = &rig->digest};
}

static int start(struct rig *rig)
{
    return ferry_source_http_open(&rig->http, &rig->cfg, &rig->source);
}

// Reads all in pieces of `piece`, compares; the first failure.
static int read_all(struct rig *rig, uint32_t piece)
{
    uint8_t buf[SIZE];
    for (uint32_t at = 0; at < rig->http.size; at += piece) {
        uint32_t len = rig->http.size - at < piece ? rig->http.size - at : piece;
        int status = rig->source.read(rig->source.ctx, at, buf + at, len);
        if (status < 0)
            return status;
        assert_memory_equal(buf + at, bytes + at, len);
    }
    return FERRY_OK;
}

static void end(struct rig *rig)
{
    ferry_source_http_close(&rig->http);
    assert_false(rig->file.open);
    ferry_posix_digest_close(&rig->state);
}

static void in_order_it_is_one_request(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(rig.source.size, SIZE);
    assert_int_equal(read_all(&rig, 100), FERRY_OK);
    assert_int_equal(rig.file.opens, 1);
    assert_int_equal(rig.http.resumed, 0);
    end(&rig);
}

static void a_cut_after_any_number_of_bytes_is_gone_on_with(void **state)
{
    struct rig rig;
    (void)state;
    for (uint32_t cut = 1; cut < SIZE; cut += cut < 70 ? 1 : 37) {
        make(&rig);
        rig.file.cut_after = cut;
        sha256_hex(bytes, SIZE, rig.file.sha256, (uint8_t[32]){0});
        assert_int_equal(start(&rig), FERRY_OK);
        if (read_all(&rig, 512) != FERRY_OK)
            fail_msg("cut after %u bytes", cut);
        assert_int_equal(rig.http.resumed, (SIZE - 1) / cut);
        assert_int_equal(rig.file.sent, SIZE); // no byte twice
        end(&rig);
    }
}

static void a_server_without_ranges_is_read_again(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.file.no_ranges = true;
    rig.file.etag[0] = 0;
    assert_int_equal(start(&rig), FERRY_OK);
    uint8_t buf[10];
    assert_int_equal(rig.source.read(rig.source.ctx, 2000, buf, 10), FERRY_OK);
    assert_memory_equal(buf, bytes + 2000, 10);
    assert_int_equal(rig.source.read(rig.source.ctx, 5, buf, 10), FERRY_OK);
    assert_memory_equal(buf, bytes + 5, 10);
    assert_int_equal(rig.source.read(rig.source.ctx, SIZE - 3, buf, 10), FERRY_ERR_ARG);
    end(&rig);
}

static void connections_that_fail_are_tried_again_up_to_a_limit(void **state)
{
    struct rig rig;
    (void)state;
    for (unsigned refusals = 1; refusals <= 5; refusals++) {
        make(&rig);
        rig.file.cut_after = 1000;
        assert_int_equal(start(&rig), FERRY_OK);
        rig.file.refuse_opens = refusals;
        int want = refusals < 4 ? FERRY_OK : FERRY_ERR_STORAGE_READ; // the cut itself is the first of five trials
        assert_int_equal(read_all(&rig, 300), want);
        if (want < 0)
            assert_int_equal(rig.http.problem, FERRY_SOURCE_HTTP_CLIENT);
        end(&rig);
    }
}

static void a_file_that_changes_is_never_mixed(void **state)
{
    struct rig rig;
    (void)state;
    for (int keeps_tag = 0; keeps_tag < 2; keeps_tag++)
        for (int ranges = 0; ranges < 2; ranges++) {
            make(&rig);
            rig.file.cut_after = 1000;
            rig.file.change_after = 1000;
            rig.file.no_ranges = !ranges;
            rig.file.keep_tag = keeps_tag;
            rig.file.changed_size = keeps_tag ? SIZE - 1 : SIZE; // then its length tells
            assert_int_equal(start(&rig), FERRY_OK);
            assert_int_equal(read_all(&rig, 250), FERRY_ERR_STORAGE_CHANGED);
            assert_int_equal(rig.http.problem, FERRY_SOURCE_HTTP_OTHER);
            assert_int_equal(rig.source.read(rig.source.ctx, 0, (uint8_t[4]){0}, 4), FERRY_ERR_STORAGE_CHANGED);
            end(&rig);
        }
}

static void a_hash_that_does_not_fit_fails_the_last_read(void **state)
{
    struct rig rig;
    char hex[65];
    uint8_t sum[32];
    (void)state;
    sha256_hex(others, SIZE, hex, sum);
    make(&rig);
    strcpy(rig.file.sha256, hex); // the server lies
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(read_all(&rig, 300), FERRY_ERR_STORAGE_DAMAGED);
    assert_int_equal(rig.http.problem, FERRY_SOURCE_HTTP_HASH);
    end(&rig);
    make(&rig);
    rig.cfg.sha256 = sum; // who asks knows better
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(read_all(&rig, 300), FERRY_ERR_STORAGE_DAMAGED);
    end(&rig);
    // The same bytes under the same tag, but for a swap that only the digest sees.
    make(&rig);
    sha256_hex(bytes, SIZE, rig.file.sha256, sum);
    rig.file.cut_after = 1000;
    rig.file.change_after = 1000;
    rig.file.keep_tag = true;
    assert_int_equal(start(&rig), FERRY_OK);
    uint8_t buf[SIZE];
    int status = FERRY_OK;
    for (uint32_t at = 0; at < SIZE && status >= 0; at += 250)
        status = rig.source.read(rig.source.ctx, at, buf + at, 250);
    assert_int_equal(status, FERRY_ERR_STORAGE_DAMAGED);
    end(&rig);
}

static void lengths_that_lie_are_found(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.file.lie_total = SIZE + 100; // ends before its end, each time anew
    assert_int_equal(start(&rig), FERRY_OK);
    uint8_t buf[SIZE + 100];
    assert_true(rig.source.read(rig.source.ctx, 0, buf, SIZE + 100) < 0);
    end(&rig);
    make(&rig);
    rig.file.lie_total = -1; // no length at all
    assert_int_equal(start(&rig), FERRY_ERR_STORAGE_READ);
    assert_int_equal(rig.http.problem, FERRY_SOURCE_HTTP_LENGTH);
    end(&rig);
    make(&rig);
    rig.file.lie_total = 100u << 20;
    assert_int_equal(start(&rig), FERRY_ERR_TOO_LARGE_FLASH);
    end(&rig);
    make(&rig);
    rig.file.cut_after = 1000;
    assert_int_equal(start(&rig), FERRY_OK);
    rig.file.lie_offset = 7; // a part that was not asked for
    assert_int_equal(read_all(&rig, 500), FERRY_ERR_STORAGE_READ);
    assert_int_equal(rig.http.problem, FERRY_SOURCE_HTTP_LENGTH);
    end(&rig);
}

// Every lie with every other: ranges or not, tags strong, weak and none, the hash told rightly, wrongly or not, known
// to who asks or not, lengths too long and too short, bodies that end early as if they were whole, cuts, and a file
// that becomes another one with and without telling. What is read to its end without an error is the file; only where
// nobody knows a hash and the server says that it still is the same file may the bytes be of both.
struct lies {
    unsigned no_ranges, etag, told, known, lie, shorter, cut, change, keep;
};

static void lay_out(struct rig *rig, const struct lies *l, uint8_t sum[32])
{
    static const char *const etags[] = {"\"v1\"", "W/\"v1\"", ""};
    static const int64_t totals[] = {0, SIZE + 1, SIZE - 1};
    char hex[65];
    make(rig);
    sha256_hex(others, SIZE, hex, sum);
    strcpy(rig->file.sha256, l->told == 2 ? hex : "");
    sha256_hex(bytes, SIZE, hex, sum);
    if (l->told == 1)
        strcpy(rig->file.sha256, hex);
    rig->cfg.sha256 = l->known ? sum : NULL;
    strcpy(rig->file.etag, etags[l->etag]);
    rig->file.no_ranges = l->no_ranges;
    rig->file.lie_total = totals[l->lie];
    rig->file.short_body = l->shorter;
    rig->file.cut_after = l->cut ? 700 : 0;
    rig->file.change_after = l->change ? 1 + 650 * l->change : 0;
    rig->file.keep_tag = l->keep;
}

static void hold_to(const struct lies *l)
{
    struct rig rig;
    uint8_t sum[32], buf[SIZE + 1] = {0};
    lay_out(&rig, l, sum);
    int status = start(&rig);
    uint32_t size = status >= 0 ? rig.http.size : 0;
    for (uint32_t at = 0; at < size && status >= 0; at += 500)
        status = rig.source.read(rig.source.ctx, at, buf + at, size - at < 500 ? size - at : 500);
    bool same = size == SIZE && memcmp(buf, bytes, SIZE) == 0;
    bool hashed = l->told != 0 || l->known;
    bool blind = !hashed && (l->lie == 2 || (l->change && (l->keep || l->etag != 0)));
    bool plain = !l->lie && !l->shorter && !l->change && (l->known || l->told != 2) && (!l->cut || !l->no_ranges);
    if ((status >= 0 && !same && !blind) || (status < 0 && plain))
        fail_msg("status %d same %d: ranges %d etag %u told %u known %u lie %u short %u cut %u change %u keep %u",
                 status, same, !l->no_ranges, l->etag, l->told, l->known, l->lie, l->shorter, l->cut, l->change,
                 l->keep);
    end(&rig);
}

static void no_lie_gets_through(void **state)
{
    static const unsigned many[] = {2, 3, 3, 2, 3, 2, 2, 3, 2};
    unsigned all = 1;
    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        all *= many[i];
    for (unsigned n = 0; n < all; n++) {
        unsigned digits[9], rest = n;
        for (size_t i = 0; i < 9; rest /= many[i], i++)
            digits[i] = rest % many[i];
        hold_to(&(struct lies){digits[0], digits[1], digits[2], digits[3], digits[4], digits[5], digits[6], digits[7],
                               digits[8]});
    }
}

static void statuses_have_names(void **state)
{
    static const struct {
        int http, status;
    } cases[] = {{404, FERRY_ERR_STORAGE_MISSING}, {410, FERRY_ERR_STORAGE_MISSING}, {401, FERRY_ERR_STORAGE_READ},
                 {403, FERRY_ERR_STORAGE_READ},    {500, FERRY_ERR_STORAGE_READ},    {204, FERRY_ERR_STORAGE_READ}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        make(&rig);
        rig.file.status = cases[i].http;
        assert_int_equal(start(&rig), cases[i].status);
        assert_int_equal(rig.http.http_status, cases[i].http);
        end(&rig);
    }
}

static void what_an_earlier_run_kept_is_gone_on_with(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.cfg.start = 1200;
    rig.cfg.etag = "\"v1\"";
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(rig.http.begin, 1200);
    assert_int_equal(rig.source.size, SIZE);
    end(&rig);
    make(&rig);
    rig.cfg.start = 1200;
    rig.cfg.etag = "\"v0\""; // another one by now
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(rig.http.begin, 0);
    assert_int_equal(read_all(&rig, 999), FERRY_OK);
    end(&rig);
    make(&rig);
    rig.cfg.start = SIZE + 5; // longer than it is
    rig.cfg.etag = "\"v1\"";
    assert_int_equal(start(&rig), FERRY_OK);
    assert_int_equal(rig.http.begin, 0);
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_it_is_one_request),
        cmocka_unit_test(a_cut_after_any_number_of_bytes_is_gone_on_with),
        cmocka_unit_test(a_server_without_ranges_is_read_again),
        cmocka_unit_test(connections_that_fail_are_tried_again_up_to_a_limit),
        cmocka_unit_test(a_file_that_changes_is_never_mixed),
        cmocka_unit_test(a_hash_that_does_not_fit_fails_the_last_read),
        cmocka_unit_test(lengths_that_lie_are_found),
        cmocka_unit_test(no_lie_gets_through),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(what_an_earlier_run_kept_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
