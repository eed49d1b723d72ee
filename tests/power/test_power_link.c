// Power cuts with everything real: the link's sender and receiver, their pumps, the OTA sink, the bootloader model. The
// target's power goes at every flash operation of an update in six ways; nobody helps: the sender finds the target
// again by itself, sends what is missing, restarts it, reads back what runs and confirms it. Once over a clean wire,
// once over one that damages bytes, so that pages are written around the holes of lost chunks.
//
// Anchor: as in test_power_cuts.c. FERRY_POWER_ID=LAYOUT:OP:KIND runs one case; a layout number from the count of
// layouts on is one over the noisy wire.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/link_sender.h"
#include "ferry/pump/pump.h"
#include "ferry/pump/receiver_pump.h"
#include "tests/support/power_rig.h"

#define VIRTUAL_LIMIT_MS 300000u

static const struct power_layout LAYOUTS[] = {
    {.chip = "esp32c3", .slots = 2, .data = 1, .rollback = true},
    {.chip = "esp32", .factory = true, .slots = 2, .running = -1, .rollback = true, .attempts = 2, .old = 1},
    {.chip = "esp32c3", .slots = 2, .running = 1, .data = 2, .attempts = 2, .old = 3},
    {.chip = "esp32", .slots = 3, .running = 2, .data = 4, .old = 2, .rollback = true, .attempts = 3},
    {.chip = "esp32", .factory = true, .slots = 2, .running = 0, .data = 3},
};

struct way {
    uint8_t bytes[4096];
    size_t len;
};

static struct power_rig rig;
static struct way to_target, to_host;
static struct ferry_stream host_stream, target_stream;
static struct ferry_link_sender sender;
static struct ferry_link_receiver receiver;
static struct ferry_pump pump;
static struct ferry_receiver_pump receiver_pump;
static struct ferry_sink sink;
static struct ferry_posix_digest host_digest_port;
static struct ferry_digest host_digest;
static struct ferry_supply_basic basic;
static struct ferry_supply supply;
static struct ferry_source source;
static uint8_t host_frame[FERRY_LINK_WIRE_BUFFER(1024)], window[4096], frame[FERRY_LINK_PLAIN_BUFFER(1024)];
static uint8_t scratch[1024];
static bool restart_asked, noisy;
static unsigned passed; // bytes to the target
static unsigned around; // pages that were written before one in front of them
static uint32_t now_ms;
static unsigned starts;

static int way_read(struct way *way, uint8_t *buf, size_t cap)
{
    size_t n = way->len < cap ? way->len : cap;
    memcpy(buf, way->bytes, n);
    memmove(way->bytes, way->bytes + n, way->len - n);
    way->len -= n;
    return (int)n;
}

static int way_write(struct way *way, const uint8_t *bytes, size_t len)
{
    size_t room = sizeof way->bytes - way->len, n = len < room ? len : room;
    memcpy(way->bytes + way->len, bytes, n);
    way->len += n;
    return (int)n;
}

static int host_read(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    return way_read(&to_host, buf, cap);
}

static int host_write(void *ctx, const uint8_t *bytes, size_t len)
{
    size_t before = to_target.len;
    (void)ctx;
    int n = way_write(&to_target, bytes, len);
    for (size_t i = before; noisy && i < to_target.len; i++)
        if (++passed % 1511 == 0)
            to_target.bytes[i] ^= 0x10;
    return n;
}

static int target_read(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    return way_read(&to_target, buf, cap);
}

static int target_write(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    return way_write(&to_host, bytes, len);
}

static int image_read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, rig.image[POWER_NEW] + offset, len);
    return FERRY_OK;
}

static int ask_restart(void *ctx)
{
    (void)ctx;
    restart_asked = true;
    return FERRY_OK;
}

static bool power_is_back(void)
{
    if (!sim_flash_dead(rig.flash))
        return false;
    sim_flash_power_on(rig.flash);
    rig.power_on = rig.was_cut = true;
    return true;
}

// From reset until a firmware runs with its receiver. False: it cannot.
static bool start_target(void)
{
    for (unsigned i = 0; i < 20; i++) {
        int which = power_rig_boot(&rig), status = which >= 0 ? ferry_sink_ota_boot(&rig.ota) : 0;
        starts++;
        if (which == -2)
            return false;
        if (power_is_back())
            continue;
        rig.power_on = false;
        if (status == FERRY_SINK_OTA_RESTART)
            continue;
        rig.ota.cfg.restart = ask_restart;
        sink = ferry_sink_ota(&rig.ota);
        struct ferry_link_receiver_cfg cfg = {.window = window,
                                              .window_size = sizeof window,
                                              .frame = frame,
                                              .frame_size = sizeof frame,
                                              .wire_buffer = sizeof to_target.bytes};
        to_target.len = 0;
        restart_asked = false;
        memset(&receiver, 0xA5, sizeof receiver);
        memset(&receiver_pump, 0, sizeof receiver_pump);
        receiver_pump.receiver = &receiver;
        receiver_pump.stream = &target_stream;
        receiver_pump.sink = &sink;
        return status == FERRY_OK && ferry_link_receiver_init(&receiver, &cfg, now_ms) == FERRY_OK;
    }
    return false;
}

