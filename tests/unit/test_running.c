// What a target runs, read from its flash. The anchor is the flash itself: images, tables and otadata are put together
// by tests/support/card.c, which shares no parser with the code under test, or written by a real job to a virtual chip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/codec/otadata.h"
#include "tests/support/bench_rig.h"
#include "tests/support/card.h"
#include "updater/running.h"

#define SIZE 0x400000u
#define OTADATA 0xe000u // as in card_make_ota_table
#define SLOT 0x100000u

struct flash {
    uint8_t bytes[SIZE];
    // As a job hands them out: first they are on their way, the next time they are there.
    struct {
        uint32_t address;
        size_t len;
    } have[64];
    unsigned count;
    uint32_t fail_at; // reads that touch this byte fail; 0 = none
};
static struct flash flash;

static int read_flash(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    struct flash *f = ctx;
    assert_true(len > 0 && len <= FERRY_RUNNING_READ_MAX);
    if (address > SIZE || len > SIZE - address)
        return FERRY_ERR_ARG;
    if (f->fail_at && address <= f->fail_at && f->fail_at < address + len)
        return FERRY_ERR_SECURE_DOWNLOAD;
    for (unsigned i = 0; i < f->count; i++)
        if (f->have[i].address == address && f->have[i].len == len) {
            memcpy(buf, f->bytes + address, len);
            return FERRY_OK;
        }
    f->have[f->count].address = address;
    f->have[f->count++].len = len;
    assert_true(f->count <= FERRY_RUNNING_READS);
    return FERRY_ERR_STATE;
}

static struct ferry_running look(void)
{
    struct ferry_running out;
    int status = FERRY_ERR_STATE;
    flash.count = 0;
    while (status == FERRY_ERR_STATE)
        status = ferry_running_read(read_flash, &flash, 0, &out);
    assert_int_equal(status, FERRY_OK);
    return out;
}

static void put(uint32_t address, struct card_bytes bytes)
{
    memcpy(flash.bytes + address, bytes.bytes, bytes.len);
    card_free(&bytes);
}

static void erase(void)
{
    memset(&flash, 0, sizeof flash);
    memset(flash.bytes, 0xFF, SIZE);
}

// Returns where its SHA-256 is.
static uint32_t put_app(uint32_t address, const char *project, const char *version, bool no_hash)
{
    struct card_image image = {
        .chip_id = card_chip_id("esp32c3"), .project = project, .version = version, .no_hash = no_hash};
    struct card_bytes bytes = card_make_image(&image);
    uint32_t hash = address + (uint32_t)bytes.len - 32;
    put(address, bytes);
    return hash;
}

static void put_otadata(unsigned sector, uint32_t seq)
{
    struct ferry_otadata_entry entry;
    ferry_otadata_make(&entry, seq, FERRY_OTADATA_VALID);
    ferry_otadata_encode(&entry, flash.bytes + OTADATA + sector * 0x1000u);
}

static void expect(const struct ferry_running *r, const char *project, const char *version, uint32_t hash)
{
    static const uint8_t none[32];
    assert_int_equal(r->state, FERRY_RUNNING_KNOWN);
    assert_string_equal(r->project, project);
    assert_string_equal(r->version, version);
    assert_memory_equal(r->sha256, hash ? flash.bytes + hash : none, 32);
}

static void a_factory_app(void **state)
{
    (void)state;
    erase();
    put(0x8000, card_make_factory_table());
    uint32_t hash = put_app(0x10000, "blink", "1.2", false);
    struct ferry_running r = look();
    expect(&r, "blink", "1.2", hash);
    char hex[65], byte[3];
    ferry_running_hex(&r, hex);
    snprintf(byte, sizeof byte, "%02x", flash.bytes[hash]);
    assert_int_equal(strlen(hex), 64);
    assert_memory_equal(hex, byte, 2);
}

static void the_slot_that_otadata_selects(void **state)
{
    (void)state;
    erase();
    put(0x8000, card_make_ota_table(SLOT));
    uint32_t first = put_app(0x10000, "blink", "1.0", false), second = put_app(0x10000 + SLOT, "blink", "2.0", false);
    struct ferry_running r = look(); // none: the first one
    expect(&r, "blink", "1.0", first);
    put_otadata(0, 2);
    r = look();
    expect(&r, "blink", "2.0", second);
    put_otadata(1, 3);
    r = look();
    expect(&r, "blink", "1.0", first);
}

static void blank_and_unreadable(void **state)
{
    (void)state;
    erase();
    assert_int_equal(look().state, FERRY_RUNNING_BLANK);
    flash.bytes[0] = 0xE9; // a bootloader without a table
    assert_int_equal(look().state, FERRY_RUNNING_UNKNOWN);
    erase();
    put(0x8000, card_make_factory_table());
    assert_int_equal(look().state, FERRY_RUNNING_UNKNOWN); // a table, and nothing where it points
    put_app(0x10000, "blink", "1.0", false);
    for (uint32_t at = 0x8000; at < 0x8400; at += 7) // encrypted, as it looks from here
        flash.bytes[at] ^= 0x5A;
    assert_int_equal(look().state, FERRY_RUNNING_UNKNOWN);
    static const uint32_t places[] = {0x8000, 0x8bff, 0x10000, 0x10020};
    for (size_t i = 0; i < 4; i++) {
        erase();
        put(0x8000, card_make_factory_table());
        put_app(0x10000, "blink", "1.0", false);
        flash.fail_at = places[i];
        assert_int_equal(look().state, FERRY_RUNNING_UNKNOWN);
    }
}

