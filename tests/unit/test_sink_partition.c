// The data partition sink and the sink by kind, on the virtual NOR flash (which only clears bits).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/sink/sink_by_kind.h"
#include "ferry/sink/sink_partition.h"
#include "ports/posix/digest.h"
#include "sim/flash/flash_port.h"
#include "tests/support/card.h"

static struct sim_flash *nor;
static struct sim_flash_port port;
static struct ferry_flash flash;
static struct ferry_posix_digest digest_port;
static struct ferry_digest digest;
static struct ferry_sink_partition partition;
static struct ferry_sink sink;
static struct ferry_sink_plan plan;
static struct ferry_manifest manifest;
static uint8_t data[0x14000];

static void sha256(const uint8_t *bytes, size_t len, uint8_t out[32])
{
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    digest.update(digest.ctx, bytes, len);
    digest.finish(digest.ctx, out, 32);
}

static int setup(void **state)
{
    static const struct card_row rows[] = {
        {1, 2, 0x9000, 0x4000, "nvs"},        {1, 0, 0xd000, 0x2000, "otadata"},     {1, 1, 0xf000, 0x1000, "phy_init"},
        {0, 0x10, 0x10000, 0x20000, "ota_0"}, {1, 0x82, 0x30000, 0x20000, "spiffs"}, {1, 0x82, 0x2f000, 0x2000, "evil"},
        {1, 0x82, 0x8000, 0x1000, "table"},   {1, 0x82, 0x70000, 0x20000, "beyond"}};
    struct sim_flash_cfg cfg = {.size = 0x80000};
    (void)state;
    nor = sim_flash_new(&cfg);
    flash = sim_flash_port_init(&port, nor);
    digest = ferry_posix_digest_init(&digest_port);
    struct card_bytes table = card_make_table(rows, sizeof rows / sizeof *rows);
    memcpy(sim_flash_bytes(nor) + 0x8000, table.bytes, table.len);
    card_free(&table);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_int_equal(ferry_sink_partition_init(&partition, &flash, &digest, 0), 0);
    sink = ferry_sink_partition(&partition);
    memset(&manifest, 0, sizeof manifest);
    manifest.kind = FERRY_MANIFEST_PARTITION;
    manifest.size = sizeof data;
    strcpy(manifest.name, "spiffs");
    sha256(data, sizeof data, manifest.sha256);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_flash_free(nor);
    ferry_posix_digest_close(&digest_port);
    return 0;
}

static int send(uint32_t at, uint32_t end)
{
    uint32_t ready = at;
    while (at < end) {
        int status = at >= ready ? sink.prepare(sink.ctx, at, end, &ready) : 0;
        int n = status < 0 ? status : sink.chunk(sink.ctx, at, data + at, ready - at);
        if (n <= 0)
            return n ? n : FERRY_ERR_STATE;
        at += (uint32_t)n;
    }
    return FERRY_OK;
}

static int finish(void)
{
    int status;
    while ((status = sink.end(sink.ctx)) == FERRY_SINK_BUSY) {
    }
    return status;
}

static void test_writes(void **state)
{
    (void)state;
    memset(sim_flash_bytes(nor) + 0x30000, 0, 0x20000);
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(plan.withheld, 16);
    assert_int_equal(send(0, 16), 0);
    assert_int_equal(send(16, sizeof data), 0);
    assert_int_equal(sim_flash_bytes(nor)[0x30000], 0xFF); // not mountable yet
    assert_int_equal(finish(), 0);
    assert_int_equal(finish(), 0);
    assert_memory_equal(sim_flash_bytes(nor) + 0x30000, data, sizeof data);
    assert_int_equal(sim_flash_bytes(nor)[0x30000 + sizeof data], 0); // behind it nothing was erased
    assert_int_equal(sim_flash_bits_refused(nor), 0);
}

static void test_small(void **state)
{
    (void)state;
    manifest.size = 5;
    sha256(data, 5, manifest.sha256);
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(plan.withheld, 5);
    assert_int_equal(send(0, 5), 0);
    assert_int_equal(finish(), 0);
    assert_memory_equal(sim_flash_bytes(nor) + 0x30000, data, 5);
}

