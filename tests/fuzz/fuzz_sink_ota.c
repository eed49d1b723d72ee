// The whole OTA sink on a NOR flash, as a target lives with it: any order of begin, chunks (also wrong ones), hash,
// end, abort, confirm, revert, restarts, crashes and power cuts. Whatever happens, the model of the stock bootloader
// finds a whole firmware to start, and without a power cut the flash is never asked to set a bit.
//
// The engine's side of the contract is kept (io/sink.h): chunks lie in what was prepared and ascend, end() comes only
// when the sink's own hash over all of it is right. The input is one byte for the layout, then an operation byte and
// two arguments each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/power_rig.h"

#define RIGS (sizeof layouts / sizeof layouts[0])

static const struct power_layout layouts[] = {
    {.chip = "esp32c3", .slots = 2, .running = 0, .data = 1, .rollback = true, .attempts = 0},
    {.chip = "esp32c3", .slots = 2, .running = 0, .data = 1, .old = 2, .rollback = true, .attempts = 3},
    {.chip = "esp32", .slots = 2, .running = 0, .data = 1, .old = 1, .rollback = false, .attempts = 2},
    {.chip = "esp32", .factory = true, .slots = 2, .running = -1, .data = 0, .rollback = false, .attempts = 1},
    {.chip = "esp32c3",
     .factory = true,
     .slots = 3,
     .running = -1,
     .data = 0,
     .old = 3,
     .rollback = true,
     .attempts = 1},
};

static struct power_rig rigs[RIGS];
static struct power_rig *rig;
static struct ferry_sink sink;
static bool cut; // power has gone at some time: torn bytes are allowed

// The update that the sink has accepted.
static struct {
    bool open;
    uint32_t at, ready; // next byte, prepared up to here; at >= ready: prepare first
} update;

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_sink_ota: %s; %s\n", what, rig->why);
    abort();
}

static void set_up(void)
{
    for (size_t i = 0; i < RIGS; i++)
        for (unsigned data = 0; !rigs[i].layout && data < power_rig_datas(); data++) {
            static struct power_layout chosen[RIGS];
            chosen[i] = layouts[i];
            chosen[i].data = (layouts[i].data + data) % power_rig_datas(); // the first that starts `running`
            if (!power_rig_init(&rigs[i], &chosen[i]))
                rigs[i].layout = NULL;
        }
}

static void power_on(void)
{
    sim_flash_power_on(rig->flash);
    rig->power_on = cut = true;
}

// A start of the target, until an application runs whose sink is content.
static void start(void)
{
    memset(&update, 0, sizeof update);
    for (int i = 0; i < 40; i++) {
        if (sim_flash_dead(rig->flash))
            power_on();
        int which = power_rig_boot(rig);
        if (which == -2)
            fail("no whole firmware starts");
        int status = which >= 0 ? ferry_sink_ota_boot(&rig->ota) : FERRY_OK;
        rig->power_on = false;
        if (which < 0 || sim_flash_dead(rig->flash) || status == FERRY_SINK_OTA_RESTART)
            continue;
        if (status < 0)
            fail("boot() fails");
        sink = ferry_sink_ota(&rig->ota);
        return;
    }
    fail("it restarts for ever");
}

static int until_done(int (*call)(void *ctx))
{
    int status = FERRY_SINK_BUSY;
    for (int i = 0; i < 1000 && status == FERRY_SINK_BUSY; i++)
        status = call(sink.ctx);
    return status;
}

static int hash(uint32_t offset, uint32_t len, uint8_t out[32])
{
    bool blank;
    int status = FERRY_SINK_BUSY;
    for (int i = 0; i < 1000 && status == FERRY_SINK_BUSY; i++)
        status = sink.hash(sink.ctx, offset, len, out, &blank);
    return status;
}

// Field `which` of the manifest is damaged, 0 = none.
static void begin(uint8_t image, uint8_t which)
{
    struct ferry_sink_plan plan = {0};
    rig->wanted = image % 2 ? POWER_NEW : POWER_OTHER;
    power_rig_manifest(rig);
    struct ferry_manifest *m = &rig->manifest;
    switch (which % 16) {
    case 1:
        m->kind = (uint8_t)(which >> 4);
        break;
    case 2:
        m->chip ^= (uint16_t)(1u << (which >> 4));
        break;
    case 3:
        m->size = 1u << (which >> 3);
        break;
    case 4:
        m->head[which >> 4] ^= 0x55;
        break;
    case 5:
        m->head_len = 0;
        break;
    case 6:
        m->options = FERRY_MANIFEST_NO_TRIAL;
        break;
    case 7:
        m->sha256[which >> 4] ^= 1;
        break;
    default:
        break;
    }
    int status = sink.begin(sink.ctx, m, &plan);
    if (status < 0)
        return; // what was open before may go on: the engine asks again
    if (plan.have > m->size || plan.withheld > 256)
        fail("an impossible plan");
    memset(&update, 0, sizeof update);
    update.open = true;
}

