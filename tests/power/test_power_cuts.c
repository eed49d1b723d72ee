// Power cuts, enumerated: every flash operation of a whole update, of the bootloader's and the sink's own, is cut in
// six ways, on the target's side, on the updater's, on both. After each cut the target must start a whole old or a
// whole new firmware, and the update must come to its end.
//
// Anchor: what boots is decided by sim/chip/boot, which agrees with every recorded boot of ESP-IDF's own bootloader
// (tests/vectors/boot). The sink shares no code with it.
//
// Environment: FERRY_POWER=all runs five layouts of nine (`make power`, some minutes); else a small share.
// FERRY_POWER_ID=LAYOUT:OP:KIND:ACTOR or LAYOUT:OP:KIND:ACTOR:OP2:KIND2, as failures print it, runs that case alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/power_rig.h"

#define MAX_LAYOUTS 4096
#define SET_SIZE (1u << 21)
#define SHARE 40u // without FERRY_POWER=all one layout in so many

static struct power_layout layouts[MAX_LAYOUTS];
static unsigned layout_count;
static uint64_t *seen; // set of flash contents
static uint64_t distinct, states, failures, doubles, good_layouts;

static bool all(void)
{
    const char *e = getenv("FERRY_POWER");
    return e && strcmp(e, "all") == 0;
}

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static void add_seen(uint64_t state)
{
    uint64_t i = state % SET_SIZE;
    while (seen[i] && seen[i] != state)
        i = (i + 1) % SET_SIZE;
    distinct += seen[i] == 0 && distinct < SET_SIZE * 3 / 4;
    if (distinct < SET_SIZE * 3 / 4)
        seen[i] = state;
}

// All tables x running slots x otadata contents x with and without rollback; the rest goes round with them.
static void list_layouts(void)
{
    static const struct {
        bool factory;
        uint8_t slots;
    } tables[] = {{true, 2}, {false, 2}, {false, 3}, {true, 3}, {true, 1}};
    for (unsigned t = 0; t < 5; t++)
        for (int running = tables[t].factory ? -1 : 0; running < tables[t].slots; running++)
            for (unsigned data = 0; data < power_rig_datas(); data++)
                for (unsigned k = 0; k < 8 && layout_count < MAX_LAYOUTS; k++) {
                    uint32_t dice = mix(layout_count + 1);
                    layouts[layout_count++] = (struct power_layout){.chip = dice & 1 ? "esp32" : "esp32c3",
                                                                    .factory = tables[t].factory,
                                                                    .slots = tables[t].slots,
                                                                    .running = running,
                                                                    .data = data,
                                                                    .old = dice >> 1 & 3,
                                                                    .rollback = k & 1,
                                                                    .attempts = dice >> 3 & 1 ? 2 : 0,
                                                                    .ending = (enum power_ending)(k >> 1),
                                                                    .large = (dice >> 4) % 127 == 0};
                }
}

static bool try_cut(struct power_rig *rig, unsigned layout, const struct power_cut *cut)
{
    states++;
    bool ok = power_rig_run(rig, cut);
    if (rig->was_cut)
        add_seen(rig->cut_state);
    if (!ok && failures++ < 20) {
        char name[POWER_LABEL];
        power_rig_name(rig->layout, name);
        if (cut->op2 == UINT64_MAX)
            printf("FAILED %u:%" PRIu64 ":%u:%u  [%s] %s\n", layout, cut->op, cut->kind, (unsigned)cut->actor, name,
                   rig->why);
        else
            printf("FAILED %u:%" PRIu64 ":%u:%u:%" PRIu64 ":%u  [%s] %s\n", layout, cut->op, cut->kind,
                   (unsigned)cut->actor, cut->op2, cut->kind2, name, rig->why);
    }
    if (!ok)
        fflush(stdout);
    return ok;
}

static const struct power_cut NO_CUT = {UINT64_MAX, 0, POWER_TARGET, UINT64_MAX, 0};

// Large images: of the many programs of pages in the middle one in sixteen is enough.
static bool left_out(const struct power_rig *rig, uint64_t op, uint64_t ops)
{
    return rig->layout->large && op >= 24 && op + 40 < ops && op % 16;
}

static void cut_everywhere(struct power_rig *rig, unsigned layout, uint64_t ops)
{
    for (uint64_t op = 0; op < ops; op++)
        for (unsigned kind = 0; kind < POWER_KINDS; kind++)
            for (unsigned actor = 0; actor < POWER_ACTORS; actor++) {
                if (left_out(rig, op, ops) || (actor == POWER_UPDATER && kind > 1)) // the target tears nothing then
                    continue;
                struct power_cut cut = {op, kind, (enum power_actor)actor, UINT64_MAX, 0};
                try_cut(rig, layout, &cut);
            }
}

static void cut_twice(struct power_rig *rig, unsigned layout, uint64_t ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t a = mix(layout * 7919 + i * 2 + 1), b = mix(a + 0x9e3779b9u);
        struct power_cut cut = {a % ops, (a >> 16) % POWER_KINDS, a >> 24 & 1 ? POWER_BOTH : POWER_TARGET, b % ops,
                                (b >> 16) % POWER_KINDS};
        try_cut(rig, layout, &cut);
        doubles++;
    }
}

static void replay(const char *id)
{
    unsigned layout, kind, actor, kind2 = 0;
    uint64_t op, op2 = UINT64_MAX;
    struct power_rig rig;
    int n = sscanf(id, "%u:%" SCNu64 ":%u:%u:%" SCNu64 ":%u", &layout, &op, &kind, &actor, &op2, &kind2);
    assert_true((n == 4 || n == 6) && layout < layout_count && kind < POWER_KINDS && kind2 < POWER_KINDS &&
                actor < POWER_ACTORS);
    assert_true(power_rig_init(&rig, &layouts[layout]));
    struct power_cut cut = {op, kind, (enum power_actor)actor, op2, kind2};
    try_cut(&rig, layout, &cut);
    power_rig_free(&rig);
}

static void one_layout(unsigned layout, unsigned double_cuts)
{
    struct power_rig rig;
    if (!power_rig_init(&rig, &layouts[layout]))
        return;
    good_layouts++;
    if (try_cut(&rig, layout, &NO_CUT)) {
        uint64_t ops = rig.ops;
        cut_everywhere(&rig, layout, ops);
        cut_twice(&rig, layout, ops, double_cuts);
    }
    power_rig_free(&rig);
}

static void test_power_cuts(void **state)
{
    (void)state;
    const char *id = getenv("FERRY_POWER_ID");
    clock_t start = clock();
    seen = calloc(SET_SIZE, sizeof *seen);
    assert_non_null(seen);
    list_layouts();
    if (id)
        replay(id);
    for (unsigned i = 0; !id && i < layout_count; i++)
        if (all() ? mix(i) % 9 < 5 : i % SHARE == mix(i / SHARE) % SHARE)
            one_layout(i, 200);
    printf("power cuts: %" PRIu64 " layouts, %" PRIu64 " runs, %" PRIu64 " of them with two cuts, %" PRIu64
           " distinct flash states after a cut, %" PRIu64 " failures, %.1f s\n",
           good_layouts, states, doubles, distinct, failures, (double)(clock() - start) / CLOCKS_PER_SEC);
    free(seen);
    assert_int_equal(failures, 0);
    if (all() && !id) {
        assert_true(distinct >= 100000);
        assert_true(doubles >= 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
