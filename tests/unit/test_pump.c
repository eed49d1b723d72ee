// The pump: lines, rate, output, wire errors, cancelling. The engine is the real flasher, the peer the virtual chip
// behind ports that misbehave; anchored in the contracts of ferry/io.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static struct world *world;
static struct ferry_stream stream;

static int set_up(void **state)
{
    (void)state;
    world = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    stream = *world_pump(world)->stream;
    world_pump(world)->stream = &stream;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(world);
    return 0;
}

static int closed_read(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    (void)buf;
    (void)cap;
    return FERRY_ERR_WIRE_CLOSED;
}

static int failing_write(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    return FERRY_ERR_WIRE_IO;
}

static int failing_baud(void *ctx, uint32_t baud)
{
    (void)ctx;
    return baud > 115200 ? FERRY_ERR_BAUD : 0;
}

static void wire_errors_end_it_by_name(void **state)
{
    (void)state;
    stream.read = closed_read;
    assert_int_equal(world_connect(world).status, FERRY_ERR_WIRE_CLOSED);
}

static void write_errors_too(void **state)
{
    (void)state;
    stream.write = failing_write;
    assert_int_equal(world_connect(world).status, FERRY_ERR_WIRE_IO);
}

static void a_port_that_cannot_do_the_rate(void **state)
{
    (void)state;
    stream.set_baud = failing_baud;
    assert_int_equal(world_connect(world).status, FERRY_ERR_BAUD);
}

static int (*real_write)(void *ctx, const uint8_t *bytes, size_t len);

static int crawling_write(void *ctx, const uint8_t *bytes, size_t len)
{
    static unsigned turn;
    return ++turn % 3 == 0 && len > 0 ? real_write(ctx, bytes, 1) : 0;
}

static void a_port_that_takes_a_byte_now_and_then(void **state)
{
    (void)state;
    real_write = stream.write;
    stream.write = crawling_write;
    assert_int_equal(world_connect(world).status, 0);
}

static void a_port_without_rate_or_fill_level(void **state)
{
    (void)state;
    stream.set_baud = NULL; // as a plain socket: the other end follows
    stream.pending = NULL;
    struct ferry_flasher_cfg cfg = world_flasher(world)->cfg;
    cfg.baud = 115200;
    assert_int_equal(ferry_flasher_init(world_flasher(world), &cfg), 0);
    assert_int_equal(world_connect(world).status, 0);
}

static uint8_t traced[1 << 16];
static size_t traced_len;

static void trace_bytes(void *ctx, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)now_ms;
    if (dir == FERRY_TRACE_TO_TARGET && traced_len + len <= sizeof traced) {
        memcpy(traced + traced_len, bytes, len);
        traced_len += len;
    }
}

static void the_trace_shows_what_was_sent(void **state)
{
    (void)state;
    const struct ferry_trace trace = {.bytes = trace_bytes};
    world_pump(world)->trace = &trace;
    world_keep_sent(world, true);
    assert_int_equal(world_connect(world).status, 0);
    size_t len;
    const uint8_t *sent = world_sent(world, &len);
    assert_int_equal(traced_len, len);
    assert_memory_equal(traced, sent, len);
}

static uint32_t clock_now(void *ctx)
{
    return (uint32_t)(world_now_us(ctx) / 1000);
}

static void clock_wait(void *ctx, uint32_t ms)
{
    world_advance(ctx, world_now_us(ctx) + ms * 1000u);
}

static int stop_after_10(void *ctx)
{
    return ++*(int *)ctx == 10;
}

static void run_blocks_until_the_end_or_until_stopped(void **state)
{
    (void)state;
    const struct ferry_clock clock = {world, clock_now, clock_wait};
    struct ferry_rom_job job = {.op = FERRY_ROM_CONNECT};
    assert_int_equal(ferry_flasher_start(world_flasher(world), &job, clock_now(world)), 0);
    int ticks = 0;
    assert_int_equal(ferry_pump_run(world_pump(world), &clock, stop_after_10, &ticks), FERRY_ERR_CANCELLED);
    assert_int_equal(ferry_pump_run(world_pump(world), &clock, NULL, NULL), 0);
    assert_non_null(ferry_flasher_target(world_flasher(world))->chip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wire_errors_end_it_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(write_errors_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_that_cannot_do_the_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_that_takes_a_byte_now_and_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_without_rate_or_fill_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_trace_shows_what_was_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(run_blocks_until_the_end_or_until_stopped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