static void test_resumes(void **state)
{
    (void)state;
    uint8_t want[32], have[32];
    bool blank;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(send(0, 16), 0);
    assert_int_equal(send(16, 0x3000), 0);
    ferry_sink_partition_init(&partition, &flash, &digest, 0); // a reset
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(plan.have, sizeof data);
    assert_int_equal(send(0, 16), 0);
    sha256(data, 0x3000, want);
    assert_int_equal(sink.hash(sink.ctx, 0, 0x3000, have, &blank), 0);
    assert_memory_equal(have, want, 32);
    assert_false(blank);
    assert_int_equal(sink.hash(sink.ctx, 0x4000, 0x1000, have, &blank), 0);
    assert_true(blank);
    assert_int_equal(send(0x3000, sizeof data), 0);
    assert_int_equal(finish(), 0);
    assert_memory_equal(sim_flash_bytes(nor) + 0x30000, data, sizeof data);
}

static void refused(const char *name, uint32_t size, int expected)
{
    strcpy(manifest.name, name);
    manifest.size = size;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), expected);
}

static void test_refuses(void **state)
{
    (void)state;
    uint64_t before = sim_flash_ops(nor);
    refused("nothing", 1, FERRY_ERR_NO_PLACE);
    refused("", 1, FERRY_ERR_NO_PLACE);
    refused("otadata", 1, FERRY_ERR_NO_PLACE);
    refused("ota_0", 1, FERRY_ERR_NO_PLACE);
    refused("evil", 1, FERRY_ERR_NO_PLACE);   // overlaps ota_0
    refused("table", 1, FERRY_ERR_NO_PLACE);  // the partition table itself
    refused("beyond", 1, FERRY_ERR_NO_PLACE); // leaves the flash
    refused("spiffs", 0x20001, FERRY_ERR_TOO_LARGE_PARTITION);
    refused("spiffs", UINT32_MAX, FERRY_ERR_TOO_LARGE_PARTITION);
    manifest.kind = FERRY_MANIFEST_FIRMWARE;
    refused("spiffs", 16, FERRY_ERR_UNSUPPORTED);
    assert_int_equal(sink.chunk(sink.ctx, 0, data, 1), FERRY_ERR_STATE);
    assert_int_equal(sim_flash_ops(nor), before);
}

static void test_wrong_bytes(void **state)
{
    (void)state;
    manifest.sha256[0] ^= 1;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(send(0, 16), 0);
    assert_int_equal(send(16, sizeof data), 0);
    assert_int_equal(finish(), FERRY_ERR_VERIFY);
    assert_int_equal(sim_flash_bytes(nor)[0x30000], 0xFF);
}

static void test_list(void **state)
{
    (void)state;
    struct ferry_target_info info;
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_int_equal(info.slot_count, 3);
    assert_string_equal(info.slots[0].label, "nvs");
    assert_string_equal(info.slots[2].label, "spiffs");
    assert_int_equal(info.slots[2].flags, FERRY_SLOT_DATA);
}

static void test_by_kind(void **state)
{
    (void)state;
    struct ferry_target_info info;
    uint32_t ready;
    struct ferry_sink_by_kind by = {.partition = &sink};
    struct ferry_sink all = ferry_sink_by_kind(&by);
    assert_int_equal(all.prepare(all.ctx, 0, 16, &ready), FERRY_ERR_STATE);
    assert_int_equal(all.end(all.ctx), FERRY_ERR_STATE);
    assert_int_equal(all.abort(all.ctx), 0);
    manifest.kind = FERRY_MANIFEST_FILE;
    assert_int_equal(all.begin(all.ctx, &manifest, &plan), FERRY_ERR_UNSUPPORTED);
    manifest.kind = FERRY_MANIFEST_PARTITION;
    assert_int_equal(all.begin(all.ctx, &manifest, &plan), 0);
    assert_int_equal(all.prepare(all.ctx, 0, 16, &ready), 0);
    assert_int_equal(all.chunk(all.ctx, 0, data, 16), 16);
    assert_int_equal(all.info(all.ctx, &info), 0);
    assert_int_equal(info.slot_count, 3);
    assert_int_equal(all.confirm(all.ctx), 0);
    assert_int_equal(all.revert(all.ctx, FERRY_GIVE_UP_ASKED), FERRY_ERR_STATE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {CASE(test_writes),      CASE(test_small), CASE(test_resumes), CASE(test_refuses),
                                       CASE(test_wrong_bytes), CASE(test_list),  CASE(test_by_kind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
