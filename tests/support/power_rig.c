#include "tests/support/power_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/boot_compose.h"
#include "tests/support/card.h"

enum { OLD = POWER_OLD, NEW = POWER_NEW, OTHER = POWER_OTHER, STALE = POWER_STALE };
enum { MAX_BOOTS = 60 };

static uint32_t slot_size(const struct power_layout *l)
{
    return l->large ? 0x20000 : 0x10000;
}

uint32_t power_rig_slot(const struct power_layout *l, int slot)
{
    return 0x10000 + slot_size(l) * (uint32_t)(slot + (l->factory ? 1 : 0));
}

// ---- contents before the update

static void put_table(struct power_rig *self)
{
    static const char *const names[] = {"ota_0", "ota_1", "ota_2", "ota_3"};
    const struct power_layout *l = self->layout;
    struct card_row rows[8] = {{1, 2, 0x9000, 0x4000, "nvs"}, {1, 0, 0xd000, 0x2000, "otadata"}};
    size_t n = 2;
    if (l->factory)
        rows[n++] = (struct card_row){0, 0, 0x10000, slot_size(l), "factory"};
    for (uint8_t i = 0; i < l->slots; i++)
        rows[n++] = (struct card_row){0, (uint8_t)(0x10 + i), power_rig_slot(l, i), slot_size(l), names[i]};
    struct card_bytes table = card_make_table(rows, n);
    memcpy(self->base + 0x8000, table.bytes, table.len);
    card_free(&table);
}

static struct card_bytes make_image(const struct power_layout *l, bool bootloader, unsigned which)
{
    static const char *const versions[] = {"old", "new", "other", "stale"};
    struct card_image cfg = {.chip_id = card_chip_id(l->chip),
                             .bootloader = bootloader,
                             .version = versions[which],
                             .data_size = bootloader ? 600
                                          : l->large ? 68000 + 700 * which
                                                     : 4300 + 500 * which,
                             .seed = which + 1};
    return card_make_image(&cfg);
}

static void sha256_of(const struct power_rig *self, const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    struct ferry_digest d = self->digest;
    d.begin(d.ctx, FERRY_DIGEST_SHA256);
    d.update(d.ctx, bytes, len);
    d.finish(d.ctx, out, 32);
}

static void hash_image(struct power_rig *self, unsigned which)
{
    uint32_t size = self->size[which];
    sha256_of(self, self->image[which], size, self->sha256[which]);
    for (uint32_t at = 0; at < size && at / 4096 < POWER_SECTORS; at += 4096)
        sha256_of(self, self->image[which] + at, size - at < 4096 ? size - at : 4096,
                  self->sector_sha256[which][at / 4096]);
}

static void put_images(struct power_rig *self)
{
    const struct power_layout *l = self->layout;
    for (unsigned i = 0; i < 4; i++) {
        struct card_bytes image = make_image(l, false, i);
        self->image[i] = image.bytes;
        self->size[i] = (uint32_t)image.len;
        hash_image(self, i);
    }
    for (int slot = l->factory ? -1 : 0; slot < l->slots; slot++) {
        uint8_t *at = self->base + power_rig_slot(l, slot);
        unsigned which = slot == l->running ? OLD : l->old == 3 ? NEW : STALE;
        if (slot == l->running || l->old || slot == -1)
            memcpy(at, self->image[which], self->size[which]);
        if (l->old == 2 && slot != l->running && slot != -1)
            memset(at + 3000, 0xff, 2000);
    }
    struct card_bytes boot = make_image(l, true, 0);
    memcpy(self->base + card_bootloader_offset(l->chip), boot.bytes, boot.len);
    card_free(&boot);
}

