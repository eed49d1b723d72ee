#include "tests/support/conformance.h"

#include "tests/support/rig_parts.h"

void conf_init(struct conf *c, const struct conf_wire *wire)
{
    memset(c, 0, sizeof *c);
    c->wire = wire;
    c->cfg = wire->cfg;
    c->cfg.seed = 1;
    c->random = 1;
    for (size_t i = 0; i < sizeof c->image; i++)
        c->image[i] = (uint8_t)(conf_random(c) >> 8);
    c->image[0] = 0xe9;
    if (wire->attach)
        wire->attach(c);
}

void conf_close(struct conf *c)
{
    if (c->rig)
        rig_free(c->rig);
    c->rig = NULL;
}

void conf_open(struct conf *c, uint32_t size)
{
    assert_true(size <= sizeof c->image);
    conf_close(c);
    c->size = size;
    c->rig = rig_new(&c->cfg, c->image, size);
}

void conf_other_updater(struct conf *c, uint32_t updater, bool take_over)
{
    c->rig->cfg.updater = updater;
    rig_reset_host(c->rig);
    rig_sender(c->rig)->cfg.take_over = take_over;
}

int conf_do(struct conf *c, enum ferry_link_sender_op op)
{
    struct ferry_link_job job = {.op = op};
    return rig_run(c->rig, &job, 200);
}

int conf_send(struct conf *c)
{
    return rig_run(c->rig, NULL, 400);
}

void conf_send_until(struct conf *c, uint32_t received)
{
    uint64_t limit = rig_now_us(c->rig) + 400000000u;
    assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    while (!rig_ended(c->rig) && (rig_sender(c->rig)->received < received || !rig_sender(c->rig)->received))
        assert_true(rig_turn(c->rig, limit));
    assert_false(rig_ended(c->rig));
}

int conf_finish(struct conf *c)
{
    uint64_t limit = rig_now_us(c->rig) + 400000000u;
    while (!rig_ended(c->rig))
        if (!rig_turn(c->rig, limit))
            return FERRY_ERR_TIMEOUT;
    return conf_cause(c).status;
}

struct ferry_error conf_cause(const struct conf *c)
{
    struct ferry_error e;
    ferry_link_sender_ops.error(&c->rig->sender, &e);
    return e;
}

// Erased, or as it was: no other byte may appear behind the image.
void conf_arrived(struct conf *c)
{
    const uint8_t *flash = sim_flash_bytes(rig_flash(c->rig)) + CONF_SLOT;
    uint32_t end = (c->size + 4095u) & ~4095u;
    assert_true(rig_selected(c->rig));
    for (uint32_t i = c->size; i < end; i++)
        assert_int_equal(flash[i], 0xff);
    for (uint32_t i = end; i < end + 4096; i++)
        assert_int_equal(flash[i], 0x5a);
}

void conf_untouched(struct conf *c)
{
    const uint8_t *flash = sim_flash_bytes(rig_flash(c->rig)) + CONF_SLOT;
    assert_int_equal(rig_erases(c->rig), 0);
    assert_false(c->rig->selected);
    for (uint32_t i = 0; i < 0x20000; i++)
        assert_int_equal(flash[i], 0x5a);
}
