// The log on the card over the web API. The anchor is the log's own writer (log.c, RFC 4180) and Python's csv module in
// tests/e2e; here a plain forward reading of the same file says what must come out backwards, page by page.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/web_rig.h"
#include "updater/web_csv.h"

static void add(struct web_rig *rig, const char *cargo, const char *result, const char *message)
{
    struct ferry_log_entry entry = {
        .chip = "esp32c3", .revision = 3, .port = "/dev/ttyUSB0", .cargo = cargo, .result = result, .message = message};
    assert_int_equal(ferry_log_append(&rig->log, &entry, NULL), 0);
    rig->utc++;
}

static struct web_probe_answer get(struct web_rig *rig, const char *path, const char *result, const char *q,
                                   const char *before, const char *limit)
{
    struct web_probe probe = {.method = "GET",
                              .path = path,
                              .answer_cap = 100,
                              .query = {{"result", result}, {"q", q}, {"limit", limit}, {"before", before}}};
    return web_probe_call(rig->web, &probe);
}

// Numbers of all entries, newest first, over all pages: "12 11 10 ".
static char *walk(struct web_rig *rig, const char *result, const char *q, const char *limit)
{
    static char out[60000];
    char before[24] = "999999999";
    out[0] = 0;
    size_t at = 0;
    for (unsigned pages = 0; pages < 2000; pages++) {
        struct web_probe_answer answer = get(rig, "/api/v1/history", result, q, before, limit);
        assert_int_equal(answer.status, 200);
        const cJSON *row = NULL;
        int rows = 0;
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(answer.json, "history"))
        {
            at += (size_t)snprintf(out + at, sizeof out - at, "%s ", web_probe_text(row, "cargo"));
            rows++;
        }
        assert_true(rows <= atoi(limit));
        long next = (long)cJSON_GetObjectItem(answer.json, "next")->valuedouble;
        web_probe_free(&answer);
        assert_true(next < atol(before));
        snprintf(before, sizeof before, "%ld", next);
        if (next == 0)
            return out;
    }
    fail_msg("the pages have no end");
    return out;
}

static void put_before(char *list, const char *name)
{
    size_t len = strlen(name) + 1;
    memmove(list + len, list, strlen(list) + 1);
    memcpy(list, name, len - 1);
    list[len - 1] = ' ';
}

static void test_newest_first_page_by_page(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(NULL, NULL);
    char expected[2000] = "", failed[2000] = "";
    assert_string_equal(walk(rig, "", "", "5"), ""); // no log yet
    for (int i = 0; i < 40; i++) {
        char name[16], message[400];
        snprintf(name, sizeof name, "n%d", i);
        memset(message, "x,\"y"[i % 4], sizeof message); // lines of every length around a block's border
        message[(size_t)(i * 9)] = 0;
        add(rig, name, i % 3 ? "ok" : "failed", message);
        put_before(expected, name);
        if (i % 3 == 0)
            put_before(failed, name);
        assert_string_equal(walk(rig, "", "", "7"), expected);
    }
    assert_string_equal(walk(rig, "", "", "1"), expected);
    assert_string_equal(walk(rig, "", "", "200"), expected);
    assert_string_equal(walk(rig, "failed", "", "4"), failed);
    assert_string_equal(walk(rig, "", "N39,", "4"), "n39 ");
    assert_string_equal(walk(rig, "ok", "nothing like that", "4"), "");
    web_rig_free(rig);
}

static void test_torn_strange_and_long_lines_are_passed_over(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(NULL, NULL);
    add(rig, "one", "ok", "");
    FILE *f = fopen(rig->log.path, "a");
    fputs("\n\n,,,\nnot a log line at all\n\"open quote,,,\n", f);
    for (int i = 0; i < 9000; i++)
        fputc('z', f);
    fputs("\n1,2,3,4,5,two,7,8,9,10,11,ok,13,14,15\n\xff\xfe,,,,,three,,,,,,ok\n,,,,,torn", f);
    fclose(f);
    char *got = walk(rig, "ok", "", "2");
    assert_string_equal(got, "three one ");
    struct web_probe_answer csv = get(rig, "/api/v1/history.csv", "ok", "", NULL, NULL);
    assert_null(strstr(csv.text, "torn"));
    assert_null(strstr(csv.text, "zzz"));
    web_probe_free(&csv);
    web_rig_free(rig);
}

static void test_a_long_log_is_looked_through_in_bounded_steps(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(NULL, NULL);
    add(rig, "needle", "failed", "");
    FILE *f = fopen(rig->log.path, "a");
    for (int i = 0; i < 20000; i++)
        fputs("2026-05-01T12:00:00Z,,esp32,,p,hay,1,,0,0,1.0,ok,,\n", f);
    fclose(f);
    struct web_probe_answer answer = get(rig, "/api/v1/history", "failed", "", NULL, "50");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer.json, "history")), 0);
    assert_true(cJSON_GetObjectItem(answer.json, "next")->valuedouble > 0); // it says where it stopped
    web_probe_free(&answer);
    assert_string_equal(walk(rig, "failed", "", "50"), "needle ");
    web_rig_free(rig);
}

static void test_csv_is_the_log_and_no_program(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(NULL, NULL);
    add(rig, "=HYPERLINK(\"http://evil\")", "ok", "+1, \"quoted\"");
    add(rig, "plain", "failed", "a,b");
    struct web_probe_answer csv = get(rig, "/api/v1/history.csv", "", "", NULL, NULL);
    assert_string_equal(
        csv.text, "time,mac,chip,revision,port,cargo,version,sha256,written,skipped,seconds,result,error,message\n"
                  "2026-05-01T12:00:00Z,,esp32c3,v0.3,/dev/ttyUSB0,\"'=HYPERLINK(\"\"http://evil\"\")\",,,0,0,0.0,"
                  "ok,,\"'+1, \"\"quoted\"\"\"\n"
                  "2026-05-01T12:00:01Z,,esp32c3,v0.3,/dev/ttyUSB0,plain,,,0,0,0.0,failed,,\"a,b\"\n");
    assert_non_null(strstr(web_probe_header(&csv, "Content-Disposition"), "attachment"));
    web_probe_free(&csv);
    csv = get(rig, "/api/v1/history.csv", "failed", "", NULL, NULL);
    assert_null(strstr(csv.text, "HYPERLINK"));
    assert_non_null(strstr(csv.text, "plain"));
    web_probe_free(&csv);
    web_rig_free(rig);
}

static void test_a_line_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *line, *third;
        bool good;
    } cases[] = {
        {"a,b,c", "c", true},
        {"a,,", "", true},
        {"", "", true},
        {"a,b,\"c,\"\"d\"\"\"", "c,\"d\"", true},
        {"a,b,\"\"", "", true},
        {"a,b,\"c", NULL, false},
        {"a,b,\"c\"d", NULL, false},
        {"a,b,c\"d", "c\"d", true},
        {",,,,,,,,,,,,,", "", true},
        {",,,,,,,,,,,,,,", NULL, false},
        {"\"\"\"\",\",\",\"\"\"\"", "\"", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ferry_web_csv csv;
        char line[100];
        snprintf(line, sizeof line, "%s", cases[i].line);
        if (ferry_web_csv_parse(&csv, line) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].line);
        if (cases[i].good)
            assert_string_equal(csv.fields[2], cases[i].third);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first_page_by_page),
        cmocka_unit_test(test_torn_strange_and_long_lines_are_passed_over),
        cmocka_unit_test(test_a_long_log_is_looked_through_in_bounded_steps),
        cmocka_unit_test(test_csv_is_the_log_and_no_program),
        cmocka_unit_test(test_a_line_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