// otadata, by number. r: sequence number that names the running slot, t: one that names another.
struct data {
    bool slot, factory; // fits a running slot, a running factory app
    struct half {
        int8_t names; // 0 blank, 1 running slot, 2 another slot
        uint8_t high; // + so many rounds
        uint32_t state;
        bool torn, rest_a5; // only its first 20 bytes; other bytes behind it
    } half[2];
};
#define V 2u
#define U 0xffffffffu
static const struct data DATAS[] = {
    {true, true, {{0, 0, 0, false, false}, {0, 0, 0, false, false}}},    // blank
    {true, false, {{1, 0, V, false, false}, {0, 0, 0, false, false}}},   // first one names it
    {true, false, {{2, 0, V, false, false}, {1, 1, V, false, false}}},   // after an update
    {true, false, {{1, 1, V, false, false}, {2, 0, V, false, false}}},   // after another one
    {true, false, {{1, 0, V, false, false}, {2, 1, 4, false, false}}},   // after an update that was given up
    {true, false, {{2, 1, 3, false, false}, {1, 0, U, false, false}}},   // marked invalid; no state
    {true, true, {{0, 0, 0, false, false}, {2, 1, V, true, false}}},     // one torn
    {true, false, {{1, 0, V, false, false}, {2, 1, 0, true, false}}},    // torn beside a good one
    {true, true, {{0, 0, 0, false, true}, {0, 0, 0, false, true}}},      // blank, something foreign behind it
    {true, false, {{1, 0, V, false, true}, {2, 1, 4, false, true}}},     // something foreign behind
    {true, false, {{1, 255, V, false, false}, {0, 0, 0, false, false}}}, // numbers near their end
    {true, false, {{2, 254, V, false, false}, {1, 255, V, false, false}}},
    {true, false, {{1, 0, V, false, false}, {1, 0, V, false, false}}}, // a tie
    {false, true, {{2, 0, 4, false, false}, {2, 1, 3, false, false}}}, // all given up
    {true, true, {{2, 0, V, false, false}, {2, 1, V, false, false}}},  // names what is not there
    {true, true, {{2, 1, V, true, false}, {2, 0, 0, true, true}}},     // both torn
    {true, false, {{2, 1, 0, false, false}, {1, 0, V, false, false}}}, // selected by somebody, image bad
    {true, false, {{1, 1, 0, false, false}, {2, 0, V, false, false}}}, // NEW, and the bootloader has no rollback
};

unsigned power_rig_datas(void)
{
    return sizeof DATAS / sizeof DATAS[0];
}

static void put_otadata(struct power_rig *self)
{
    const struct power_layout *l = self->layout;
    const struct data *d = &DATAS[l->data];
    unsigned other = (unsigned)(l->running < 0 ? 0 : (l->running + 1) % l->slots);
    for (unsigned i = 0; i < 2; i++) {
        const struct half *h = &d->half[i];
        uint8_t *at = self->base + 0xd000 + 0x1000 * i;
        if (h->rest_a5)
            memset(at + 32, 0xa5, 0x1000 - 32);
        if (!h->names)
            continue;
        unsigned slot = h->names == 1 ? (unsigned)l->running : other;
        uint32_t rounds = h->high >= 254 ? (0xfffffff0u / l->slots) - 255u + h->high : h->high;
        boot_compose_entry(at, slot + 1 + rounds * l->slots, h->state, true);
        if (h->torn)
            memset(at + 20, 0xff, 12);
    }
}

// ---- one start

static void poison(void *state, size_t size)
{
    memset(state, 0xA5, size);
}

static bool wrong(struct power_rig *self, const char *what, long value)
{
    if (!self->why[0])
        snprintf(self->why, sizeof self->why, "%s (%ld), boot %u", what, value, self->boots);
    return false;
}

static int image_at(const struct power_rig *self, uint32_t address)
{
    for (int i = 0; i < 4; i++)
        if (memcmp(self->bytes + address, self->image[i], self->size[i]) == 0)
            return i;
    return -1;
}

static uint64_t digest_of(const uint8_t *bytes, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i += 8)
        h = (h ^ ferry_load64le(bytes + i)) * 0x100000001b3u;
    return h ^ h >> 29;
}

void power_rig_set_cut(struct power_rig *self, uint64_t op, unsigned kind)
{
    static const unsigned permille[POWER_KINDS] = {0, 0, 250, 500, 999, 0};
    enum sim_flash_cut what = kind == 0 ? SIM_FLASH_CUT_BEFORE : kind == 5 ? SIM_FLASH_CUT_AFTER : SIM_FLASH_CUT_TORN;
    sim_flash_cut_at(self->flash, op, what, permille[kind]);
}

