// Bug: with --before no-reset on a port that has lines, a rate that the line does not hold made the flasher reset the
// target all the same, and left its boot pin asserted. The peer is the virtual chip; the lines are watched.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

#define LIMIT 230400u // baud

// Above LIMIT nothing arrives whole.
struct port {
    struct ferry_stream inner;
    uint32_t baud;
    unsigned sets;
    bool reset, boot;
};

static int port_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct port *self = ctx;
    int got = self->inner.read(self->inner.ctx, buf, cap);
    for (int i = 0; i < got && self->baud > LIMIT; i++)
        buf[i] ^= 0x55;
    return got;
}

static int port_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct port *self = ctx;
    return self->inner.write(self->inner.ctx, bytes, len);
}

static int port_baud(void *ctx, uint32_t baud)
{
    struct port *self = ctx;
    self->baud = baud;
    return self->inner.set_baud(self->inner.ctx, baud);
}

static int port_pending(void *ctx)
{
    struct port *self = ctx;
    return self->inner.pending(self->inner.ctx);
}

static int port_lines(void *ctx, bool reset, bool boot)
{
    struct port *self = ctx;
    self->sets++;
    self->reset = reset;
    self->boot = boot;
    return FERRY_OK;
}

static void the_lines_are_left_alone(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3",
                                                    .sim = {.boot_download = true},
                                                    .flasher = {.before = FERRY_BEFORE_NO_RESET, .baud = 921600}});
    struct port port = {.inner = *world_pump(w)->stream, .baud = 115200};
    struct ferry_stream stream = {&port, port_read, port_write, port_baud, port_pending};
    struct ferry_lines lines = {&port, port_lines};
    world_pump(w)->stream = &stream;
    world_pump(w)->lines = &lines;
    struct world_result r = world_connect(w);
    assert_false(r.hung);
    assert_int_equal(r.status, FERRY_ERR_BAUD);
    assert_int_equal(port.sets, 0);
    assert_false(port.reset || port.boot);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_lines_are_left_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
