// Bringing builds onto a card and taking them off it, over the web API. What may be on a FAT card is Microsoft's rule
// ("Naming Files, Paths, and Namespaces"); what is recognised afterwards is asked of the card's own scan. Every upload
// is torn at every piece, and what lies on the card then is compared with what lay there before.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "tests/support/web_rig.h"
#include "updater/web_name.h"

static const char *const port_names[] = {"/dev/ttyUSB0"};

static struct web_rig *rig_new(void)
{
    struct ferry_web_cfg cfg = {
        .port_count = 1, .port_names = port_names, .rom = true, .start = true, .upload_limit = 1u << 20};
    return web_rig_new(&cfg, NULL);
}

// The files below a folder, as text: "a.bin:12 .ferry/up-1.part:3 ", folders left out.
static void list(const char *dir, const char *prefix, char *out, size_t cap)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[600], shown[300];
        struct stat st;
        if (names[i]->d_name[0] != '.' || strcmp(names[i]->d_name, ".ferry") == 0) {
            snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
            snprintf(shown, sizeof shown, "%s%s", prefix, names[i]->d_name);
            if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                strncat(shown, "/", sizeof shown - strlen(shown) - 1);
                list(path, shown, out, cap);
            } else {
                size_t at = strlen(out);
                snprintf(out + at, cap - at, "%s:%ld ", shown, (long)st.st_size);
            }
        }
        free(names[i]);
    }
    free(names);
}

static char *files(const struct web_rig *rig)
{
    static char text[4][4000];
    static unsigned turn;
    char *out = text[turn++ % 4];
    out[0] = 0;
    list(rig->dir, "", out, sizeof text[0]);
    return out;
}

static struct web_probe_answer put(struct web_rig *rig, const char *path, const char *body, const char *key,
                                   const char *value)
{
    struct web_probe probe = {
        .method = "PUT", .path = path, .body = body, .len = strlen(body), .query = {{key, value}}};
    return web_probe_call(rig->web, &probe);
}

static void expect(struct web_probe_answer answer, int status, const char *error)
{
    if (answer.status != status || (error && strcmp(web_probe_text(answer.json, "error"), error) != 0))
        fail_msg("%d %s instead of %d %s: %s", answer.status, web_probe_text(answer.json, "error"), status,
                 error ? error : "", answer.text);
    if (error)
        assert_true(web_probe_text(answer.json, "what")[0]);
    web_probe_free(&answer);
}

static void test_an_upload_arrives_in_any_pieces(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    char body[1000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7);
    for (size_t piece = 1; piece < 1100; piece = piece * 3 + 1) {
        struct web_probe probe = {.method = "PUT",
                                  .path = "/api/v1/files/kettle/app.bin",
                                  .body = body,
                                  .len = sizeof body,
                                  .piece = piece,
                                  .announced = piece % 2 ? -1 : 0,
                                  .query = {{"replace", "1"}}};
        expect(web_probe_call(rig->web, &probe), 201, NULL);
        char path[600], got[1100];
        snprintf(path, sizeof path, "%s/kettle/app.bin", rig->dir);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        assert_int_equal(fread(got, 1, sizeof got, f), sizeof body);
        fclose(f);
        assert_memory_equal(got, body, sizeof body);
        assert_string_equal(files(rig), "kettle/app.bin:1000 ");
    }
    web_rig_free(rig);
}

static void test_a_torn_upload_leaves_nothing_wherever_it_is_torn(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    expect(put(rig, "/api/v1/files/old.bin", "old", NULL, NULL), 201, NULL);
    for (size_t torn = 1; torn <= 60; torn++) {
        char body[60];
        memset(body, 'x', sizeof body);
        struct web_probe probe = {.method = "PUT",
                                  .path = torn % 2 ? "/api/v1/files/new.bin" : "/api/v1/files/old.bin",
                                  .body = body,
                                  .len = sizeof body,
                                  .piece = 7,
                                  .torn = torn,
                                  .query = {{"replace", "1"}}};
        struct web_probe_answer answer = web_probe_call(rig->web, &probe);
        web_probe_free(&answer);
        assert_string_equal(files(rig), "old.bin:3 ");
    }
    struct web_probe shorter = {
        .method = "PUT", .path = "/api/v1/files/new.bin", .body = "abc", .len = 3, .announced = 4};
    expect(web_probe_call(rig->web, &shorter), 400, "TORN");
    assert_string_equal(files(rig), "old.bin:3 ");
    web_rig_free(rig);
}