// The power comes back.
static void power_on(struct power_rig *self)
{
    if (!self->was_cut)
        self->cut_state =
            digest_of(self->bytes + 0x8000, power_rig_slot(self->layout, self->layout->slots) - 0x8000) + self->salt;
    self->was_cut = self->power_on = true;
    sim_flash_power_on(self->flash);
    if (self->cut.op2 != UINT64_MAX && !self->second_set) {
        power_rig_set_cut(self, self->cut.op2, self->cut.kind2);
        self->second_set = true;
    }
    if (self->cut.actor == POWER_BOTH) // somebody else comes, with something else
        self->wanted = OTHER;
}

int power_rig_boot(struct power_rig *self)
{
    static struct sim_boot_result result; // large; written anew by every boot
    struct sim_boot_cfg cfg = {.chip = self->layout->chip, .revision = 300, .rollback = self->layout->rollback};
    sim_boot_run(self->flash, &cfg, &result);
    if (result.end == SIM_BOOT_POWER_LOST)
        return -1;
    if (result.end != SIM_BOOT_APP) {
        snprintf(self->why, sizeof self->why, "nothing boots: %.200s", result.reason);
        return -2;
    }
    int which = image_at(self, result.app_offset);
    if (which != OLD && which != NEW && which != OTHER) {
        snprintf(self->why, sizeof self->why, "%s starts, image %d: %.200s", result.boots, which, result.reason);
        return -2;
    }
    poison(&self->ota, sizeof self->ota);
    struct ferry_sink_ota_cfg ota = {.flash = &self->io,
                                     .digest = &self->digest,
                                     .running = result.app_offset,
                                     .chip = card_chip_id(self->layout->chip),
                                     .revision = 300,
                                     .rollback = self->layout->rollback,
                                     .attempts = self->layout->attempts,
                                     .power_on = self->power_on};
    int status = ferry_sink_ota_init(&self->ota, &ota);
    if (status < 0) {
        wrong(self, "init", status);
        return -2;
    }
    return which;
}

// ---- the updater

static int again(int status, unsigned *tries)
{
    return status == FERRY_SINK_BUSY && ++*tries < 1000;
}

static int prepare(struct ferry_sink *sink, uint32_t at, uint32_t end, uint32_t *to)
{
    unsigned tries = 0;
    int status;
    while (again(status = sink->prepare(sink->ctx, at, end, to), &tries)) {
    }
    return status;
}

static bool gone(const struct power_rig *self)
{
    return self->cut.actor == POWER_UPDATER && !self->updater_gone && sim_flash_ops(self->flash) > self->cut.op;
}

static int send_range(struct power_rig *self, struct ferry_sink *sink, uint32_t at, uint32_t end)
{
    uint32_t ready = at;
    while (at < end) {
        int status = at >= ready ? prepare(sink, at, end, &ready) : 0;
        if (status < 0)
            return status;
        uint32_t page = (at / 256 + 1) * 256, stop = page < ready ? page : ready;
        status = sink->chunk(sink->ctx, at, self->image[self->wanted] + at, stop - at);
        if (status <= 0)
            return status ? status : FERRY_ERR_STATE;
        at += (uint32_t)status;
        if (gone(self))
            return FERRY_ERR_CANCELLED;
    }
    return FERRY_OK;
}

static int proved(struct power_rig *self, struct ferry_sink *sink, uint32_t at, uint32_t len, bool *right)
{
    uint8_t have[32];
    bool blank;
    unsigned tries = 0;
    int status;
    while (again(status = sink->hash(sink->ctx, at, len, have, &blank), &tries)) {
    }
    if (status < 0)
        return status;
    *right = memcmp(have, self->sector_sha256[self->wanted][at / 4096], sizeof have) == 0;
    return FERRY_OK;
}

void power_rig_manifest(struct power_rig *self)
{
    struct ferry_manifest *m = &self->manifest;
    const uint8_t *image = self->image[self->wanted];
    memset(m, 0, sizeof *m);
    m->kind = FERRY_MANIFEST_FIRMWARE;
    m->chip = card_chip_id(self->layout->chip);
    m->size = self->size[self->wanted];
    m->options = self->layout->ending == POWER_NO_TRIAL ? FERRY_MANIFEST_NO_TRIAL : 0;
    memcpy(m->sha256, self->sha256[self->wanted], sizeof m->sha256);
    m->head_len = FERRY_MANIFEST_HEAD;
    memcpy(m->head, image, FERRY_MANIFEST_HEAD);
}

