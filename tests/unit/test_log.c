// The log on the card. Anchored outside by RFC 4180 (a parser written from its grammar reads every line back) and by
// what a crash can leave: the file cut at every byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "tests/support/card.h"
#include "updater/log.h"

#define FIELDS 14

struct csv {
    char text[FIELDS + 2][1024];
    size_t count;
};

// One record as RFC 4180 says (LF ends it); returns the rest. Fails the test on anything outside the grammar.
static const char *parse_record(const char *p, struct csv *out)
{
    memset(out, 0, sizeof *out);
    for (;;) {
        char *field = out->text[out->count++];
        size_t n = 0;
        assert_true(out->count <= FIELDS + 1);
        if (*p == '"') {
            for (p++; *p != '"' || p[1] == '"'; p++) {
                assert_int_not_equal(*p, 0);
                p += *p == '"';
                field[n++] = *p;
            }
            p++;
        } else {
            while (*p && *p != ',' && *p != '\n') {
                assert_int_not_equal(*p, '"');
                field[n++] = *p++;
            }
        }
        if (*p++ == ',')
            continue;
        assert_int_equal(p[-1], '\n');
        return p;
    }
}

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 16);
    size_t n = fread(text, 1, (1 << 16) - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static int64_t noon(void *ctx)
{
    (void)ctx;
    return 1714564800; // 2024-05-01T12:00:00Z
}

static const uint8_t mac[6] = {0xa0, 0xb1, 0xc2, 0x00, 0x0e, 0xff};

static struct ferry_log_entry entry(void)
{
    static uint8_t sha[32];
    for (unsigned i = 0; i < 32; i++)
        sha[i] = (uint8_t)(i * 7);
    return (struct ferry_log_entry){.mac = mac,
                                    .chip = "esp32c3",
                                    .revision = 4,
                                    .port = "/dev/ttyUSB0",
                                    .cargo = "blink",
                                    .version = "1.2.0",
                                    .sha256 = sha,
                                    .written = 1000000,
                                    .skipped = 65536,
                                    .elapsed_ms = 12349,
                                    .result = "ok"};
}

static void test_a_line_holds_everything(void **state)
{
    (void)state;
    char line[FERRY_LOG_LINE];
    struct csv csv;
    struct ferry_log_entry e = entry();
    size_t len = ferry_log_format(&e, noon(NULL), line, sizeof line);
    assert_int_equal(len, strlen(line));
    parse_record(line, &csv);
    assert_int_equal(csv.count, FIELDS);
    const char *expect[FIELDS] = {"2024-05-01T12:00:00Z",
                                  "a0:b1:c2:00:0e:ff",
                                  "esp32c3",
                                  "v0.4",
                                  "/dev/ttyUSB0",
                                  "blink",
                                  "1.2.0",
                                  "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9",
                                  "1000000",
                                  "65536",
                                  "12.3",
                                  "ok",
                                  "",
                                  ""};
    for (int i = 0; i < FIELDS; i++)
        assert_string_equal(csv.text[i], expect[i]);
}

static void test_an_unset_clock_and_unknown_target_leave_fields_empty(void **state)
{
    (void)state;
    char line[FERRY_LOG_LINE];
    struct ferry_log_entry e = {.revision = -1, .result = "failed", .status = FERRY_ERR_NO_ANSWER, .message = "silent"};
    ferry_log_format(&e, 86400 * 365, line, sizeof line);
    assert_string_equal(line, ",,,,,,,,0,0,0.0,failed,NO_ANSWER,silent\n");
}

static void test_awkward_text_is_quoted(void **state)
{
    (void)state;
    char line[FERRY_LOG_LINE];
    struct csv csv;
    struct ferry_log_entry e = entry();
    e.cargo = "a,\"b\" c";
    e.version = " lead";
    e.port = "\"";
    e.message = "line one\nline two\r\n\x01 caf\xc3\xa9";
    ferry_log_format(&e, 0, line, sizeof line);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1); // one line whatever the text
    parse_record(line, &csv);
    assert_int_equal(csv.count, FIELDS);
    assert_string_equal(csv.text[5], "a,\"b\" c");
    assert_string_equal(csv.text[6], " lead");
    assert_string_equal(csv.text[4], "\"");
    assert_string_equal(csv.text[13], "line one line two    caf\xc3\xa9");
}

// Every length of a text that has quotes and two-byte characters: the line stays well formed and within its limit.
static void test_long_fields_are_cut_between_characters(void **state)
{
    (void)state;
    char line[FERRY_LOG_LINE], text[2001];
    struct csv csv;
    for (size_t len = 0; len < 2000; len += 37) {
        for (size_t i = 0; i < len; i++)
            text[i] = i % 2 ? (char)0xa9 : (char)0xc3;
        text[len & ~(size_t)1] = 0;
        struct ferry_log_entry e = entry();
        e.port = e.cargo = e.version = e.message = text;
        assert_true(ferry_log_format(&e, 0, line, sizeof line) < sizeof line);
        parse_record(line, &csv);
        assert_int_equal(csv.count, FIELDS);
        assert_int_equal(strlen(csv.text[5]) % 2, 0);
        memset(text, '"', len);
        text[len] = 0;
        assert_true(ferry_log_format(&e, 0, line, sizeof line) < sizeof line);
        parse_record(line, &csv);
        assert_int_equal(csv.count, FIELDS);
    }
}

