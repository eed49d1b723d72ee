// The OTA sink against the boot model, which agrees with every recorded boot of ESP-IDF's bootloader
// (tests/vectors/boot). Power cuts are tests/power; here are the refusals, the choice of the slot, trial and reasons.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/boot_compose.h"
#include "tests/support/power_rig.h"

static const struct power_layout TWO = {.chip = "esp32c3", .slots = 2, .data = 1, .rollback = true};
static const struct power_layout COUNTED = {.chip = "esp32c3", .slots = 2, .data = 1, .attempts = 2};
static const struct power_layout COUNTED_RB = {
    .chip = "esp32", .factory = true, .slots = 2, .running = -1, .rollback = true, .attempts = 2};

static struct power_rig rig;
static struct ferry_sink sink;
static struct ferry_sink_plan plan;

static void start(const struct power_layout *layout)
{
    assert_true(power_rig_init(&rig, layout));
    power_rig_fresh(&rig, 1);
}

// One start of the target. What runs.
static int restart(bool power_on, int *status)
{
    rig.power_on = power_on;
    int which = power_rig_boot(&rig);
    assert_string_equal(rig.why, "");
    *status = ferry_sink_ota_boot(&rig.ota);
    assert_true(*status >= 0);
    sink = ferry_sink_ota(&rig.ota);
    return which;
}

static void runs(int image, enum ferry_boot_state state)
{
    int status, which = restart(false, &status);
    assert_int_equal(status, 0);
    assert_int_equal(which, image);
    assert_int_equal(rig.ota.boot_state, state);
}

static int begin_with(void)
{
    return sink.begin(sink.ctx, &rig.manifest, &plan);
}

static int drop(void **state)
{
    (void)state;
    if (rig.base)
        power_rig_free(&rig);
    return 0;
}

static void test_update_confirm(void **state)
{
    (void)state;
    struct ferry_target_info info;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    assert_int_equal(sink.end(sink.ctx), 0); // called twice: the same
    runs(POWER_NEW, FERRY_BOOT_TRIAL);
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_int_equal(info.attempts_left, 1);
    assert_memory_equal(info.sha256, rig.sha256[POWER_NEW], 32);
    assert_int_equal(sink.confirm(sink.ctx), 0);
    assert_int_equal(sink.confirm(sink.ctx), 0);
    runs(POWER_NEW, FERRY_BOOT_CONFIRMED);
    assert_int_equal(sink.revert(sink.ctx, FERRY_GIVE_UP_ASKED), FERRY_ERR_STATE);
}

static void test_info(void **state)
{
    (void)state;
    struct ferry_target_info info;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_int_equal(info.slot_count, 2);
    assert_string_equal(info.slots[0].label, "ota_0");
    assert_int_equal(info.slots[0].flags, FERRY_SLOT_RUNNING);
    assert_int_equal(info.slots[1].flags, FERRY_SLOT_TARGET);
    assert_int_equal(info.slots[1].size, 0x10000);
    assert_memory_equal(info.sha256, rig.sha256[POWER_OLD], 32);
    assert_false(info.unfinished);
}

static void test_refusals(void **state)
{
    (void)state;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    uint64_t before = sim_flash_ops(rig.flash);
    power_rig_manifest(&rig);
    const struct ferry_manifest good = rig.manifest;
    rig.manifest.size = 0x10001;
    assert_int_equal(begin_with(), FERRY_ERR_TOO_LARGE_PARTITION);
    rig.manifest.size = UINT32_MAX;
    assert_int_equal(begin_with(), FERRY_ERR_TOO_LARGE_PARTITION);
    rig.manifest = good;
    rig.manifest.size = 20;
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_FORMAT);
    rig.manifest = good;
    rig.manifest.chip = 9;
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_CHIP);
    rig.manifest = good;
    rig.manifest.head[12] = 9;
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_CHIP);
    rig.manifest = good;
    rig.manifest.head[0] = 0x7f;
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_FORMAT);
    rig.manifest = good;
    ferry_store16le(rig.manifest.head + 15, 301); // v3.1 and later; the target is v3.0
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_REVISION);
    rig.manifest = good;
    ferry_store16le(rig.manifest.head + 17, 299);
    assert_int_equal(begin_with(), FERRY_ERR_IMAGE_REVISION);
    rig.manifest = good;
    rig.manifest.kind = FERRY_MANIFEST_PARTITION;
    assert_int_equal(begin_with(), FERRY_ERR_UNSUPPORTED);
    assert_int_equal(sim_flash_ops(rig.flash), before);
}

