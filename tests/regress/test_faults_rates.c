// Long writes over lines that are bad: an error every 100 KB, a line that holds 921600 but not 2 Mbaud (so badly that
// nothing passes, or just so that small commands pass and blocks do not), noise that grows with the rate. Ends
// verified; the flash is compared here. The peer is the virtual chip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static uint8_t image[4u << 20];

static int fill(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 77);
    return 0;
}

// A port whose wire damages one byte in `every` above `limit` baud.
struct bad_line {
    struct ferry_stream inner;
    uint32_t limit, every;
    uint32_t baud, count;
};

static void damage(struct bad_line *self, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (self->baud > self->limit && ++self->count % self->every == 0)
            bytes[i] ^= (uint8_t)(1u << (self->count / self->every % 8));
}

static int bad_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct bad_line *self = ctx;
    int got = self->inner.read(self->inner.ctx, buf, cap);
    if (got > 0)
        damage(self, buf, (size_t)got);
    return got;
}

static int bad_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct bad_line *self = ctx;
    uint8_t copy[512];
    len = len < sizeof copy ? len : sizeof copy;
    uint32_t count = self->count;
    memcpy(copy, bytes, len);
    damage(self, copy, len);
    int taken = self->inner.write(self->inner.ctx, copy, len);
    if (taken >= 0 && (size_t)taken < len) { // what was not taken comes again
        self->count = count;
        memcpy(copy, bytes, len);
        damage(self, copy, (size_t)taken);
    }
    return taken;
}

static int bad_baud(void *ctx, uint32_t baud)
{
    struct bad_line *self = ctx;
    self->baud = baud;
    return self->inner.set_baud(self->inner.ctx, baud);
}

static int bad_pending(void *ctx)
{
    struct bad_line *self = ctx;
    return self->inner.pending(self->inner.ctx);
}

static void write_over(const char *chip, uint32_t len, struct bad_line *line, uint32_t error_every)
{
    const struct world_part part = {0, image, len};
    struct world *w = world_new(&(struct world_cfg){
        .chip = chip,
        .used_flash = true,
        .flasher = {.baud = 2000000},
        .sim = {.line = {.error_every = error_every}},
    });
    struct ferry_stream stream = {line, bad_read, bad_write, bad_baud, bad_pending};
    line->inner = *world_pump(w)->stream;
    line->baud = 115200;
    world_pump(w)->stream = &stream;
    struct world_result r = world_flash(w, &part, 1);
    uint32_t baud = ferry_flasher_target(world_flasher(w))->baud;
    print_message("%s, %u KB, one byte in %u damaged above %u, a bit every %u: %s at %u baud, %.1f s, %u repetitions\n",
                  chip, (unsigned)(len >> 10), (unsigned)line->every, (unsigned)line->limit, (unsigned)error_every,
                  ferry_status_name(r.status), (unsigned)baud, (double)r.us / 1e6, (unsigned)r.retries);
    assert_false(r.hung);
    assert_int_equal(r.status, 0);
    assert_true(world_holds(w, &part, 1));
    assert_true(baud <= line->limit);
    world_free(w);
}

static void four_mib_at_2_mbaud_with_an_error_per_100_kb(void **state)
{
    (void)state;
    write_over("esp32c3", sizeof image, &(struct bad_line){.limit = 2000000, .every = 1}, 100000);
    write_over("esp32", sizeof image, &(struct bad_line){.limit = 2000000, .every = 1}, 100000);
}

static void a_line_that_is_bad_above_921600_falls_back(void **state)
{
    (void)state;
    static const uint32_t everies[] = {1, 60, 2000};
    for (size_t i = 0; i < sizeof everies / sizeof everies[0]; i++) {
        write_over("esp32c3", 512u << 10, &(struct bad_line){.limit = 921600, .every = everies[i]}, 0);
        write_over("esp32", 512u << 10, &(struct bad_line){.limit = 921600, .every = everies[i]}, 0);
    }
}

static void four_mib_fall_back_with_an_error_per_100_kb(void **state)
{
    (void)state;
    write_over("esp32c3", sizeof image, &(struct bad_line){.limit = 921600, .every = 1500}, 100000);
    write_over("esp32", sizeof image, &(struct bad_line){.limit = 230400, .every = 1500}, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_mib_at_2_mbaud_with_an_error_per_100_kb),
        cmocka_unit_test(a_line_that_is_bad_above_921600_falls_back),
        cmocka_unit_test(four_mib_fall_back_with_an_error_per_100_kb),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
