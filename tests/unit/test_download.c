// Downloads into the cache. The server (tests/support/web_file.c) keeps to RFC 9110 and fails where it is told to; what
// must be true afterwards is in updater/download.h: the file is the server's, byte for byte, or there is none.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "tests/support/web_file.h"
#include "updater/download.h"

#define SIZE 40000u
#define URL "http://h/dir/blink.bin"
static uint8_t bytes[SIZE], others[SIZE];

struct rig {
    char folder[64];
    struct web_file file;
    struct ferry_http_client client;
    struct ferry_posix_digest state;
    struct ferry_digest digest;
    struct ferry_download_cfg cfg;
    struct ferry_download got;
    struct ferry_fault fault;
    uint32_t stop_at; // progress stops there; 0 = not
};

static bool progress(void *ctx, const char *name, uint32_t done, uint32_t size)
{
    struct rig *rig = ctx;
    assert_non_null(name);
    assert_true(done <= size);
    return rig->stop_at && done >= rig->stop_at;
}

static void make(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    for (uint32_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 13 + (i >> 9));
        others[i] = (uint8_t)(bytes[i] ^ 0xAA);
    }
    strcpy(rig->folder, "/tmp/ferry-download-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    rig->file =
        (struct web_file){.bytes = bytes, .size = SIZE, .etag = "\"v1\"", .changed = others, .changed_size = SIZE};
    rig->client = web_file_client(&rig->file);
    rig->digest = ferry_posix_digest_init(&rig->state);
    rig->cfg = (struct ferry_download_cfg){.client = &rig->client,
                                           .digest = &rig->digest,
                                           .folder = rig->folder,
                                           .progress = progress,
                                           .progress_ctx = rig};
}

static int get(struct rig *rig)
{
    memset(&rig->fault, 0, sizeof rig->fault);
    int status = ferry_download(&rig->cfg, URL, &rig->got, &rig->fault);
    if (status < 0)
        assert_true(rig->fault.status == status && rig->fault.what[0]);
    assert_false(rig->file.open);
    return status;
}

static void expect_file(struct rig *rig, const uint8_t *want, uint32_t size)
{
    static uint8_t have[SIZE + 1];
    FILE *in = fopen(rig->got.path, "rb");
    assert_non_null(in);
    assert_int_equal(fread(have, 1, sizeof have, in), size);
    assert_memory_equal(have, want, size);
    fclose(in);
}

// What a scan of the cache would see: files whose names do not begin with a dot.
static int visible(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0)
            count += S_ISDIR(st.st_mode) ? visible(path) : 1;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void end(struct rig *rig)
{
    char command[128];
    ferry_posix_digest_close(&rig->state);
    snprintf(command, sizeof command, "rm -rf '%s'", rig->folder);
    assert_int_equal(system(command), 0);
}

static void a_file_is_fetched_once(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, bytes, SIZE);
    assert_int_equal(rig.got.fetched, SIZE);
    assert_int_equal(rig.file.sent, SIZE);
    assert_int_equal(get(&rig), FERRY_OK); // asked for, not sent
    expect_file(&rig, bytes, SIZE);
    assert_int_equal(rig.got.unchanged, 1);
    assert_int_equal(rig.file.sent, SIZE);
    rig.file.bytes = others; // another one now
    strcpy(rig.file.etag, "\"v2\"");
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, others, SIZE);
    end(&rig);
}

static void offline_takes_what_is_whole_and_asks_nobody(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.cfg.offline = true;
    assert_int_equal(get(&rig), FERRY_ERR_STORAGE_MISSING);
    rig.cfg.offline = false;
    assert_int_equal(get(&rig), FERRY_OK);
    unsigned opens = rig.file.opens;
    rig.cfg.offline = true;
    strcpy(rig.file.etag, "\"another\""); // what the server has by now does not matter
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, bytes, SIZE);
    FILE *out = fopen(rig.got.path, "r+b");
    assert_non_null(out);
    fputc(bytes[0] ^ 1, out);
    fclose(out);
    assert_int_equal(get(&rig), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(rig.file.opens, opens);
    end(&rig);
}