static void test_nothing_is_overwritten_unasked(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    expect(put(rig, "/api/v1/files/app.bin", "one", NULL, NULL), 201, NULL);
    expect(put(rig, "/api/v1/files/app.bin", "two!", NULL, NULL), 409, "EXISTS");
    expect(put(rig, "/api/v1/files/APP.BIN", "two!", NULL, NULL), 409, "EXISTS"); // the same file on a FAT card
    expect(put(rig, "/api/v1/files/App.bin", "two!", "replace", "1"), 409, "EXISTS");
    assert_string_equal(files(rig), "app.bin:3 ");
    expect(put(rig, "/api/v1/files/app.bin", "two!", "replace", "1"), 201, NULL);
    assert_string_equal(files(rig), "app.bin:4 ");
    expect(put(rig, "/api/v1/files/app.bin/inner.bin", "x", NULL, NULL), 507, "STORAGE_WRITE"); // a file, no folder
    expect(put(rig, "/api/v1/files/kettle/app.bin", "x", NULL, NULL), 201, NULL);
    expect(put(rig, "/api/v1/files/kettle", "x", "replace", "1"), 409, "EXISTS"); // a folder, no file
    assert_string_equal(files(rig), "app.bin:4 kettle/app.bin:1 ");
    web_rig_free(rig);
}

static void finish(const struct ferry_http_handler *handler, void *state, int status)
{
    struct ferry_http_answer answer = {0};
    handler->finish(handler->ctx, state, &answer);
    assert_int_equal(answer.status, status);
    answer.close(answer.ctx);
}

static void test_two_uploads_to_one_name_at_once(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    struct ferry_http_handler handler = ferry_web_handler(rig->web);
    struct web_probe probe = {.method = "PUT", .path = "/api/v1/files/a.bin", .len = 6};
    struct ferry_http_request request = web_probe_request(&probe);
    struct ferry_http_answer answer = {0};
    void *one = NULL, *two = NULL;
    assert_false(handler.open(handler.ctx, &request, &answer, &one));
    assert_false(handler.open(handler.ctx, &request, &answer, &two)); // nothing is there yet
    assert_false(handler.body(handler.ctx, one, (const uint8_t *)"111", 3, &answer));
    assert_false(handler.body(handler.ctx, two, (const uint8_t *)"222222", 6, &answer));
    assert_false(handler.body(handler.ctx, one, (const uint8_t *)"111", 3, &answer));
    finish(&handler, two, 201);
    finish(&handler, one, 409); // came second, and did not ask to replace
    struct web_probe_answer there = put(rig, "/api/v1/files/a.bin", "x", NULL, NULL);
    expect(there, 409, "EXISTS");
    char path[600], got[10] = "";
    snprintf(path, sizeof path, "%s/a.bin", rig->dir);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(got, 1, sizeof got, f), 6);
    fclose(f);
    assert_string_equal(got, "222222");
    assert_string_equal(files(rig), "a.bin:6 ");
    web_rig_free(rig);
}

static void test_names_that_a_card_cannot_have(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "a/../b",
        "../a",
        "/a",
        "a//b",
        "a/",
        ".hidden",
        "a/.b",
        "a:b",
        "a*b",
        "a?b",
        "a\"b",
        "a<b",
        "a>b",
        "a|b",
        "a\\b",
        "a\tb",
        "a\nb",
        "a\x7f",
        " a",
        "a ",
        "a.",
        "CON",
        "nul.bin",
        "com1",
        "LPT9.a",
        "Aux .bin",
        "a/b/c/d",
        "\xff.bin",
        "a\xc0\xaf_b",
        "ferry.json",
        "FERRY.JSON",
        "ferry-log.csv",
        "ferry-log-old1.csv",
        "conin$",
        "\xed\xa0\x80.bin",
        ".ferry/x",
        "COM\xc2\xb9.bin",
        "lpt\xc2\xb3",
        "a\xe2\x80\xaegpj.bin", // turns what follows round
        "a\xc2\x9b.bin",        // a terminal's control character
    };
    static const char *const good[] = {
        "a",
        "app.bin",
        "a/b/c",
        "K\xc3\xbc_che.bin",
        "\xe8\x8c\xb6.bin",
        "console.bin",
        "com.bin",
        "lpt10.bin",
        "a b.bin",
        "a'b.bin",
        "100%.bin",
        "x/ferry.json",
        "null.bin",
        "a;b.bin",
        "3",
        "a&b.bin",
        "ferry-log.bin",
        "com1x",
        "com\xc2\xb2x",
        "com\xc2\xb5.bin",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d.bin", // right to left by itself
        "\xf0\x9f\x9a\xb0.bin",
        "auxiliary.bin",
    };
    char longest[200];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!ferry_web_name_wrong(bad[i]))
            fail_msg("'%s' is taken for a good name", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (ferry_web_name_wrong(good[i]))
            fail_msg("'%s': %s", good[i], ferry_web_name_wrong(good[i]));
    memset(longest, 'a', sizeof longest);
    longest[80] = 0;
    assert_null(ferry_web_name_wrong(longest));
    longest[80] = 'a';
    longest[81] = 0;
    assert_non_null(ferry_web_name_wrong(longest));
    longest[60] = '/';
    longest[81] = 'a';
    longest[121] = 0;
    assert_non_null(ferry_web_name_wrong(longest));
    longest[120] = 0;
    assert_null(ferry_web_name_wrong(longest));
}

