// Cases: what may happen to a wire and to those at its ends. The image has to arrive all the same, or the fault to be
// named in time.
#include "tests/support/conformance.h"

#define SIZE 12000u

static void arrives(struct conf *c)
{
    assert_int_equal(conf_finish(c), FERRY_OK);
    conf_arrived(c);
}

// ---- noise
// -------------------------------------------------------------------------------------------------------------

static void noise(struct conf *c, double to_target, double to_host)
{
    conf_open(c, SIZE);
    conf_noise(c, to_target, to_host);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// clang-format off
static void noise_to_target(struct conf *c) { noise(c, 0.5, 0); }
static void noise_to_host(struct conf *c) { noise(c, 0, 0.5); }
static void noise_both_ways(struct conf *c) { noise(c, 0.5, 0.5); }
static void hard_noise(struct conf *c) { noise(c, 1, 1); }
// clang-format on

static void noise_comes_and_goes(struct conf *c)
{
    conf_open(c, SIZE);
    conf_send_until(c, 1);
    for (int i = 0; i < 6 && !rig_ended(c->rig); i++) {
        conf_noise(c, i % 2 ? 0 : 1, i % 2 ? 0 : 1);
        for (uint64_t end = rig_now_us(c->rig) + 200000; !rig_ended(c->rig) && rig_turn(c->rig, end);)
            ;
    }
    conf_noise(c, 0, 0);
    arrives(c);
}

// ---- bytes that no engine has sent
// -------------------------------------------------------------------------------------

static void say_garbage(struct conf *c, int direction, size_t len)
{
    uint8_t bytes[200];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)conf_random(c);
    rig_say(c->rig, direction, bytes, len);
}

static void garbage_before(struct conf *c)
{
    conf_open(c, SIZE);
    for (int i = 0; i < 5; i++) {
        say_garbage(c, RIG_TO_TARGET, 200);
        say_garbage(c, RIG_TO_HOST, 200);
        rig_let_run(c->rig, 50000);
    }
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void inside(struct conf *c, int direction, const void *bytes, size_t len, uint64_t every_us)
{
    conf_open(c, SIZE);
    assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    for (int i = 0; i < 2000 && !rig_ended(c->rig); i++) {
        for (uint64_t end = rig_now_us(c->rig) + every_us; !rig_ended(c->rig) && rig_turn(c->rig, end);)
            ;
        if (bytes)
            rig_say(c->rig, direction, bytes, len);
        else
            say_garbage(c, direction, len);
    }
    arrives(c);
}

// clang-format off
static void garbage_to_target(struct conf *c) { inside(c, RIG_TO_TARGET, NULL, 40, 50000); }
static void garbage_to_host(struct conf *c) { inside(c, RIG_TO_HOST, NULL, 40, 50000); }
static void text_to_host(struct conf *c) { inside(c, RIG_TO_HOST, "I (99) app: all is well\r\n", 25, 30000); }
static void zeros_to_target(struct conf *c) { inside(c, RIG_TO_TARGET, "\0\0\0\0\0\0\0\0", 8, 20000); }
static void zeros_to_host(struct conf *c) { inside(c, RIG_TO_HOST, "\0\0\0\0\0\0\0\0", 8, 20000); }
static void slip_to_host(struct conf *c) { inside(c, RIG_TO_HOST, "\xc0\1\10\4\0\7\7\22 \0\0\xc0", 12, 50000); }
// clang-format on

static void garbage_after(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_send(c), FERRY_OK);
    for (int i = 0; i < 20; i++) {
        say_garbage(c, i % 2, 100);
        rig_let_run(c->rig, 20000);
    }
    conf_arrived(c);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_STATUS), FERRY_OK);
    assert_int_equal(rig_sender(c->rig)->status.state, FERRY_LINK_RECEIVER_SELECTED);
}

// What was said in one session is said again in the next, frame by frame.
struct record {
    uint8_t bytes[6000];
    size_t len;
};

static void take_down(void *ctx, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes, size_t len)
{
    struct record *r = ctx;
    (void)now_ms;
    if (dir == FERRY_TRACE_TO_TARGET && len <= sizeof r->bytes - r->len) {
        memcpy(r->bytes + r->len, bytes, len);
        r->len += len;
    }
}

