// The texts of HTTP, against RFC 9110 (14.1 ranges, 8.8.3 entity tags), RFC 3986 (paths) and RFC 3629 (UTF-8), from
// whose examples and rules these cases are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

static void paths_are_decoded_or_refused(void **state)
{
    static const struct {
        const char *target, *path; // NULL = refused
    } cases[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"/a%20b", "/a b"},
        {"/%C3%A9", "/\xC3\xA9"},
        {"/a?b=/../c", "/a"},
        {"/a#b", "/a"},
        {"/blink@stable", "/blink@stable"},
        {"/...", "/..."},
        {"/.well-known/x", "/.well-known/x"},
        {"http://host:1/a", "/a"},
        {"HTTPS://host/a?b", "/a"},
        {"", NULL},
        {"a", NULL},
        {"*", NULL},
        {"http://host", NULL},
        {"//a", NULL},
        {"/a//b", NULL},
        {"/.", NULL},
        {"/..", NULL},
        {"/a/..", NULL},
        {"/a/./b", NULL},
        {"/%2e%2E/b", NULL},
        {"/a%C2%9B31mb", NULL},
        {"/a\xC2\x85", NULL},
        {"/a%C2%A0b", "/a\xC2\xA0"
                      "b"},
        {"/a%C3%9Bb", "/a\xC3\x9B"
                      "b"},
        {"/a%2Fb", NULL},
        {"/a%5Cb", NULL},
        {"/a\\b", NULL},
        {"/a%00", NULL},
        {"/a%1f", NULL},
        {"/a%7f", NULL},
        {"/a%", NULL},
        {"/a%4", NULL},
        {"/a%4g", NULL},
        {"/%C0%AF", NULL},         // '/' in two bytes
        {"/%C0%AE%C0%AE/b", NULL}, // '.' in two bytes
        {"/%ED%A0%80", NULL},      // a surrogate
        {"/%F4%90%80%80", NULL},   // beyond U+10FFFF
        {"/%E2%82", NULL},         // cut off
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int len = ferry_http_text_path(cases[i].target, out, sizeof out);
        if ((len >= 0) != (cases[i].path != NULL))
            fail_msg("%s -> %d", cases[i].target, len);
        if (len < 0)
            assert_int_equal(len, FERRY_ERR_ARG);
        else
            assert_string_equal(out, cases[i].path);
    }
    assert_int_equal(ferry_http_text_path("/abc", out, 4), FERRY_ERR_BUFFER);
    assert_int_equal(ferry_http_text_path("/abc", out, 5), 4);
}

static void queries_are_taken_apart(void **state)
{
    struct ferry_http_text_query q;
    char text[] = "a=1&b=x%26y+z&c&d=&e=%C3%A9&f=a=b";
    (void)state;
    assert_int_equal(ferry_http_text_query_parse(text, &q), FERRY_OK);
    assert_int_equal(q.count, 6);
    assert_string_equal(ferry_http_text_query_get(&q, "a"), "1");
    assert_string_equal(ferry_http_text_query_get(&q, "b"), "x&y z");
    assert_string_equal(ferry_http_text_query_get(&q, "c"), "");
    assert_string_equal(ferry_http_text_query_get(&q, "d"), "");
    assert_string_equal(ferry_http_text_query_get(&q, "e"), "\xC3\xA9");
    assert_string_equal(ferry_http_text_query_get(&q, "f"), "a=b");
    assert_null(ferry_http_text_query_get(&q, "A"));
    assert_int_equal(ferry_http_text_query_parse(NULL, &q), FERRY_OK);
    assert_int_equal(q.count, 0);
    static const char *const bad[] = {"a=1&a=2", "=1", "a=%", "a=%zz", "a=%00", "a=%0a", "%ff=1", "a=1&&b=2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char copy[32];
        strcpy(copy, bad[i]);
        if (ferry_http_text_query_parse(copy, &q) != FERRY_ERR_ARG)
            fail_msg("%s was taken", bad[i]);
    }
    char many[] = "a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=&l=&m=&n=&o=&p=&q=";
    assert_int_equal(ferry_http_text_query_parse(many, &q), FERRY_ERR_ARG);
}