static void test_on_trial_refuses(void **state)
{
    (void)state;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    runs(POWER_NEW, FERRY_BOOT_TRIAL);
    assert_int_equal(power_rig_update(&rig), FERRY_ERR_STATE);
}

static void test_no_second_slot(void **state)
{
    (void)state;
    struct power_layout one = {.chip = "esp32", .factory = true, .slots = 1, .running = -1};
    start(&one);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    runs(POWER_NEW, FERRY_BOOT_CONFIRMED + 1); // into ota_0, on trial (without rollback: counted)
    assert_int_equal(sink.confirm(sink.ctx), 0);
    rig.wanted = POWER_OTHER; // now ota_0 runs, and there is no other OTA slot
    assert_int_equal(power_rig_update(&rig), FERRY_ERR_NO_SLOT);
}

static void test_bad_image(void **state)
{
    (void)state;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    rig.image[POWER_NEW][600] ^= 1; // the hash of the whole no longer fits
    int status = power_rig_update(&rig);
    assert_int_equal(status, FERRY_ERR_VERIFY);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    struct ferry_digest d = rig.digest; // now it does: the image itself is bad
    d.begin(d.ctx, FERRY_DIGEST_SHA256);
    d.update(d.ctx, rig.image[POWER_NEW], rig.size[POWER_NEW]);
    d.finish(d.ctx, rig.sha256[POWER_NEW], 32);
    status = power_rig_update(&rig);
    assert_int_equal(status, FERRY_ERR_IMAGE_CHECKSUM);
    assert_int_equal(rig.bytes[power_rig_slot(rig.layout, 1)], 0xFF); // never became bootable
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
}

// While an update is under way the slot's first bytes are blank and the running slot is selected explicitly.
static void test_protects_first(void **state)
{
    (void)state;
    struct power_layout used = {.chip = "esp32", .factory = true, .slots = 2, .running = 0, .data = 2, .old = 1};
    uint32_t to;
    start(&used);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    power_rig_manifest(&rig);
    assert_int_equal(begin_with(), 0);
    assert_int_equal(plan.have, rig.manifest.size); // an older build may share parts
    assert_int_equal(sink.prepare(sink.ctx, 4096, rig.manifest.size, &to), 0);
    uint32_t slot = power_rig_slot(&used, 1);
    assert_int_equal(rig.bytes[slot], 0xFF);
    struct ferry_otadata_entry e[2];
    ferry_otadata_decode(&e[0], rig.bytes + 0xd000);
    ferry_otadata_decode(&e[1], rig.bytes + 0xe000);
    assert_int_equal(ferry_otadata_choose(e, 2).slot, 0);
    assert_true(ferry_otadata_usable(&e[0]) != ferry_otadata_usable(&e[1])); // no other candidate
}

