// Cases: whole transfers, and what is resumed.
#include "tests/support/conformance.h"

static void whole(struct conf *c, uint32_t size)
{
    conf_open(c, size);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
    if (c->wire->traits & CONF_LOSSLESS)
        assert_true(rig_data_bytes(c->rig) <= size + 2 * 24); // each byte once, and the head
}

// clang-format off
static void size_1(struct conf *c) { whole(c, 1); }
static void size_2(struct conf *c) { whole(c, 2); }
static void size_chunk_less_1(struct conf *c) { whole(c, c->wire->chunk - 1); }
static void size_chunk(struct conf *c) { whole(c, c->wire->chunk); }
static void size_chunk_and_1(struct conf *c) { whole(c, c->wire->chunk + 1); }
static void size_withheld(struct conf *c) { whole(c, 16); }
static void size_withheld_and_1(struct conf *c) { whole(c, 17); }
static void size_page_less_1(struct conf *c) { whole(c, 255); }
static void size_page(struct conf *c) { whole(c, 256); }
static void size_page_and_1(struct conf *c) { whole(c, 257); }
static void size_1000(struct conf *c) { whole(c, 1000); }
static void size_sector_less_1(struct conf *c) { whole(c, 4095); }
static void size_sector(struct conf *c) { whole(c, 4096); }
static void size_sector_and_1(struct conf *c) { whole(c, 4097); }
static void size_three_sectors(struct conf *c) { whole(c, 12288); }
static void size_30000(struct conf *c) { whole(c, 30000); }
static void size_block_less_1(struct conf *c) { whole(c, 65535); }
static void size_block(struct conf *c) { whole(c, 65536); }
static void size_block_and_1(struct conf *c) { whole(c, 65537); }
// clang-format on

static void size_0(struct conf *c)
{
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND};
    conf_open(c, 1000);
    rig_manifest(c->rig, &job.manifest);
    job.manifest.size = 0;
    assert_int_equal(rig_run(c->rig, &job, 10), FERRY_ERR_ARG);
    conf_untouched(c);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void filled(struct conf *c, const char *with, size_t len)
{
    for (size_t i = 0; i < sizeof c->image; i++)
        c->image[i] = (uint8_t)with[i % len];
    whole(c, 9000);
}

// clang-format off
static void all_zero(struct conf *c) { filled(c, "\0", 1); }
static void all_ones(struct conf *c) { filled(c, "\xff", 1); }
static void like_text(struct conf *c) { filled(c, "I (123) app: ok\r\n", 17); }
static void like_frames(struct conf *c) { filled(c, "\0\3\1\2\0\0\5\4", 8); }
// clang-format on

static void kind(struct conf *c, uint8_t what)
{
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND};
    conf_open(c, 5000);
    rig_manifest(c->rig, &job.manifest);
    job.manifest.kind = what;
    strcpy(job.manifest.name, "storage");
    assert_int_equal(rig_run(c->rig, &job, 100), FERRY_OK);
    conf_arrived(c);
}

static void as_partition(struct conf *c)
{
    kind(c, FERRY_MANIFEST_PARTITION);
}

static void as_file(struct conf *c)
{
    kind(c, FERRY_MANIFEST_FILE);
}

static void two_in_a_row(struct conf *c)
{
    whole(c, 9000);
    c->image[4500] ^= 1;
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// ---- resume
// ----------------------------------------------------------------------------------------------------------

#define RESUMED 20000u

enum who { HOST = 1, TARGET = 2 };

static void reset(struct conf *c, int who)
{
    if (who & TARGET)
        rig_reset_target(c->rig);
    if (who & HOST) {
        rig_reset_host(c->rig);
        assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    }
}

// At most a sector, a window and what the port held twice, on a wire that loses nothing by itself.
static void resumed(struct conf *c, unsigned resets)
{
    uint32_t window = (c->cfg.window ? c->cfg.window : 4096) + c->cfg.wire_buffer;
    assert_int_equal(conf_finish(c), FERRY_OK);
    conf_arrived(c);
    if (c->wire->traits & CONF_LOSSLESS)
        assert_true(rig_data_bytes(c->rig) <= RESUMED + resets * (4096 + window + 2 * 24 + 16) + 2 * 24);
}

static void reset_at(struct conf *c, uint32_t received, int who)
{
    conf_open(c, RESUMED);
    conf_send_until(c, received);
    reset(c, who);
    resumed(c, 1);
}

// clang-format off
static void host_reset_at_the_start(struct conf *c) { reset_at(c, 1, HOST); }
static void host_reset_in_the_middle(struct conf *c) { reset_at(c, 9000, HOST); }
static void host_reset_at_the_end(struct conf *c) { reset_at(c, 19000, HOST); }
static void target_reset_at_the_start(struct conf *c) { reset_at(c, 1, TARGET); }
static void target_reset_in_the_middle(struct conf *c) { reset_at(c, 9000, TARGET); }
static void target_reset_at_the_end(struct conf *c) { reset_at(c, 19000, TARGET); }
static void both_reset_in_the_middle(struct conf *c) { reset_at(c, 9000, HOST | TARGET); }
// clang-format on

static void reset_again_and_again(struct conf *c, int who)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 3000);
    for (unsigned i = 1; i <= 4; i++) {
        reset(c, who);
        while (rig_sender(c->rig)->received < 3000 + i * 3500)
            assert_true(rig_turn(c->rig, rig_now_us(c->rig) + 100000000));
    }
    resumed(c, 4);
}