static struct ferry_log new_log(const char *dir)
{
    struct ferry_log log;
    assert_int_equal(ferry_log_init(&log, dir), FERRY_OK);
    log.utc = noon;
    return log;
}

static void append(struct ferry_log *log)
{
    struct ferry_fault fault;
    struct ferry_log_entry e = entry();
    int status = ferry_log_append(log, &e, &fault);
    if (status != FERRY_OK)
        print_message("%s: %s\n", fault.what, fault.where);
    assert_int_equal(status, FERRY_OK);
}

// The header is there once and all records have as many fields as it.
static size_t count_records(const char *text)
{
    struct csv csv;
    size_t count = 0;
    text = parse_record(text, &csv);
    assert_string_equal(csv.text[0], "time");
    assert_string_equal(csv.text[FIELDS - 1], "message");
    for (; *text; count++) {
        text = parse_record(text, &csv);
        assert_int_equal(csv.count, FIELDS);
        assert_string_not_equal(csv.text[0], "time");
    }
    return count;
}

static void test_the_header_comes_once(void **state)
{
    (void)state;
    char *dir = card_new();
    struct ferry_log log = new_log(dir);
    for (int i = 0; i < 5; i++)
        append(&log);
    struct ferry_log second = new_log(dir);
    append(&second);
    char *text = slurp(log.path);
    assert_int_equal(count_records(text), 6);
    free(text);
    card_remove(dir);
}

static void test_a_file_cut_at_every_byte_is_repaired(void **state)
{
    (void)state;
    char *dir = card_new();
    struct ferry_log log = new_log(dir);
    for (int i = 0; i < 3; i++)
        append(&log);
    char *whole = slurp(log.path);
    size_t len = strlen(whole), header = (size_t)(strchr(whole, '\n') - whole) + 1, line = (len - header) / 3;
    for (size_t cut = 0; cut <= len; cut++) {
        card_put(dir, "ferry-log.csv", whole, cut);
        append(&log);
        char *text = slurp(log.path);
        size_t kept = cut < header ? 0 : (cut - header) / line;
        assert_int_equal(count_records(text), kept + 1);
        assert_int_equal(log.repaired, cut < header ? cut > 0 : (cut - header) % line != 0);
        free(text);
    }
    free(whole);
    card_remove(dir);
}

static void test_a_file_with_other_columns_is_kept_aside(void **state)
{
    (void)state;
    char *dir = card_new();
    struct ferry_log log = new_log(dir);
    card_put_text(dir, "ferry-log.csv", "date,who\n2020,me\n");
    append(&log);
    char *old = slurp(log.moved), *text = slurp(log.path);
    assert_string_equal(old, "date,who\n2020,me\n");
    assert_int_equal(count_records(text), 1);
    free(old);
    free(text);
    card_remove(dir);
}

static void test_a_log_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    char *dir = card_new();
    struct ferry_fault fault;
    struct ferry_log_entry e = entry();
    struct ferry_log log = new_log(dir);
    card_put_text(dir, "ferry-log.csv/in-the-way", "a folder of that name");
    assert_int_equal(ferry_log_append(&log, &e, &fault), FERRY_ERR_STORAGE_WRITE);
    assert_int_equal(fault.status, FERRY_ERR_STORAGE_WRITE);
    assert_string_equal(fault.where, log.path);
    card_remove(dir);
    assert_int_equal(ferry_log_append(&log, &e, &fault), FERRY_ERR_STORAGE_WRITE); // the card is gone
    assert_int_equal(log.lines, 0);
}

// /dev/full takes nothing, as a full card.
static void test_a_full_card_is_told(void **state)
{
    (void)state;
    struct ferry_fault fault;
    struct ferry_log_entry e = entry();
    struct ferry_log log = new_log("/tmp");
    if (access("/dev/full", W_OK) != 0)
        skip();
    snprintf(log.path, sizeof log.path, "/dev/full");
    assert_int_equal(ferry_log_append(&log, &e, &fault), FERRY_ERR_STORAGE_WRITE);
}

static void test_a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char dir[700];
    struct ferry_log log;
    memset(dir, 'a', sizeof dir);
    dir[sizeof dir - 1] = 0;
    assert_int_equal(ferry_log_init(&log, dir), FERRY_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_holds_everything),
        cmocka_unit_test(test_an_unset_clock_and_unknown_target_leave_fields_empty),
        cmocka_unit_test(test_awkward_text_is_quoted),
        cmocka_unit_test(test_long_fields_are_cut_between_characters),
        cmocka_unit_test(test_the_header_comes_once),
        cmocka_unit_test(test_a_file_cut_at_every_byte_is_repaired),
        cmocka_unit_test(test_a_file_with_other_columns_is_kept_aside),
        cmocka_unit_test(test_a_log_that_cannot_be_written_is_told),
        cmocka_unit_test(test_a_full_card_is_told),
        cmocka_unit_test(test_a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