static void test_resume(void **state)
{
    (void)state;
    struct ferry_target_info info;
    uint32_t to;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    power_rig_manifest(&rig);
    assert_int_equal(begin_with(), 0);
    assert_int_equal(plan.have, 0);
    assert_int_equal(sink.chunk(sink.ctx, 0, rig.image[POWER_NEW], 256), 256);
    assert_int_equal(sink.prepare(sink.ctx, 256, rig.manifest.size, &to), 0);
    assert_int_equal(sink.chunk(sink.ctx, 256, rig.image[POWER_NEW] + 256, 256), 256);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_true(info.unfinished);
    assert_int_equal(info.unfinished_size, rig.manifest.size);
    assert_memory_equal(info.unfinished_sha256, rig.manifest.sha256, 32);
    assert_int_equal(begin_with(), 0);
    assert_int_equal(plan.have, rig.manifest.size);
    assert_int_equal(sink.abort(sink.ctx), 0);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_false(info.unfinished);
}

// any_order: within what is prepared the pages may come as they like, here from the last to the first.
static void test_pages_backwards(void **state)
{
    (void)state;
    struct ferry_target_info info;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    power_rig_manifest(&rig);
    assert_int_equal(begin_with(), 0);
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_true(info.any_order);
    assert_int_equal(sink.chunk(sink.ctx, 0, rig.image[POWER_NEW], 256), 256);
    for (uint32_t from = 256, to; from < rig.manifest.size; from = to) {
        assert_int_equal(sink.prepare(sink.ctx, from, rig.manifest.size, &to), 0);
        for (uint32_t at = (to - 1) & ~255u; at >= from; at -= 256) {
            uint32_t n = to - at < 256 ? to - at : 256;
            assert_int_equal(sink.chunk(sink.ctx, at, rig.image[POWER_NEW] + at, n), n);
        }
    }
    assert_int_equal(sink.end(sink.ctx), 0);
    runs(POWER_NEW, FERRY_BOOT_TRIAL);
}

static void test_misuse(void **state)
{
    (void)state;
    uint8_t sha256[32];
    bool blank;
    uint32_t to;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    uint64_t before = sim_flash_ops(rig.flash);
    assert_int_equal(sink.end(sink.ctx), FERRY_ERR_STATE);
    assert_int_equal(sink.prepare(sink.ctx, 0, 256, &to), FERRY_ERR_STATE);
    assert_int_equal(sink.chunk(sink.ctx, 0, rig.image[1], 16), FERRY_ERR_STATE);
    assert_int_equal(sink.hash(sink.ctx, 0, 16, sha256, &blank), FERRY_ERR_STATE);
    power_rig_manifest(&rig);
    assert_int_equal(begin_with(), 0);
    assert_int_equal(sink.chunk(sink.ctx, 4096, rig.image[1], 16), FERRY_ERR_STATE); // not prepared
    assert_int_equal(sink.prepare(sink.ctx, 4096, rig.manifest.size + 1, &to), FERRY_ERR_ARG);
    assert_int_equal(sink.prepare(sink.ctx, 8192, 4096, &to), FERRY_ERR_ARG);
    assert_int_equal(sink.hash(sink.ctx, 0x10000, 1, sha256, &blank), FERRY_ERR_STATE);
    assert_int_equal(sink.hash(sink.ctx, 16, UINT32_MAX, sha256, &blank), FERRY_ERR_STATE);
    assert_int_equal(sink.chunk(sink.ctx, 0, rig.image[1], 20), 20);
    assert_int_equal(sink.end(sink.ctx), FERRY_ERR_STATE); // the withheld bytes are not there
    uint8_t other[24];
    memcpy(other, rig.image[1], sizeof other);
    other[12] = 9;
    assert_int_equal(sink.chunk(sink.ctx, 0, other, sizeof other), FERRY_ERR_IMAGE_CHIP);
    assert_int_equal(sim_flash_ops(rig.flash), before);
}