static void test_hostile_names_are_refused_and_touch_nothing(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    expect(put(rig, "/api/v1/files/ferry.json", "{}", "replace", "1"), 422, "NAME");
    expect(put(rig, "/api/v1/files/.ferry/up-1.part", "x", "replace", "1"), 422, "NAME");
    expect(put(rig, "/api/v1/files/CON", "x", NULL, NULL), 422, "NAME");
    expect(put(rig, "/api/v1/files/<img src=x onerror=alert(1)>.bin", "x", NULL, NULL), 422, "NAME");
    expect(put(rig, "/api/v1/files/a.bin", "x", "set", "../../x"), 422, "NAME");
    expect(put(rig, "/api/v1/files/a.bin", "x", "set", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 422, "NAME");
    assert_string_equal(files(rig), "");
    web_rig_free(rig);
}

static void test_a_link_that_leads_out_is_not_followed(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    char *outside = card_new(), path[600];
    snprintf(path, sizeof path, "%s/way", rig->dir);
    assert_int_equal(symlink(outside, path), 0);
    expect(put(rig, "/api/v1/files/way/app.bin", "x", NULL, NULL), 422, "STORAGE_PATH");
    snprintf(path, sizeof path, "%s/app.bin", outside);
    assert_int_not_equal(access(path, F_OK), 0);
    card_remove(outside);
    web_rig_free(rig);
}

static void test_too_large_and_no_room(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    static char body[(1u << 20) + 10];
    struct web_probe probe = {
        .method = "PUT", .path = "/api/v1/files/a.bin", .body = body, .len = sizeof body, .piece = 8192};
    struct web_probe_answer answer = web_probe_call(rig->web, &probe);
    assert_true(answer.refused);
    expect(answer, 413, "TOO_LARGE");
    probe.announced = -1; // found out while it comes
    expect(web_probe_call(rig->web, &probe), 413, "TOO_LARGE");
    rig->room = (64u << 10) + 99;
    probe.announced = 0;
    probe.len = 100;
    expect(web_probe_call(rig->web, &probe), 507, "NO_SPACE");
    assert_string_equal(files(rig), "");
    probe.len = 99;
    expect(web_probe_call(rig->web, &probe), 201, NULL);
    web_rig_free(rig);
}

// ---- folders ----

static struct web_probe_answer commit(struct web_rig *rig, const char *path, const char *set, const char *replace)
{
    struct web_probe probe = {.method = "POST", .path = path, .query = {{"set", set}, {"replace", replace}}};
    return web_probe_call(rig->web, &probe);
}

static void test_a_folder_appears_whole_or_not_at_all(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    expect(put(rig, "/api/v1/files/kettle/app.bin", "app", "set", "s1"), 201, NULL);
    expect(put(rig, "/api/v1/files/kettle/boot/boot.bin", "boot", "set", "s1"), 201, NULL);
    web_rig_look(rig);
    assert_int_equal(rig->card.list.count + rig->card.list.refused_count, 0); // nobody sees it yet
    expect(commit(rig, "/api/v1/files/other", "s1", NULL), 404, "STORAGE_MISSING");
    expect(commit(rig, "/api/v1/files/kettle", "s2", NULL), 404, "STORAGE_MISSING");
    expect(commit(rig, "/api/v1/files/kettle/boot", "s1", NULL), 422, "NAME");
    expect(commit(rig, "/api/v1/files/kettle", NULL, NULL), 422, "NAME");
    expect(commit(rig, "/api/v1/files/kettle", "s1", NULL), 201, NULL);
    assert_string_equal(files(rig), "kettle/app.bin:3 kettle/boot/boot.bin:4 ");
    expect(put(rig, "/api/v1/files/kettle/app.bin", "newer", "set", "s2"), 201, NULL);
    expect(commit(rig, "/api/v1/files/kettle", "s2", NULL), 409, "EXISTS");
    expect(commit(rig, "/api/v1/files/kettle", "s2", "1"), 201,
           NULL); // the whole folder: boot.bin is gone with the old one
    assert_string_equal(files(rig), "kettle/app.bin:5 ");
    web_rig_free(rig);
}

static void test_a_folder_that_is_not_wanted_any_more(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    expect(put(rig, "/api/v1/files/kettle/app.bin", "old", NULL, NULL), 201, NULL);
    expect(put(rig, "/api/v1/files/kettle/app.bin", "app", "set", "s1"), 201, NULL);
    expect(put(rig, "/api/v1/files/pump/app.bin", "app", "set", "s2"), 201, NULL);
    static const struct {
        const char *set;
        int status;
    } cases[] = {{NULL, 422}, {"", 422}, {"../..", 422}, {"s1", 200}, {"s1", 200}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_probe probe = {.method = "DELETE", .path = "/api/v1/files/kettle", .query = {{"set", cases[i].set}}};
        expect(web_probe_call(rig->web, &probe), cases[i].status, cases[i].status == 422 ? "NAME" : NULL);
    }
    assert_string_equal(files(rig), ".ferry/set-s2/pump/app.bin:3 kettle/app.bin:3 ");
    web_rig_free(rig);
}

static void test_what_a_power_cut_left_is_gone_after_the_start(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    char path[600];
    expect(put(rig, "/api/v1/files/kettle/app.bin", "app", "set", "s1"), 201, NULL);
    snprintf(path, sizeof path, "%s/.ferry/up-7.part", rig->dir);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/.ferry/0200000000-00.fjr", rig->dir);
    fclose(fopen(path, "w")); // a journal is none of that
    web_rig_restart(rig, NULL);
    assert_string_equal(files(rig), ".ferry/0200000000-00.fjr:0 ");
    web_rig_free(rig);
}

// ---- taking off ----

static struct web_probe_answer delete (struct web_rig *rig, const char *id)
{
    char path[64];
    snprintf(path, sizeof path, "/api/v1/builds/%s", id);
    struct web_probe probe = {.method = "DELETE", .path = path};
    return web_probe_call(rig->web, &probe);
}

static void test_a_build_goes_with_its_files_and_nothing_else(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    char id[FERRY_WEB_ID], path[600];
    card_put_idf_build(rig->dir, "kettle", "esp32c3");
    card_put_app(rig->dir, "app.bin", "esp32c3");
    snprintf(path, sizeof path, "%s/kettle/notes.txt", rig->dir);
    fclose(fopen(path, "w"));
    web_rig_look(rig);
    assert_int_equal(rig->card.list.count, 2);
    for (int round = 0; round < 2; round++) {
        const struct ferry_cargo *cargo = &rig->card.list.items[0];
        ferry_web_build_id(&rig->card, cargo, id);
        expect(delete (rig, id), 200, NULL);
        web_rig_look(rig);
        expect(delete (rig, id), 404, "STORAGE_MISSING");
    }
    assert_int_equal(rig->card.list.count, 0);
    assert_string_equal(files(rig), "kettle/notes.txt:0 ");
    web_rig_free(rig);
}

static void test_what_a_job_reads_stays(void **state)
{
    (void)state;
    struct web_rig *rig = rig_new();
    char id[FERRY_WEB_ID];
    static struct ferry_job job; // as the updater's thread shows it
    card_put_app(rig->dir, "app.bin", "esp32c3");
    web_rig_look(rig);
    ferry_web_build_id(&rig->card, &rig->card.list.items[0], id);
    memset(&job, 0, sizeof job);
    job.state = FERRY_JOB_WRITING;
    job.has_chosen = true;
    job.chosen = rig->card.list.items[0];
    ferry_web_tell_job(rig->web, 0, &job);
    expect(delete (rig, id), 409, "BUSY");
    expect(put(rig, "/api/v1/files/app.bin", "x", "replace", "1"), 409, "BUSY");
    struct ferry_updater_outcome outcome = {0};
    ferry_web_tell_ended(rig->web, 0, NULL, &outcome);
    expect(delete (rig, id), 200, NULL);
    web_rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_upload_arrives_in_any_pieces),
        cmocka_unit_test(test_a_torn_upload_leaves_nothing_wherever_it_is_torn),
        cmocka_unit_test(test_nothing_is_overwritten_unasked),
        cmocka_unit_test(test_two_uploads_to_one_name_at_once),
        cmocka_unit_test(test_names_that_a_card_cannot_have),
        cmocka_unit_test(test_hostile_names_are_refused_and_touch_nothing),
        cmocka_unit_test(test_a_link_that_leads_out_is_not_followed),
        cmocka_unit_test(test_too_large_and_no_room),
        cmocka_unit_test(test_a_folder_appears_whole_or_not_at_all),
        cmocka_unit_test(test_a_folder_that_is_not_wanted_any_more),
        cmocka_unit_test(test_what_a_power_cut_left_is_gone_after_the_start),
        cmocka_unit_test(test_a_build_goes_with_its_files_and_nothing_else),
        cmocka_unit_test(test_what_a_job_reads_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