// What is missing, sector by sector as the resume of the link does it.
static int send_missing(struct power_rig *self, struct ferry_sink *sink, uint32_t have)
{
    for (uint32_t at = 0; at < self->manifest.size; at += 4096) {
        uint32_t len = self->manifest.size - at < 4096 ? self->manifest.size - at : 4096;
        bool right = false;
        int status = at < have ? proved(self, sink, at, len, &right) : FERRY_OK;
        if (status >= 0 && !right)
            status = send_range(self, sink, at ? at : FERRY_SINK_OTA_HEAD, at + len);
        if (status < 0)
            return status;
    }
    return FERRY_OK;
}

int power_rig_update(struct power_rig *self)
{
    struct ferry_sink sink = ferry_sink_ota(&self->ota);
    struct ferry_sink_plan plan;
    unsigned tries = 0;
    power_rig_manifest(self);
    int status = sink.begin(sink.ctx, &self->manifest, &plan);
    if (status < 0)
        return status;
    status = send_range(self, &sink, 0, plan.withheld);
    if (status >= 0) { // as when all is new: one range, in large erases
        if (plan.have == 0)
            status = send_range(self, &sink, plan.withheld, self->manifest.size);
        else
            status = send_missing(self, &sink, plan.have);
    }
    if (status < 0)
        return status;
    while (again(status = sink.end(sink.ctx), &tries)) {
    }
    return status;
}

// ---- a whole run

// The old firmware runs. True: restart.
static bool old_runs(struct power_rig *self)
{
    if (self->ended_once && self->ota.boot_state == FERRY_BOOT_REVERTED && !self->was_cut) {
        unsigned reason = self->ota.record.reason;
        unsigned expected = self->layout->ending == POWER_REVERT ? FERRY_GIVE_UP_ASKED : FERRY_GIVE_UP_CRASHED;
        if (reason != expected)
            return wrong(self, "reason of giving up", (long)reason);
    }
    int status = power_rig_update(self);
    if (status == FERRY_ERR_CANCELLED) { // the updater went away; the next one talks to the same target
        self->updater_gone = true;
        self->wanted = self->cut.kind ? OTHER : NEW;
        status = power_rig_update(self);
    }
    if (sim_flash_dead(self->flash))
        return true;
    return status == FERRY_OK || wrong(self, "the update fails", status);
}

// The new firmware runs. True: restart.
static bool new_runs(struct power_rig *self, bool *confirmed)
{
    struct ferry_sink sink = ferry_sink_ota(&self->ota);
    bool trial = self->ota.boot_state == FERRY_BOOT_TRIAL;
    int status = FERRY_OK;
    if (trial && self->layout->ending == POWER_NO_TRIAL && !self->was_cut)
        return wrong(self, "a trial that nobody asked for", 0);
    if (!trial && self->layout->ending != POWER_NO_TRIAL && !self->was_cut && !*confirmed)
        return wrong(self, "no trial", (long)self->ota.boot_state);
    if (trial && self->layout->ending == POWER_REVERT && !self->ended_once) {
        self->ended_once = true;
        status = sink.revert(sink.ctx, FERRY_GIVE_UP_ASKED);
    } else if (trial && self->layout->ending == POWER_CRASH && !self->ended_once) {
        return true; // crashes; ended_once is set when the old one is back
    } else {
        status = sink.confirm(sink.ctx);
        *confirmed = status == FERRY_OK;
    }
    if (sim_flash_dead(self->flash))
        return true;
    return status == FERRY_OK || wrong(self, "confirm or revert", status);
}

// One start and what happens until the next. False: over (why is set, or all is well).
static bool turn(struct power_rig *self, bool *confirmed, unsigned *stable)
{
    int which = power_rig_boot(self);
    if (which == -2)
        return false;
    if (which >= 0) {
        int status = ferry_sink_ota_boot(&self->ota);
        if (status < 0 && !sim_flash_dead(self->flash))
            return wrong(self, "boot()", status);
        self->power_on = false;
        if (status == FERRY_OK) {
            if (which == OLD && *confirmed)
                return wrong(self, "the old firmware is back after it was confirmed", 0);
            if (which == OLD && self->ota.boot_state == FERRY_BOOT_REVERTED)
                self->ended_once = true;
            if (*confirmed && self->ota.boot_state == FERRY_BOOT_CONFIRMED && ++*stable == 2)
                return false;
            if (!(which == OLD ? old_runs(self) : new_runs(self, confirmed)))
                return false;
        }
    }
    if (sim_flash_dead(self->flash))
        power_on(self);
    return true;
}