static void test_revert_reasons(void **state)
{
    (void)state;
    for (int reason = FERRY_GIVE_UP_NOT_CONFIRMED; reason <= FERRY_GIVE_UP_ASKED; reason++) {
        struct ferry_target_info info;
        start(reason & 1 ? &TWO : &COUNTED);
        runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
        assert_int_equal(power_rig_update(&rig), 0);
        runs(POWER_NEW, FERRY_BOOT_TRIAL);
        assert_int_equal(sink.revert(sink.ctx, (enum ferry_give_up)reason), 0);
        assert_int_equal(sink.confirm(sink.ctx), FERRY_ERR_STATE);
        for (int i = 0; i < 3; i++) { // it stays readable
            runs(POWER_OLD, FERRY_BOOT_REVERTED);
            assert_int_equal(sink.info(sink.ctx, &info), 0);
            assert_int_equal(info.give_up, reason);
        }
        power_rig_free(&rig);
    }
}

// The stock bootloader's one attempt: a crash gives it up.
static void test_one_attempt(void **state)
{
    (void)state;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    runs(POWER_NEW, FERRY_BOOT_TRIAL);
    runs(POWER_OLD, FERRY_BOOT_REVERTED);
    assert_int_equal(rig.ota.record.reason, FERRY_GIVE_UP_CRASHED);
}

// Two attempts counted by the new firmware itself; losing power does not count.
static void test_counted_without_rollback(void **state)
{
    (void)state;
    int status;
    start(&COUNTED);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    runs(POWER_NEW, FERRY_BOOT_TRIAL);
    for (int i = 0; i < FERRY_SINK_OTA_POWER; i++) {
        assert_int_equal(restart(true, &status), POWER_NEW);
        assert_int_equal(status, 0);
        assert_int_equal(rig.ota.record.failures, 0);
    }
    runs(POWER_NEW, FERRY_BOOT_TRIAL); // first failure
    assert_int_equal(rig.ota.record.failures, 1);
    assert_int_equal(restart(false, &status), POWER_NEW); // second
    assert_int_equal(status, FERRY_SINK_OTA_RESTART);
    runs(POWER_OLD, FERRY_BOOT_REVERTED);
    assert_int_equal(rig.ota.record.reason, FERRY_GIVE_UP_CRASHED);
}

// On a bootloader with rollback it is the old firmware that gives the next attempt: also a firmware that has no
// receiver is given up.
static void test_counted_on_rollback(void **state)
{
    (void)state;
    int status;
    start(&COUNTED_RB);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    assert_int_equal(power_rig_boot(&rig), POWER_NEW); // it never calls the sink
    assert_int_equal(restart(true, &status), POWER_OLD);
    assert_int_equal(status, FERRY_SINK_OTA_RESTART); // power was lost: again, not counted
    assert_int_equal(rig.ota.record.failures, 0);
    assert_int_equal(power_rig_boot(&rig), POWER_NEW);
    assert_int_equal(restart(false, &status), POWER_OLD);
    assert_int_equal(status, FERRY_SINK_OTA_RESTART); // first failure
    assert_int_equal(rig.ota.record.failures, 1);
    assert_int_equal(power_rig_boot(&rig), POWER_NEW);
    assert_int_equal(restart(false, &status), POWER_OLD);
    assert_int_equal(status, 0); // second: enough
    assert_int_equal(rig.ota.boot_state, FERRY_BOOT_REVERTED);
    assert_int_equal(rig.ota.record.reason, FERRY_GIVE_UP_CRASHED);
    runs(POWER_OLD, FERRY_BOOT_REVERTED);
}

static void test_refused_by_bootloader(void **state)
{
    (void)state;
    start(&TWO);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(power_rig_update(&rig), 0);
    rig.bytes[power_rig_slot(rig.layout, 1) + 300] ^= 1; // the flash decays
    runs(POWER_OLD, FERRY_BOOT_REVERTED);
    assert_int_equal(rig.ota.record.reason, FERRY_GIVE_UP_INVALID);
    runs(POWER_OLD, FERRY_BOOT_REVERTED);
}