static void a_run_that_was_stopped_is_gone_on_with(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.stop_at = 20000;
    assert_int_equal(get(&rig), FERRY_ERR_CANCELLED);
    assert_int_equal(visible(rig.folder), 0);
    rig.stop_at = 0;
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, bytes, SIZE);
    assert_true(rig.got.kept >= 20000 && rig.got.kept + rig.got.fetched == SIZE);
    end(&rig);
}

static void cuts_of_every_size_end_well(void **state)
{
    (void)state;
    for (uint32_t cut = 997; cut < SIZE + 2000; cut += 3989) {
        struct rig rig;
        make(&rig);
        rig.file.cut_after = cut;
        assert_int_equal(get(&rig), FERRY_OK);
        expect_file(&rig, bytes, SIZE);
        assert_int_equal(rig.got.resumed, (SIZE - 1) / cut);
        end(&rig);
    }
}

static void a_part_of_another_file_is_not_used(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.stop_at = 20000;
    assert_int_equal(get(&rig), FERRY_ERR_CANCELLED);
    rig.stop_at = 0;
    rig.file.bytes = others;
    strcpy(rig.file.etag, "\"v2\"");
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, others, SIZE);
    assert_int_equal(rig.got.kept, 0);
    end(&rig);
}

static void a_file_that_changes_meanwhile_leaves_nothing(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.file.cut_after = 10000;
    rig.file.change_after = 10000;
    assert_int_equal(get(&rig), FERRY_ERR_STORAGE_CHANGED);
    assert_int_equal(visible(rig.folder), 0);
    rig.file.cut_after = 0;
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, others, SIZE);
    end(&rig);
}

static void a_hash_that_lies_leaves_nothing(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    memset(rig.file.sha256, 'a', 64);
    assert_int_equal(get(&rig), FERRY_ERR_STORAGE_DAMAGED);
    assert_int_equal(visible(rig.folder), 0);
    end(&rig);
}

// The same tag, other bytes (a broken server, or a cache gone wrong): with a hash it is found.
static void a_mixed_file_is_found_by_its_hash(void **state)
{
    struct rig rig;
    uint8_t sum[32];
    (void)state;
    make(&rig);
    rig.digest.begin(rig.digest.ctx, FERRY_DIGEST_SHA256);
    rig.digest.update(rig.digest.ctx, bytes, SIZE);
    rig.digest.finish(rig.digest.ctx, sum, sizeof sum);
    for (int i = 0; i < 32; i++)
        sprintf(rig.file.sha256 + 2 * i, "%02x", sum[i]);
    rig.stop_at = 20000;
    assert_int_equal(get(&rig), FERRY_ERR_CANCELLED);
    rig.stop_at = 0;
    rig.file.bytes = others;
    assert_int_equal(get(&rig), FERRY_ERR_STORAGE_DAMAGED);
    assert_int_equal(visible(rig.folder), 0);
    end(&rig);
}

static void a_cached_file_that_was_damaged_is_fetched_again(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    assert_int_equal(get(&rig), FERRY_OK);
    FILE *out = fopen(rig.got.path, "r+b");
    fseek(out, 777, SEEK_SET);
    fputc(bytes[777] ^ 1, out);
    fclose(out);
    assert_int_equal(get(&rig), FERRY_OK);
    expect_file(&rig, bytes, SIZE);
    assert_int_equal(rig.got.unchanged, 0);
    end(&rig);
}