static void host_resets_4_times(struct conf *c)
{
    reset_again_and_again(c, HOST);
}

static void target_resets_4_times(struct conf *c)
{
    reset_again_and_again(c, TARGET);
}

static void another_updater_continues(struct conf *c)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 12000);
    rig_let_run(c->rig, 100000);
    rig_reset_target(c->rig); // forgets the first one's session
    conf_other_updater(c, 78, false);
    assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    resumed(c, 1);
}

static void altered_in_flash_meanwhile(struct conf *c)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 14000);
    rig_reset_host(c->rig);
    sim_flash_bytes(rig_flash(c->rig))[CONF_SLOT + 5000] ^= 8;
    assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    resumed(c, 2);
}

static void flash_that_does_not_hold(struct conf *c)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 14000);
    sim_flash_bytes(rig_flash(c->rig))[CONF_SLOT + 300] ^= 8;
    resumed(c, 2);
}

static void another_image_after_half_of_one(struct conf *c)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 9000);
    rig_reset_host(c->rig);
    for (size_t i = 0; i < RESUMED; i++)
        c->image[i] = (uint8_t)(c->image[i] + 1);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void back_after_a_minute(struct conf *c)
{
    conf_open(c, RESUMED);
    conf_send_until(c, 9000);
    rig_stop(c->rig, 0, 60000000);
    resumed(c, 1);
}

const struct conf_case conf_transfer_cases[] = {
    {"size 0 is refused", 0, size_0},
    {"size 1", 0, size_1},
    {"size 2", 0, size_2},
    {"size chunk - 1", 0, size_chunk_less_1},
    {"size chunk", 0, size_chunk},
    {"size chunk + 1", 0, size_chunk_and_1},
    {"size 16", 0, size_withheld},
    {"size 17", 0, size_withheld_and_1},
    {"size 255", 0, size_page_less_1},
    {"size 256", 0, size_page},
    {"size 257", 0, size_page_and_1},
    {"size 1000", 0, size_1000},
    {"size 4095", 0, size_sector_less_1},
    {"size 4096", 0, size_sector},
    {"size 4097", 0, size_sector_and_1},
    {"size 12288", 0, size_three_sectors},
    {"size 30000", 0, size_30000},
    {"size 65535", 0, size_block_less_1},
    {"size 65536", 0, size_block},
    {"size 65537", 0, size_block_and_1},
    {"bytes 00", 0, all_zero},
    {"bytes FF", 0, all_ones},
    {"bytes like text", 0, like_text},
    {"bytes like frames", 0, like_frames},
    {"a partition", 0, as_partition},
    {"a file", 0, as_file},
    {"two images in a row", 0, two_in_a_row},
    {"updater resets at the start", 0, host_reset_at_the_start},
    {"updater resets in the middle", 0, host_reset_in_the_middle},
    {"updater resets at the end", 0, host_reset_at_the_end},
    {"target resets at the start", 0, target_reset_at_the_start},
    {"target resets in the middle", 0, target_reset_in_the_middle},
    {"target resets at the end", 0, target_reset_at_the_end},
    {"both reset", 0, both_reset_in_the_middle},
    {"updater resets 4 times", 0, host_resets_4_times},
    {"target resets 4 times", 0, target_resets_4_times},
    {"another updater continues", 0, another_updater_continues},
    {"altered in flash meanwhile", 0, altered_in_flash_meanwhile},
    {"flash that does not hold", 0, flash_that_does_not_hold},
    {"another image after half of one", 0, another_image_after_half_of_one},
    {"updater stops for a minute", 0, back_after_a_minute},
};
const size_t conf_transfer_count = sizeof conf_transfer_cases / sizeof conf_transfer_cases[0];