void power_rig_fresh(struct power_rig *self, uint32_t seed)
{
    struct sim_flash_cfg cfg = {.size = POWER_FLASH, .seed = seed};
    memcpy(self->bytes, self->base, POWER_FLASH);
    sim_flash_free(self->flash);
    self->flash = sim_flash_on(&cfg, self->bytes);
    self->io = sim_flash_port_init(&self->port, self->flash);
    self->cut = (struct power_cut){UINT64_MAX, 0, POWER_TARGET, UINT64_MAX, 0};
    self->power_on = true;
    self->was_cut = self->second_set = self->updater_gone = self->ended_once = false;
    self->wanted = NEW;
    self->boots = 0;
    self->cut_state = 0;
    self->why[0] = 0;
}

bool power_rig_run(struct power_rig *self, const struct power_cut *cut)
{
    bool confirmed = false;
    unsigned stable = 0;
    power_rig_fresh(self, (uint32_t)cut->op * 31 + cut->kind + 1);
    self->cut = *cut;
    power_rig_set_cut(self, cut->actor == POWER_UPDATER ? UINT64_MAX : cut->op, cut->kind);
    while (turn(self, &confirmed, &stable))
        if (++self->boots > MAX_BOOTS) {
            wrong(self, "no end", (long)self->boots);
            break;
        }
    self->ops = sim_flash_ops(self->flash);
    return self->why[0] == 0;
}

// ---- setting up

static bool boots_as_meant(struct power_rig *self)
{
    struct sim_flash_cfg cfg = {.size = POWER_FLASH};
    static struct sim_boot_result result;
    struct sim_boot_cfg boot_cfg = {.chip = self->layout->chip, .revision = 300, .rollback = self->layout->rollback};
    memcpy(self->bytes, self->base, POWER_FLASH);
    self->flash = sim_flash_on(&cfg, self->bytes);
    bool right = true;
    for (int i = 0; i < 3; i++) { // also later on, with what the bootloader writes
        sim_boot_run(self->flash, &boot_cfg, &result);
        right = right && result.end == SIM_BOOT_APP &&
                result.app_offset == power_rig_slot(self->layout, self->layout->running);
    }
    sim_flash_free(self->flash);
    self->flash = NULL;
    return right;
}

bool power_rig_init(struct power_rig *self, const struct power_layout *layout)
{
    memset(self, 0, sizeof *self);
    const struct data *d = &DATAS[layout->data];
    if (layout->running < 0 ? !d->factory : !d->slot)
        return false;
    if (layout->running >= 0 && layout->slots < 2) // no second slot: refused, see tests/unit/test_sink_ota.c
        return false;
    if (power_rig_slot(layout, layout->slots) > POWER_FLASH ||
        (d->half[0].names == 1 && layout->rollback && d->half[0].state == 0)) // that one is on trial itself
        return false;
    self->layout = layout;
    self->salt = card_chip_id(layout->chip);
    self->base = malloc(POWER_FLASH);
    self->bytes = malloc(POWER_FLASH);
    if (!self->base || !self->bytes)
        abort();
    memset(self->base, 0xff, POWER_FLASH);
    self->digest = ferry_posix_digest_init(&self->digest_port);
    put_table(self);
    put_images(self);
    put_otadata(self);
    if (boots_as_meant(self))
        return true;
    power_rig_free(self);
    return false;
}

void power_rig_free(struct power_rig *self)
{
    sim_flash_free(self->flash);
    for (int i = 0; i < 4; i++)
        free(self->image[i]);
    free(self->base);
    free(self->bytes);
    ferry_posix_digest_close(&self->digest_port);
    memset(self, 0, sizeof *self);
}

void power_rig_name(const struct power_layout *l, char text[POWER_LABEL])
{
    static const char *const endings[] = {"confirm", "revert", "crash", "no-trial"};
    snprintf(text, POWER_LABEL, "%s%s+%uota runs=%d otadata=%u old=%u rollback=%d attempts=%u %s%s", l->chip,
             l->factory ? " factory" : "", l->slots, l->running, l->data, l->old, l->rollback, l->attempts,
             endings[l->ending], l->large ? " large" : "");
}