static void old_session_replayed(struct conf *c)
{
    static struct record record;
    struct ferry_trace trace = {&record, take_down};
    record.len = 0;
    conf_open(c, SIZE);
    rig_trace(c->rig, &trace);
    conf_send_until(c, 2000);
    rig_reset_target(c->rig);
    rig_reset_host(c->rig);
    for (size_t i = 0; i < SIZE; i++)
        c->image[i] ^= 0x40; // the old bytes would be wrong now
    assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    for (size_t at = 0; at < record.len && !rig_ended(c->rig); at += 200) {
        for (uint64_t end = rig_now_us(c->rig) + 20000; !rig_ended(c->rig) && rig_turn(c->rig, end);)
            ;
        rig_say(c->rig, RIG_TO_TARGET, record.bytes + at, record.len - at < 200 ? record.len - at : 200);
    }
    arrives(c);
}

// ---- packets
// -----------------------------------------------------------------------------------------------------------

static void packets(struct conf *c, double loss, double twice, double swapped)
{
    for (int d = 0; d < 2; d++) {
        c->cfg.packet_loss[d] = loss;
        c->cfg.packet_double[d] = twice;
        c->cfg.packet_swap[d] = swapped;
    }
    conf_open(c, SIZE);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// clang-format off
static void every_packet_twice(struct conf *c) { packets(c, 0, 1, 0); }
static void half_of_them_overtake(struct conf *c) { packets(c, 0, 0, 0.5); }
static void a_quarter_lost(struct conf *c) { packets(c, 0.25, 0, 0); }
static void all_of_that(struct conf *c) { packets(c, 0.2, 0.5, 0.3); }
// clang-format on

// ---- cuts and stops
// ----------------------------------------------------------------------------------------------------

static void cut_for(struct conf *c, bool to_target, bool to_host, uint64_t us)
{
    conf_open(c, SIZE);
    conf_send_until(c, 3000);
    conf_cut(c, to_target, to_host);
    for (uint64_t end = rig_now_us(c->rig) + us; !rig_ended(c->rig) && rig_turn(c->rig, end);)
        ;
    conf_cut(c, false, false);
    arrives(c);
}

// clang-format off
static void cut_to_target(struct conf *c) { cut_for(c, true, false, 1000000); }
static void cut_to_host(struct conf *c) { cut_for(c, false, true, 1000000); }
static void cut_both_ways(struct conf *c) { cut_for(c, true, true, 1000000); }
static void cut_longer_than_contact(struct conf *c) { cut_for(c, true, true, 5000000); }
static void cut_longer_than_a_session(struct conf *c) { cut_for(c, true, true, 14000000); }
// clang-format on

static void cut_for_good(struct conf *c)
{
    conf_open(c, SIZE);
    conf_send_until(c, 3000);
    conf_cut(c, true, true);
    uint64_t start = rig_now_us(c->rig);
    int status = conf_finish(c);
    assert_true(status == FERRY_ERR_TIMEOUT || status == FERRY_ERR_NO_ANSWER);
    assert_true(conf_cause(c).status == status);        // the updater's word, not the test's limit
    assert_true(rig_now_us(c->rig) - start < 40000000); // reconnect_ms and a little
    assert_int_equal(rig_info(c->rig)->boot_state, FERRY_BOOT_CONFIRMED);
    conf_cut(c, false, false); // somebody plugs it in again, and starts again
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void stops_for(struct conf *c, int end, uint64_t us)
{
    conf_open(c, SIZE);
    conf_send_until(c, 3000);
    rig_stop(c->rig, end, us);
    arrives(c);
}

// clang-format off
static void host_stops_shortly(struct conf *c) { stops_for(c, 0, 700000); }
static void host_stops_for_3_s(struct conf *c) { stops_for(c, 0, 3000000); }
static void host_stops_for_12_s(struct conf *c) { stops_for(c, 0, 12000000); }
static void target_stops_shortly(struct conf *c) { stops_for(c, 1, 700000); }
static void target_stops_for_3_s(struct conf *c) { stops_for(c, 1, 3000000); }
static void target_stops_for_12_s(struct conf *c) { stops_for(c, 1, 12000000); }
// clang-format on

// ---- a target that has its time
// ------------------------------------------------------------------------------------------

static void updated(struct conf *c, uint32_t size)
{
    conf_open(c, size);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void slow_writes(struct conf *c)
{
    c->cfg.page_us = 20000;
    updated(c, SIZE);
}

static void slow_erases(struct conf *c)
{
    c->cfg.sector_erase_us = 400000;
    c->cfg.block_erase_us = 2000000;
    updated(c, SIZE);
}

static void slow_hashes(struct conf *c)
{
    c->cfg.hash_us_per_kib = 20000;
    conf_open(c, SIZE);
    conf_send_until(c, 9000);
    rig_reset_host(c->rig);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void no_flash_time_at_all(struct conf *c)
{
    c->cfg.instant_flash = true;
    updated(c, SIZE);
}

static void deaf_while_it_erases(struct conf *c)
{
    c->cfg.deaf = true;
    updated(c, 66000);
}

static void deaf_and_does_not_know(struct conf *c)
{
    c->cfg.hidden_deaf = true;
    updated(c, 40000);
}

static void smallest_window(struct conf *c)
{
    c->cfg.window = 1024;
    c->cfg.chunk = 256;
    updated(c, SIZE);
}

static void larger_window(struct conf *c)
{
    c->cfg.window = 16384;
    updated(c, 30000);
}

static void beacons_all_the_time(struct conf *c)
{
    c->cfg.beacon_ms = 100;
    conf_open(c, SIZE);
    rig_let_run(c->rig, 1000000);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

const struct conf_case conf_trouble_cases[] = {
    {"noise to the target", CONF_NOISY, noise_to_target},
    {"noise to the updater", CONF_NOISY, noise_to_host},
    {"noise both ways", CONF_NOISY, noise_both_ways},
    {"hard noise", CONF_NOISY, hard_noise},
    {"noise comes and goes", CONF_NOISY, noise_comes_and_goes},
    {"garbage before", 0, garbage_before},
    {"garbage to the target", 0, garbage_to_target},
    {"garbage to the updater", 0, garbage_to_host},
    {"text to the updater", 0, text_to_host},
    {"zeros to the target", 0, zeros_to_target},
    {"zeros to the updater", 0, zeros_to_host},
    {"a ROM loader's frames to the updater", 0, slip_to_host},
    {"garbage after", 0, garbage_after},
    {"an old session replayed", 0, old_session_replayed},
    {"every packet twice", CONF_PACKETS, every_packet_twice},
    {"half of the packets overtaken", CONF_PACKETS, half_of_them_overtake},
    {"a quarter of the packets lost", CONF_PACKETS, a_quarter_lost},
    {"packets lost, doubled and overtaken", CONF_PACKETS, all_of_that},
    {"cut to the target for 1 s", CONF_TWO_WAYS, cut_to_target},
    {"cut to the updater for 1 s", CONF_TWO_WAYS, cut_to_host},
    {"cut both ways for 1 s", 0, cut_both_ways},
    {"cut for 5 s", 0, cut_longer_than_contact},
    {"cut for 14 s", 0, cut_longer_than_a_session},
    {"cut for good", 0, cut_for_good},
    {"updater stops for 0.7 s", 0, host_stops_shortly},
    {"updater stops for 3 s", 0, host_stops_for_3_s},
    {"updater stops for 12 s", 0, host_stops_for_12_s},
    {"target stops for 0.7 s", 0, target_stops_shortly},
    {"target stops for 3 s", 0, target_stops_for_3_s},
    {"target stops for 12 s", 0, target_stops_for_12_s},
    {"slow writes", 0, slow_writes},
    {"slow erases", 0, slow_erases},
    {"slow hashes", 0, slow_hashes},
    {"no flash time at all", 0, no_flash_time_at_all},
    {"deaf while it erases", 0, deaf_while_it_erases},
    {"deaf, and does not know", 0, deaf_and_does_not_know},
    {"smallest window", 0, smallest_window},
    {"larger window", 0, larger_window},
    {"beacons all the time", 0, beacons_all_the_time},
};
const size_t conf_trouble_count = sizeof conf_trouble_cases / sizeof conf_trouble_cases[0];