static void ranges_are_understood(void **state)
{
    static const struct {
        const char *value;
        uint64_t total;
        enum ferry_http_text_range result;
        uint64_t first, len;
    } cases[] = {
        {NULL, 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=0-499", 10000, FERRY_HTTP_TEXT_RANGE_PART, 0, 500},
        {"bytes=500-999", 10000, FERRY_HTTP_TEXT_RANGE_PART, 500, 500},
        {"bytes=-500", 10000, FERRY_HTTP_TEXT_RANGE_PART, 9500, 500},
        {"bytes=9500-", 10000, FERRY_HTTP_TEXT_RANGE_PART, 9500, 500},
        {"bytes=9500-20000", 10000, FERRY_HTTP_TEXT_RANGE_PART, 9500, 500},
        {"BYTES=0-0", 1, FERRY_HTTP_TEXT_RANGE_PART, 0, 1},
        {"bytes= 1-2 ", 10, FERRY_HTTP_TEXT_RANGE_PART, 1, 2},
        {"bytes=0-18446744073709551615", 10, FERRY_HTTP_TEXT_RANGE_PART, 0, 10},
        {"bytes=0-99999999999999999999999", 10, FERRY_HTTP_TEXT_RANGE_PART, 0, 10},
        {"bytes=10-", 10, FERRY_HTTP_TEXT_RANGE_WRONG, 0, 0},
        {"bytes=99999999999999999999999-", 10, FERRY_HTTP_TEXT_RANGE_WRONG, 0, 0},
        {"bytes=-0", 10, FERRY_HTTP_TEXT_RANGE_WRONG, 0, 0},
        {"bytes=0-", 0, FERRY_HTTP_TEXT_RANGE_WRONG, 0, 0},
        {"bytes=-1", 0, FERRY_HTTP_TEXT_RANGE_WRONG, 0, 0},
        {"bytes=2-1", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=0-1,3-4", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=-", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=a-b", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=--1", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"bytes=+1-2", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
        {"items=0-1", 10, FERRY_HTTP_TEXT_RANGE_NONE, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first = 0, len = 0;
        enum ferry_http_text_range result = ferry_http_text_range(cases[i].value, cases[i].total, &first, &len);
        if (result != cases[i].result)
            fail_msg("%s of %u: %d", cases[i].value, (unsigned)cases[i].total, (int)result);
        if (result == FERRY_HTTP_TEXT_RANGE_PART) {
            assert_int_equal(first, cases[i].first);
            assert_int_equal(len, cases[i].len);
        }
    }
}

static void content_ranges_are_checked(void **state)
{
    uint64_t first, last;
    int64_t total;
    (void)state;
    assert_true(ferry_http_text_content_range("bytes 42-1233/1234", &first, &last, &total));
    assert_int_equal(first, 42);
    assert_int_equal(last, 1233);
    assert_int_equal(total, 1234);
    assert_true(ferry_http_text_content_range("bytes 42-1233/*", &first, &last, &total));
    assert_int_equal(total, -1);
    static const char *const bad[] = {"bytes 5-4/10", "bytes 0-10/10",
                                      "bytes */10",   "bytes 0-1",
                                      "0-1/2",        "bytes 0-1/99999999999999999999",
                                      "bytes 0-1/2x", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ferry_http_text_content_range(bad[i], &first, &last, &total))
            fail_msg("%s was taken", bad[i]);
}

static void tags_are_found_in_lists(void **state)
{
    (void)state;
    assert_true(ferry_http_text_etag_listed("\"xyzzy\"", "\"xyzzy\""));
    assert_true(ferry_http_text_etag_listed("W/\"xyzzy\"", "\"xyzzy\""));
    assert_true(ferry_http_text_etag_listed("\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", "\"c3piozzzz\""));
    assert_true(ferry_http_text_etag_listed("\"a,b\" , \"c\"", "\"c\""));
    assert_true(ferry_http_text_etag_listed("*", "\"any\""));
    assert_false(ferry_http_text_etag_listed("\"xyzz\"", "\"xyzzy\""));
    assert_false(ferry_http_text_etag_listed("xyzzy", "\"xyzzy\""));
    assert_false(ferry_http_text_etag_listed("\"a", "\"a\""));
    assert_false(ferry_http_text_etag_listed("\"", "\""));
    assert_false(ferry_http_text_etag_listed("", "\"a\""));
    assert_false(ferry_http_text_etag_listed(NULL, "\"a\""));
    assert_false(ferry_http_text_etag_listed("*", ""));
}

static void bearers_and_secrets(void **state)
{
    (void)state;
    assert_string_equal(ferry_http_text_bearer("Bearer abc"), "abc");
    assert_string_equal(ferry_http_text_bearer("bearer  abc"), "abc");
    assert_null(ferry_http_text_bearer("Basic abc"));
    assert_null(ferry_http_text_bearer("Bearer "));
    assert_null(ferry_http_text_bearer("Bearer"));
    assert_null(ferry_http_text_bearer(NULL));
    assert_true(ferry_http_text_same_secret("abc", 3, "abc", 3));
    assert_false(ferry_http_text_same_secret("abc", 3, "abd", 3));
    assert_false(ferry_http_text_same_secret("abc", 3, "ab", 2));
    assert_false(ferry_http_text_same_secret("", 0, "a", 1));
    assert_true(ferry_http_text_same("If-Range", "IF-RANGE"));
    assert_false(ferry_http_text_same("If-Range", "If-Rang"));
}

// RFC 7617, section 2 and 2.1; the others as Python's base64 writes them.
static void passwords_are_taken_out_of_basic(void **state)
{
    static const struct {
        const char *value, *password;
    } cases[] = {
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "open sesame"},
        {"Basic dGVzdDoxMjPCow==", "123\xC2\xA3"},
        {"basic YTpi", "b"},
        {"Basic OmFiYzpk", "abc:d"},
        {"Basic YTpiYw", "bc"},
        {"Basic YTo=", NULL},
        {"Basic YWJj", NULL},
        {"Basic YTpiCmM=", NULL},
        {"Basic YTpi!", NULL},
        {"Basic YTpi YTpi", NULL},
        {"Basic ", NULL},
        {"Bearer YTpi", NULL},
        {"Basic YToxMjM0NTY3ODkwMTIzNDU2", NULL}, // longer than there is room
        {NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char password[13];
        bool found = ferry_http_text_basic(cases[i].value, password, sizeof password);
        if (found != (cases[i].password != NULL))
            fail_msg("%s: %d", cases[i].value, found);
        if (found)
            assert_string_equal(password, cases[i].password);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_decoded_or_refused),
        cmocka_unit_test(queries_are_taken_apart),
        cmocka_unit_test(ranges_are_understood),
        cmocka_unit_test(content_ranges_are_checked),
        cmocka_unit_test(tags_are_found_in_lists),
        cmocka_unit_test(bearers_and_secrets),
        cmocka_unit_test(passwords_are_taken_out_of_basic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