// The slot is chosen so that a broken image there would lead the bootloader back to what runs now.
static void test_choice_of_slot(void **state)
{
    (void)state;
    static const struct {
        struct power_layout layout;
        int target;
    } cases[] = {
        {{.chip = "esp32", .factory = true, .slots = 2, .running = -1, .old = 1}, 0},
        {{.chip = "esp32", .slots = 2, .running = 1, .data = 1, .old = 1}, 0},
        {{.chip = "esp32", .slots = 3, .running = 1, .data = 1, .old = 1}, 2},
        {{.chip = "esp32", .slots = 3, .running = 2, .data = 1, .old = 0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&cases[i].layout);
        runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
        assert_int_equal(ferry_sink_ota_target(&rig.ota), cases[i].target);
        power_rig_free(&rig);
    }
    // ota_2 runs, ota_1 holds something bootable, ota_0 nothing: with ota_0 broken ota_1 would start. ota_1 it is.
    struct power_layout three = {.chip = "esp32", .slots = 3, .running = 2, .data = 1, .old = 1};
    start(&three);
    memset(rig.base + power_rig_slot(&three, 0), 0xff, 0x10000);
    power_rig_fresh(&rig, 1);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    assert_int_equal(ferry_sink_ota_target(&rig.ota), 1);
}

// Records go on in the same sector until it is full; then the entry moves to the other one.
static void test_many_updates_given_up(void **state)
{
    (void)state;
    start(&COUNTED);
    runs(POWER_OLD, FERRY_BOOT_CONFIRMED);
    for (int i = 0; i < 140; i++) {
        rig.wanted = i & 1 ? POWER_OTHER : POWER_NEW;
        assert_int_equal(power_rig_update(&rig), 0);
        runs(rig.wanted, FERRY_BOOT_TRIAL);
        assert_int_equal(sink.revert(sink.ctx, FERRY_GIVE_UP_ASKED), 0);
        runs(POWER_OLD, FERRY_BOOT_REVERTED);
    }
    assert_int_equal(power_rig_update(&rig), 0);
    runs(rig.wanted, FERRY_BOOT_TRIAL);
}

static void test_init_refusals(void **state)
{
    (void)state;
    struct ferry_sink_ota_cfg cfg = {0};
    start(&TWO);
    assert_int_equal(ferry_sink_ota_init(&rig.ota, &cfg), FERRY_ERR_ARG);
    cfg.flash = &rig.io;
    cfg.digest = &rig.digest;
    cfg.running = 0x12345000;
    assert_int_equal(ferry_sink_ota_init(&rig.ota, &cfg), FERRY_ERR_NO_PLACE);
    memset(rig.bytes + 0x8000, 0xff, 0x1000);
    assert_int_equal(ferry_sink_ota_init(&rig.ota, &cfg), FERRY_ERR_PARTITION_TABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_update_confirm, drop),
        cmocka_unit_test_teardown(test_info, drop),
        cmocka_unit_test_teardown(test_refusals, drop),
        cmocka_unit_test_teardown(test_on_trial_refuses, drop),
        cmocka_unit_test_teardown(test_no_second_slot, drop),
        cmocka_unit_test_teardown(test_bad_image, drop),
        cmocka_unit_test_teardown(test_protects_first, drop),
        cmocka_unit_test_teardown(test_resume, drop),
        cmocka_unit_test_teardown(test_pages_backwards, drop),
        cmocka_unit_test_teardown(test_misuse, drop),
        cmocka_unit_test_teardown(test_revert_reasons, drop),
        cmocka_unit_test_teardown(test_one_attempt, drop),
        cmocka_unit_test_teardown(test_counted_without_rollback, drop),
        cmocka_unit_test_teardown(test_counted_on_rollback, drop),
        cmocka_unit_test_teardown(test_refused_by_bootloader, drop),
        cmocka_unit_test_teardown(test_choice_of_slot, drop),
        cmocka_unit_test_teardown(test_many_updates_given_up, drop),
        cmocka_unit_test_teardown(test_init_refusals, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