static void prepare(uint32_t offset)
{
    uint32_t ready = offset, end = offset < FERRY_SINK_OTA_HEAD ? FERRY_SINK_OTA_HEAD : rig->manifest.size;
    int status = FERRY_SINK_BUSY;
    if (end > rig->manifest.size)
        end = rig->manifest.size;
    if (offset >= end)
        return;
    for (int i = 0; i < 1000 && status == FERRY_SINK_BUSY; i++)
        status = sink.prepare(sink.ctx, offset, end, &ready);
    if (status == FERRY_OK && ready <= offset)
        fail("prepare() prepares nothing");
    update.at = offset;
    update.ready = status == FERRY_OK ? ready : offset;
}

// Up to 4 KiB from where the last chunk ended; some with a wrong byte.
static void chunk(uint8_t len, uint8_t damage)
{
    const uint8_t *image = rig->image[rig->wanted];
    uint32_t size = rig->manifest.size < rig->size[rig->wanted] ? rig->manifest.size : rig->size[rig->wanted];
    if (update.at >= update.ready)
        prepare(update.at);
    uint32_t room = update.ready < size ? update.ready : size;
    uint8_t bytes[4096];
    uint32_t n = (len + 1u) * 16;
    if (update.at >= room)
        return;
    n = n < room - update.at ? n : room - update.at;
    memcpy(bytes, image + update.at, n);
    if (damage > 240)
        bytes[damage % n] ^= 0x40;
    int took = sink.chunk(sink.ctx, update.at, bytes, n);
    if (took > (int)n)
        fail("chunk() takes more than there is");
    update.at += took > 0 ? (uint32_t)took : 0;
    if (took < 0)
        update.ready = update.at;
}

// As the engine does: only what is right is ended.
static void end(void)
{
    uint8_t sha256[32];
    int status = hash(0, rig->manifest.size, sha256);
    if (status < 0 || memcmp(sha256, rig->manifest.sha256, sizeof sha256) != 0)
        return;
    if (until_done(sink.end) == FERRY_OK && !sim_flash_dead(rig->flash) && sink.end(sink.ctx) != FERRY_OK)
        fail("end() twice is not the same");
    update.open = false;
}

static void operate(uint8_t op, uint8_t a, uint8_t b)
{
    switch (op % 12) {
    case 0:
        begin(a, b);
        break;
    case 1:
        if (update.open)
            prepare(a % 16 == 0 ? 0 : a % 16 == 1 ? FERRY_SINK_OTA_HEAD : (a % 16 - 1u) * 4096u);
        break;
    case 2:
    case 3:
        for (int i = 0; update.open && i < (op % 12 == 3 ? 8 : 1); i++)
            chunk(a, b);
        break;
    case 4:
        if (update.open && (uint32_t)a * 256 < rig->manifest.size) {
            uint8_t sha256[32];
            uint32_t left = rig->manifest.size - (uint32_t)a * 256;
            hash((uint32_t)a * 256, (b + 1u) * 64 < left ? (b + 1u) * 64 : left, sha256);
        }
        break;
    case 5:
        if (update.open)
            end();
        break;
    case 6:
        if (!power_rig_update(rig)) // a whole one
            update.open = false;
        break;
    case 7:
        sink.abort(sink.ctx);
        update.open = false;
        break;
    case 8:
        sink.confirm(sink.ctx);
        break;
    case 9:
        sink.revert(sink.ctx, (enum ferry_give_up)(1 + a % 4));
        break;
    case 10:
        start();
        break;
    default:
        power_rig_set_cut(rig, a % 32, b % POWER_KINDS);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!rigs[0].layout)
        set_up();
    if (size < 1 || size > 200)
        return 0;
    rig = &rigs[data[0] % RIGS];
    if (!rig->layout)
        abort();
    power_rig_fresh(rig, 1);
    cut = false;
    start();
    for (size_t i = 1; i + 3 <= size; i += 3) {
        operate(data[i], data[i + 1], data[i + 2]);
        if (sim_flash_dead(rig->flash))
            start();
        if (!cut && sim_flash_bits_refused(rig->flash))
            fail("a bit would have to be set");
    }
    start();
    return 0;
}
