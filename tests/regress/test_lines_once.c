// Bug: while the rate could not be changed yet, because the last bytes had not left the port, the pump set the lines
// again at every step; over RFC 2217 each time is a round trip. And when the engine took its wish back meanwhile, the
// next wish found the lines set already, and did not set them. Engine, stream and lines are the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ferry/engine/engine.h"
#include "ferry/pump/pump.h"

// An engine that wants its lines served, `wishes` times.
struct wish {
    unsigned wishes, served; // still open; lines_done() calls
    unsigned sets, bauds;    // calls of the port
    int pending;             // bytes that the port still holds
};

static uint32_t wants(const void *self)
{
    return ((const struct wish *)self)->wishes > 0 ? FERRY_WANT_LINES | FERRY_WANT_WAIT : FERRY_WANT_DONE;
}
static size_t feed(void *self, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    (void)self, (void)bytes, (void)now_ms;
    return len;
}
static size_t poll(void *self, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    (void)self, (void)buf, (void)cap, (void)now_ms;
    return 0;
}
static void step(void *self, uint32_t now_ms)
{
    (void)self, (void)now_ms;
}
static uint32_t deadline(const void *self, uint32_t now_ms)
{
    (void)self, (void)now_ms;
    return 1000;
}
static bool lines(const void *self, struct ferry_line_request *out)
{
    *out = (struct ferry_line_request){.set_lines = true, .baud = 115200};
    return ((const struct wish *)self)->wishes > 0;
}
static void lines_done(void *self, uint32_t now_ms)
{
    (void)now_ms;
    ((struct wish *)self)->wishes--;
    ((struct wish *)self)->served++;
}
static const struct ferry_engine_ops ops = {.wants = wants,
                                            .feed = feed,
                                            .poll = poll,
                                            .step = step,
                                            .deadline = deadline,
                                            .lines = lines,
                                            .lines_done = lines_done};

static int no_bytes(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx, (void)buf, (void)cap;
    return 0;
}
static int count_baud(void *ctx, uint32_t baud)
{
    assert_int_equal(baud, 115200);
    ((struct wish *)ctx)->bauds++;
    return 0;
}
static int count_pending(void *ctx)
{
    return ((struct wish *)ctx)->pending;
}
static int count_set(void *ctx, bool reset_asserted, bool boot_asserted)
{
    assert_false(reset_asserted || boot_asserted);
    ((struct wish *)ctx)->sets++;
    return 0;
}

static void lines_are_set_once_per_request(void **state)
{
    (void)state;
    struct wish wish = {.wishes = 2, .pending = 3};
    const struct ferry_stream stream = {
        .ctx = &wish, .read = no_bytes, .set_baud = count_baud, .pending = count_pending};
    const struct ferry_lines port_lines = {.ctx = &wish, .set = count_set};
    struct ferry_pump pump = {.engine = &wish, .ops = &ops, .stream = &stream, .lines = &port_lines};
    uint32_t wait_ms, now_ms = 0;
    for (; now_ms < 20; now_ms++)
        assert_true(ferry_pump_step(&pump, now_ms, &wait_ms) & FERRY_WANT_LINES);
    assert_int_equal(wish.sets, 1);
    assert_int_equal(wish.bauds, 0);
    wish.pending = 0; // the rate changes, and the next request sets the lines anew
    while (!(ferry_pump_step(&pump, now_ms++, &wait_ms) & FERRY_WANT_DONE))
        assert_true(now_ms < 100);
    assert_int_equal(wish.served, 2);
    assert_int_equal(wish.bauds, 2);
    assert_int_equal(wish.sets, 2);
}

static uint32_t wants_time(const void *self)
{
    return ((const struct wish *)self)->wishes > 0 ? FERRY_WANT_LINES | FERRY_WANT_WAIT : FERRY_WANT_WAIT;
}

static void a_wish_taken_back_leaves_nothing_behind(void **state)
{
    (void)state;
    struct wish wish = {.wishes = 1, .pending = 3};
    struct ferry_engine_ops waiting = ops;
    waiting.wants = wants_time;
    const struct ferry_stream stream = {
        .ctx = &wish, .read = no_bytes, .set_baud = count_baud, .pending = count_pending};
    const struct ferry_lines port_lines = {.ctx = &wish, .set = count_set};
    struct ferry_pump pump = {.engine = &wish, .ops = &waiting, .stream = &stream, .lines = &port_lines};
    uint32_t wait_ms;
    ferry_pump_step(&pump, 0, &wait_ms);
    assert_int_equal(wish.sets, 1);
    wish.wishes = 0; // taken back: an answer came, after all
    ferry_pump_step(&pump, 1, &wait_ms);
    wish.wishes = 1;
    ferry_pump_step(&pump, 2, &wait_ms);
    assert_int_equal(wish.sets, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_set_once_per_request),
                                       cmocka_unit_test(a_wish_taken_back_leaves_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
