// The cache's limit. Anchored in what POSIX shows of the folder afterwards (stat, opendir), with files beside and in
// the cache that nobody but this test has put there.
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

#define SIZE 10000u
#define BUILDS 6
static uint8_t bytes[SIZE];

struct rig {
    char root[64], folder[80];
    struct web_file file;
    struct ferry_http_client client;
    struct ferry_posix_digest state;
    struct ferry_digest digest;
    struct ferry_download_cfg cfg;
    struct ferry_download got;
    struct ferry_fault fault;
    char used[FERRY_CARGO_PATH], held[FERRY_CARGO_PATH];
    uint64_t free_bytes;
    bool frees; // what goes makes the free space larger
};

static void hold(void *ctx, const char *folder)
{
    struct rig *rig = ctx;
    struct stat st;
    assert_true(stat(folder, &st) == 0 && S_ISDIR(st.st_mode));
    snprintf(rig->held, sizeof rig->held, "%s", folder);
}

static bool in_use(void *ctx, const char *folder)
{
    struct rig *rig = ctx;
    assert_string_not_equal(folder, rig->held); // the one that is fetched into is not even asked about
    return strcmp(folder, rig->used) == 0;
}

static int space(void *ctx, uint64_t *free_bytes)
{
    struct rig *rig = ctx;
    *free_bytes = rig->free_bytes;
    if (rig->frees)
        rig->free_bytes += SIZE;
    return FERRY_OK;
}

static void make(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    for (uint32_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    strcpy(rig->root, "/tmp/ferry-cache-XXXXXX");
    assert_non_null(mkdtemp(rig->root));
    snprintf(rig->folder, sizeof rig->folder, "%s/cache", rig->root);
    rig->file = (struct web_file){.bytes = bytes, .size = SIZE, .etag = "\"v1\""};
    rig->client = web_file_client(&rig->file);
    rig->digest = ferry_posix_digest_init(&rig->state);
    rig->cfg = (struct ferry_download_cfg){.client = &rig->client,
                                           .digest = &rig->digest,
                                           .folder = rig->folder,
                                           .hold = hold,
                                           .in_use = in_use,
                                           .cache_ctx = rig};
}

static void end(struct rig *rig)
{
    char command[128];
    ferry_posix_digest_close(&rig->state);
    snprintf(command, sizeof command, "rm -rf '%s'", rig->root);
    assert_int_equal(system(command), 0);
}

static int get(struct rig *rig, unsigned number)
{
    char url[64];
    snprintf(url, sizeof url, "http://h/%u.bin", number);
    memset(&rig->fault, 0, sizeof rig->fault);
    int status = ferry_download(&rig->cfg, url, &rig->got, &rig->fault);
    if (status < 0)
        assert_true(rig->fault.what[0]);
    return status;
}

static bool there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

// Fetches builds 0 .. count - 1 and notes where each lies.
static void fill(struct rig *rig, char paths[BUILDS][FERRY_CARGO_PATH], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(get(rig, i), FERRY_OK);
        snprintf(paths[i], FERRY_CARGO_PATH, "%s", rig->got.path);
    }
}

static void what_was_not_used_for_longest_goes_first(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    (void)state;
    make(&rig);
    rig.cfg.cache_limit = 3 * (SIZE + 300); // three, with their tags
    fill(&rig, paths, 3);
    assert_int_equal(get(&rig, 0), FERRY_OK); // asked for again: used last
    assert_int_equal(rig.got.unchanged, 1);
    assert_int_equal(get(&rig, 3), FERRY_OK);
    assert_true(there(paths[0]) && there(paths[2]) && there(rig.got.path));
    assert_false(there(paths[1]));
    assert_int_equal(get(&rig, 4), FERRY_OK);
    assert_true(there(paths[0]) && !there(paths[2]));
    end(&rig);
}

// However many were fetched: the list of what is there does not grow with what was.
static void the_order_names_what_is_there(void **state)
{
    struct rig rig;
    char path[100], line[40];
    unsigned lines = 0;
    (void)state;
    make(&rig);
    rig.cfg.cache_limit = 2 * (SIZE + 300);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(get(&rig, i), FERRY_OK);
    snprintf(path, sizeof path, "%s/.order", rig.folder);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        lines++;
    fclose(in);
    assert_in_range(lines, 2, 3); // the last one to go was there when it was written
    end(&rig);
}