static void start_job(void)
{
    struct ferry_link_sender_cfg cfg = {
        .frame = host_frame, .frame_size = sizeof host_frame, .updater = 7, .seed = 3, .clean = !noisy};
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true, .confirm = true};
    power_rig_manifest(&rig);
    job.manifest = rig.manifest;
    source = (struct ferry_source){NULL, rig.size[POWER_NEW], image_read};
    memset(&basic, 0, sizeof basic);
    basic.sources = &source;
    basic.source_count = 1;
    basic.digest = &host_digest;
    basic.scratch = scratch;
    basic.scratch_size = sizeof scratch;
    supply = ferry_supply_from(&basic);
    assert_int_equal(ferry_link_sender_init(&sender, &cfg), 0);
    assert_int_equal(ferry_link_sender_start(&sender, &job, now_ms), 0);
    memset(&pump, 0, sizeof pump);
    pump.engine = &sender;
    pump.ops = &ferry_link_sender_ops;
    pump.stream = &host_stream;
    pump.supply = &supply;
}

// Until the sender has ended; its status.
static int run_link(void)
{
    uint32_t wants = 0, host_wait, target_wait;
    unsigned ahead = 0;
    while (!(wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED)) && now_ms < VIRTUAL_LIMIT_MS) {
        wants = ferry_pump_step(&pump, now_ms, &host_wait);
        ferry_receiver_pump_step(&receiver_pump, now_ms, &target_wait);
        around += receiver.window.ahead > ahead;
        ahead = receiver.window.ahead;
        if (power_is_back() || restart_asked) {
            if (!start_target())
                return FERRY_ERR_STATE;
            target_wait = 0;
        }
        uint32_t wait = host_wait < target_wait ? host_wait : target_wait;
        now_ms += to_host.len || to_target.len || wait < 1 ? 1 : wait < 20 ? wait : 20;
    }
    struct ferry_error e;
    ferry_pump_error(&pump, &e);
    return wants & FERRY_WANT_DONE ? FERRY_OK : e.status ? e.status : FERRY_ERR_TIMEOUT;
}

// The sender finds out by itself how far it got. Only what was given up, as the stock bootloader's one attempt is by a
// loss of power, a person has to send again: that is an answer of its own.
static int run_updater(void)
{
    int status = FERRY_ERR_NOT_CONFIRMED;
    for (unsigned i = 0; status == FERRY_ERR_NOT_CONFIRMED && i < 3; i++) {
        start_job();
        status = run_link();
    }
    return status;
}

// True: the update came to its end, and what was confirmed starts by itself.
static bool run_case(uint64_t op, unsigned kind)
{
    power_rig_fresh(&rig, (uint32_t)op * 17 + kind + 1);
    power_rig_set_cut(&rig, op, kind);
    to_host.len = 0;
    passed = 0;
    now_ms = 1000;
    starts = 0;
    if (!start_target())
        return false;
    int status = run_updater();
    rig.ops = sim_flash_ops(rig.flash);
    if (status < 0) {
        snprintf(rig.why, sizeof rig.why, "the update ends with %s", ferry_status_name(status));
        return false;
    }
    int which = power_rig_boot(&rig);
    if (which == POWER_NEW && ferry_sink_ota_boot(&rig.ota) == FERRY_OK && rig.ota.boot_state == FERRY_BOOT_CONFIRMED)
        return true;
    snprintf(rig.why, sizeof rig.why, "image %d runs in the end, state %d", which, (int)rig.ota.boot_state);
    return false;
}

static unsigned check(unsigned layout, uint64_t op, unsigned kind)
{
    rig.why[0] = 0;
    if (run_case(op, kind))
        return 0;
    printf("FAILED %u:%" PRIu64 ":%u  %s\n", layout, op, kind, rig.why);
    return 1;
}

static void test_power_link(void **state)
{
    (void)state;
    const char *id = getenv("FERRY_POWER_ID");
    unsigned failures = 0, cases = 0, only = 0, only_kind = 0;
    uint64_t only_op = 0;
    bool one = id && sscanf(id, "%u:%" SCNu64 ":%u", &only, &only_op, &only_kind) == 3;
    host_stream = (struct ferry_stream){NULL, host_read, host_write, NULL, NULL};
    target_stream = (struct ferry_stream){NULL, target_read, target_write, NULL, NULL};
    host_digest = ferry_posix_digest_init(&host_digest_port);
    const unsigned layouts = sizeof LAYOUTS / sizeof *LAYOUTS;
    for (unsigned i = 0; i < 2 * layouts; i++) {
        if (one && i != only)
            continue;
        noisy = i >= layouts;
        assert_true(power_rig_init(&rig, &LAYOUTS[i % layouts]));
        failures += one ? check(i, only_op, only_kind) : check(i, UINT64_MAX, 0);
        uint64_t ops = one || failures ? 0 : rig.ops;
        assert_true(one || failures || ops > 20);
        for (uint64_t op = 0; op < ops; op++)
            for (unsigned kind = 0; kind < POWER_KINDS; kind++, cases++)
                failures += check(i, op, kind);
        power_rig_free(&rig);
    }
    ferry_posix_digest_close(&host_digest_port);
    printf("power cuts over the link: %u cases, %u pages written around a hole, %u failures\n", cases, around,
           failures);
    assert_true(one || failures || around > 100);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_link)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