static void servers_that_refuse_are_named(void **state)
{
    static const struct {
        int http, status;
    } cases[] = {{404, FERRY_ERR_STORAGE_MISSING}, {401, FERRY_ERR_STORAGE_READ}, {500, FERRY_ERR_STORAGE_READ}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        char code[8];
        make(&rig);
        rig.file.status = cases[i].http;
        assert_int_equal(get(&rig), cases[i].status);
        snprintf(code, sizeof code, "%d", cases[i].http);
        assert_non_null(strstr(rig.fault.what, code));
        assert_int_equal(visible(rig.folder), 0);
        end(&rig);
    }
}

static void too_large_is_refused_before_it_comes(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    rig.cfg.limit = SIZE - 1;
    assert_int_equal(get(&rig), FERRY_ERR_TOO_LARGE_FLASH);
    assert_int_equal(rig.file.sent, 0);
    end(&rig);
}

static int manifest(struct rig *rig, const char *text)
{
    rig->file.bytes = (const uint8_t *)text;
    rig->file.size = (uint32_t)strlen(text);
    memset(&rig->fault, 0, sizeof rig->fault);
    return ferry_download(&rig->cfg, "http://h/flasher_args.json", &rig->got, &rig->fault);
}

static void manifests_do_not_lead_out(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"{\"flash_files\":{\"0x0\":\"../../x.bin\"}}", FERRY_ERR_STORAGE_PATH},
        {"{\"flash_files\":{\"0x0\":\"/etc/passwd\"}}", FERRY_ERR_STORAGE_PATH},
        {"{\"flash_files\":{\"0x0\":\"http://other/x.bin\"}}", FERRY_ERR_STORAGE_PATH},
        {"{\"flash_files\":{\"0x0\":\".hidden\"}}", FERRY_ERR_MANIFEST},
        {"{\"flash_files\":{\"0x0\":7}}", FERRY_ERR_MANIFEST},
        {"{\"flash_files\":{}}", FERRY_ERR_MANIFEST},
        {"{\"builds\":[{\"parts\":[{}]}]}", FERRY_ERR_MANIFEST},
        {"{}", FERRY_ERR_MANIFEST},
        {"no JSON", FERRY_ERR_MANIFEST},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        make(&rig);
        int status = manifest(&rig, cases[i].text);
        if (status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].text, status, rig.fault.what);
        assert_true(visible(rig.folder) <= 1); // the manifest itself
        end(&rig);
    }
}

static void addresses_are_checked(void **state)
{
    struct rig rig;
    (void)state;
    make(&rig);
    assert_true(ferry_download_is_url("https://x/y"));
    assert_true(ferry_download_is_url("depot:http://x/y@z"));
    assert_false(ferry_download_is_url("depot:blink@stable"));
    assert_false(ferry_download_is_url("ftp://x"));
    assert_int_equal(ferry_download(&rig.cfg, "file:///etc/passwd", &rig.got, &rig.fault), FERRY_ERR_ARG);
    assert_int_equal(ferry_download(&rig.cfg, "depot:http://x", &rig.got, &rig.fault), FERRY_ERR_ARG);
    assert_int_equal(ferry_download(&rig.cfg, "depot:http://x/", &rig.got, &rig.fault), FERRY_ERR_ARG);
    assert_int_equal(rig.file.opens, 0);
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_fetched_once),
        cmocka_unit_test(offline_takes_what_is_whole_and_asks_nobody),
        cmocka_unit_test(a_run_that_was_stopped_is_gone_on_with),
        cmocka_unit_test(cuts_of_every_size_end_well),
        cmocka_unit_test(a_part_of_another_file_is_not_used),
        cmocka_unit_test(a_file_that_changes_meanwhile_leaves_nothing),
        cmocka_unit_test(a_hash_that_lies_leaves_nothing),
        cmocka_unit_test(a_mixed_file_is_found_by_its_hash),
        cmocka_unit_test(a_cached_file_that_was_damaged_is_fetched_again),
        cmocka_unit_test(servers_that_refuse_are_named),
        cmocka_unit_test(too_large_is_refused_before_it_comes),
        cmocka_unit_test(manifests_do_not_lead_out),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