static void without_a_limit_nothing_goes(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    (void)state;
    make(&rig);
    fill(&rig, paths, BUILDS);
    for (unsigned i = 0; i < BUILDS; i++)
        assert_true(there(paths[i]));
    end(&rig);
}

static void what_is_in_use_stays(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    (void)state;
    make(&rig);
    rig.cfg.cache_limit = 2 * (SIZE + 300);
    fill(&rig, paths, 2);
    snprintf(rig.used, sizeof rig.used, "%.*s", (int)(strrchr(paths[0], '/') - paths[0]), paths[0]);
    assert_int_equal(get(&rig, 2), FERRY_OK);
    assert_true(there(paths[0]) && !there(paths[1]));
    rig.cfg.cache_limit = SIZE + 300; // only what is in use fits: nothing more is fetched, and nothing is lost
    uint64_t sent = rig.file.sent;
    assert_int_equal(get(&rig, 3), FERRY_ERR_STORAGE_WRITE);
    assert_int_equal(rig.file.sent, sent);
    assert_true(there(paths[0]));
    end(&rig);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

// Names that are no keys, a key that is a link to a folder outside, a link in a folder that goes, and an order that
// names paths: none of them leads to anything that is not the cache's.
static void nothing_outside_is_touched(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    char path[300], outside[100];
    (void)state;
    make(&rig);
    fill(&rig, paths, 1);
    snprintf(outside, sizeof outside, "%s/mine", rig.root);
    assert_int_equal(mkdir(outside, 0777), 0);
    put(outside, "precious", "precious");
    put(rig.folder, "notes.txt", "mine");
    put(rig.folder, ".order", "../mine\n/etc\n0123456789abcdef\n....\n0123456789ABCDEF\n0123456789abcdef0\n");
    snprintf(path, sizeof path, "%s/0123456789abcdef", rig.folder);
    assert_int_equal(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%.*s/link", (int)(strrchr(paths[0], '/') - paths[0]), paths[0]);
    assert_int_equal(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%s/0123456789ABCDEF", rig.folder);
    assert_int_equal(mkdir(path, 0777), 0);
    put(path, "x", "mine");
    rig.cfg.cache_limit = SIZE;
    assert_int_equal(get(&rig, 1), FERRY_OK);
    assert_false(there(paths[0])); // with the link in it
    snprintf(path, sizeof path, "%s/mine/precious", rig.root);
    assert_true(there(path));
    snprintf(path, sizeof path, "%s/notes.txt", rig.folder);
    assert_true(there(path));
    snprintf(path, sizeof path, "%s/0123456789ABCDEF/x", rig.folder);
    assert_true(there(path));
    end(&rig);
}

// A cache from before the order was kept, or whose order was lost with the power.
static void a_lost_order_costs_nothing_else(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    char path[100];
    (void)state;
    make(&rig);
    fill(&rig, paths, 3);
    snprintf(path, sizeof path, "%s/.order", rig.folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(get(&rig, 1), FERRY_OK); // the only one that is known to be used
    rig.cfg.cache_limit = 2 * (SIZE + 300);
    assert_int_equal(get(&rig, 3), FERRY_OK);
    assert_true(there(paths[1]) && there(rig.got.path));
    assert_false(there(paths[0]) || there(paths[2]));
    end(&rig);
}

static void a_full_card_is_told_before_anything_is_fetched(void **state)
{
    static char paths[BUILDS][FERRY_CARGO_PATH];
    struct rig rig;
    (void)state;
    make(&rig);
    fill(&rig, paths, 2);
    rig.cfg.space = space;
    rig.free_bytes = SIZE - 1;
    rig.frees = true; // one that goes is room enough
    assert_int_equal(get(&rig, 2), FERRY_OK);
    assert_true(!there(paths[0]) && there(paths[1]));
    rig.frees = false;
    rig.free_bytes = 10; // whatever goes: somebody else fills the card
    uint64_t sent = rig.file.sent;
    assert_int_equal(get(&rig, 3), FERRY_ERR_STORAGE_WRITE);
    assert_int_equal(rig.file.sent, sent);
    assert_non_null(strstr(rig.fault.what, "10 KB"));
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_used_for_longest_goes_first),
        cmocka_unit_test(the_order_names_what_is_there),
        cmocka_unit_test(without_a_limit_nothing_goes),
        cmocka_unit_test(what_is_in_use_stays),
        cmocka_unit_test(nothing_outside_is_touched),
        cmocka_unit_test(a_lost_order_costs_nothing_else),
        cmocka_unit_test(a_full_card_is_told_before_anything_is_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