// A description without the rest of its app must not pass for the app.
static void an_app_that_was_never_finished(void **state)
{
    (void)state;
    erase();
    put(0x8000, card_make_factory_table());
    uint32_t hash = put_app(0x10000, "blink", "1.0", false);
    memset(flash.bytes + hash - 0x1000, 0xFF, 0x1000 + 32);
    struct ferry_running r = look();
    expect(&r, "blink", "1.0", 0);
    char hex[65];
    ferry_running_hex(&r, hex);
    assert_string_equal(hex, "");
    erase();
    put(0x8000, card_make_factory_table());
    put_app(0x10000, "blink", "1.0", true); // an image that has none
    r = look();
    expect(&r, "blink", "1.0", 0);
}

// Whatever is in the flash: no read beyond the partition but for what is told, no endless walk, no crash.
static void flashes_that_lie(void **state)
{
    unsigned seed = 20261122;
    (void)state;
    erase();
    put(0x8000, card_make_ota_table(SLOT));
    uint32_t hash = put_app(0x10000, "blink", "1.0", false);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t at = i % 3 == 0 ? 0x8000 + (uint32_t)rand_r(&seed) % 0x100 : 0x10000 + (uint32_t)rand_r(&seed) % 300;
        uint8_t old = flash.bytes[at];
        flash.bytes[at] = (uint8_t)rand_r(&seed);
        struct ferry_running r = look();
        assert_true(r.state <= FERRY_RUNNING_KNOWN && strlen(r.project) < sizeof r.project);
        flash.bytes[at] = old;
    }
    static const uint32_t sizes[] = {0xFFFFFFFF, 0xFFFFFFF8, 0x80000000, SLOT, SLOT - 32, SLOT - 64, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (uint8_t segments = 0; segments < 20; segments++) {
            uint8_t old = flash.bytes[0x10001];
            memcpy(flash.bytes + 0x1001c, &sizes[i], 4);
            flash.bytes[0x10001] = segments;
            look();
            flash.bytes[0x10001] = old;
        }
    assert_true(hash > 0x10000);
}

static void what_a_receiver_says(void **state)
{
    struct ferry_target_info info = {.project = "blink", .version = "1.0"};
    struct ferry_running r;
    (void)state;
    memset(info.sha256, 0x11, sizeof info.sha256);
    ferry_running_from_info(&info, &r);
    assert_int_equal(r.state, FERRY_RUNNING_KNOWN);
    assert_string_equal(r.project, "blink");
    assert_memory_equal(r.sha256, info.sha256, 32);
    ferry_running_from_info(NULL, &r);
    assert_int_equal(r.state, FERRY_RUNNING_UNKNOWN);
}

// ---- by a real probe ----

static struct ferry_running probe(struct bench_rig *rig, bool running)
{
    struct ferry_updater_wish wish = {.probe = true, .running = running};
    unsigned ended = rig->sockets[0].ended;
    uint64_t until = rig->us + 30000000u;
    if (!rig->started)
        bench_rig_step(rig);
    assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
    while (rig->sockets[0].ended == ended && rig->us < until)
        assert_true(bench_rig_step(rig));
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_OK);
    return rig->sockets[0].outcome.running;
}

static void a_probe_reads_what_a_job_has_written(void **state)
{
    static const char *const chips[] = {"esp32c3", "esp32"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *dir = card_new();
        card_put_idf_build(dir, NULL, chips[i]);
        struct bench_rig *rig = bench_rig_new(dir, 1);
        bench_rig_plug(rig, 0, chips[i], 1, NULL, NULL, false);
        rig->cfg.hold = true;
        assert_int_equal(probe(rig, true).state, FERRY_RUNNING_BLANK);
        struct ferry_updater_wish wish = {0};
        unsigned ended = rig->sockets[0].ended;
        assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
        while (rig->sockets[0].ended == ended)
            assert_true(bench_rig_step(rig));
        assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_OK);
        uint64_t before = rig->us;
        struct ferry_running r = probe(rig, true);
        assert_true(rig->us - before < 3000000u);
        assert_int_equal(r.state, FERRY_RUNNING_KNOWN);
        assert_string_equal(r.project, rig->card.list.items[0].name);
        const uint8_t *bytes = sim_flash_bytes(rig->sockets[0].flash);
        bool found = false;
        for (uint32_t at = 0x10000; at + 32 <= 0x110000 && !found; at += 16)
            found = memcmp(bytes + at, r.sha256, 32) == 0;
        assert_true(found);
        assert_int_equal(probe(rig, false).state, FERRY_RUNNING_UNKNOWN); // not asked for, not read
        bench_rig_free(rig);
        card_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_factory_app),
        cmocka_unit_test(the_slot_that_otadata_selects),
        cmocka_unit_test(blank_and_unreadable),
        cmocka_unit_test(an_app_that_was_never_finished),
        cmocka_unit_test(flashes_that_lie),
        cmocka_unit_test(what_a_receiver_says),
        cmocka_unit_test(a_probe_reads_what_a_job_has_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
