// Every pair of 25 kinds of otadata entry x factory application or not x rollback or not, two boots each, against the
// six rules that were seen to describe ESP-IDF's real bootloader in all of these states (tests/vectors/boot/README.md
// has recordings of some). The oracle below is written from the rules, not from the model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot.h"
#include "tests/support/boot_compose.h"

enum { NEW, PENDING, VALID, INVALID, ABORTED };
#define UNDEFINED 0xffffffffu
#define EMPTY 0xffffffffu

struct kind {
    uint32_t seq, state;
    bool good_crc;
};

static const struct kind KINDS[] = {
    {EMPTY, UNDEFINED, false},
    {1, UNDEFINED, true},
    {2, UNDEFINED, true},
    {3, UNDEFINED, true},
    {1, NEW, true},
    {2, NEW, true},
    {1, PENDING, true},
    {2, PENDING, true},
    {1, VALID, true},
    {2, VALID, true},
    {1, INVALID, true},
    {2, INVALID, true},
    {1, ABORTED, true},
    {2, ABORTED, true},
    {1, UNDEFINED, false},
    {2, UNDEFINED, false},
    {2, NEW, false},
    {2, PENDING, false},
    {2, VALID, false},
    {2, INVALID, false},
    {EMPTY, PENDING, false},
    {0, UNDEFINED, true},
    {0xfffffffe, VALID, true},
    {2, 0x12345678, true},
    {EMPTY, VALID, true},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

struct expect {
    const char *boots;
    struct kind after[2];
};

// The rules for two OTA slots and good images everywhere.
static struct expect by_the_rules(const struct kind now[2], bool factory, bool rollback)
{
    struct expect e = {.after = {now[0], now[1]}};
    struct kind *k = e.after;
    bool refused[2], counts[2];
    for (int i = 0; i < 2; i++) {
        if (rollback && k[i].state == PENDING) // 1: whatever its crc or number
            k[i].state = ABORTED;
        refused[i] = k[i].seq == EMPTY || k[i].state == INVALID || k[i].state == ABORTED;
        counts[i] = !refused[i] && k[i].good_crc;
    }
    if (refused[0] && refused[1]) { // 2
        e.boots = factory ? "factory" : "ota_0";
        bool nothing_good = true;
        for (int i = 0; i < 2; i++)
            nothing_good = nothing_good && (k[i].seq == EMPTY || !k[i].good_crc);
        if (!factory && nothing_good) // 6
            k[0] = (struct kind){1, VALID, true};
        return e;
    }
    if (!counts[0] && !counts[1]) { // 3, none counts
        e.boots = factory ? "factory" : "ota_0";
        return e;
    }
    int win = !counts[0] || (counts[1] && k[1].seq > k[0].seq); // a tie goes to sector 0
    e.boots = (k[win].seq - 1) % 2 == 0 ? "ota_0" : "ota_1";
    if (rollback && k[win].state == NEW) // 4
        k[win].state = PENDING;
    return e;
}

static void to_bytes(uint8_t entry[32], const struct kind *k)
{
    boot_compose_entry(entry, k->seq, k->state, k->good_crc);
    if (k->seq == EMPTY && k->state == UNDEFINED)
        memset(entry, 0xff, 32);
}

struct rig {
    struct sim_flash *flash;
    uint8_t *otadata;
    struct sim_boot_result result;
};

static void check(struct rig *r, struct kind now[2], bool factory, bool rollback, const char *name)
{
    const struct sim_boot_cfg cfg = {.chip = "esp32c3", .rollback = rollback};
    for (int boot = 1; boot <= 2; boot++) {
        struct expect want = by_the_rules(now, factory, rollback);
        uint8_t entry[32];
        sim_boot_run(r->flash, &cfg, &r->result);
        if (strcmp(r->result.boots, want.boots) != 0)
            fail_msg("%s boot %d: %s instead of %s", name, boot, r->result.boots, want.boots);
        for (size_t i = 0; i < 2; i++) {
            to_bytes(entry, &want.after[i]);
            if (memcmp(r->otadata + 4096 * i, entry, 32) != 0)
                fail_msg("%s boot %d: otadata %zu differs", name, boot, i);
        }
        memcpy(now, want.after, sizeof want.after);
    }
}

static void all_pairs(struct rig *r, bool factory, bool rollback)
{
    for (size_t a = 0; a < KIND_COUNT; a++)
        for (size_t b = 0; b < KIND_COUNT; b++) {
            char name[64];
            struct kind now[2] = {KINDS[a], KINDS[b]};
            snprintf(name, sizeof name, "kinds %zu %zu factory %d rollback %d", a, b, factory, rollback);
            memset(r->otadata, 0xff, 8192);
            to_bytes(r->otadata, &now[0]);
            to_bytes(r->otadata + 4096, &now[1]);
            check(r, now, factory, rollback, name);
        }
}

static void every_pair_of_entries(void **state)
{
    (void)state;
    struct rig *r = calloc(1, sizeof *r);
    r->flash = sim_flash_new(&(struct sim_flash_cfg){.size = BOOT_COMPOSE_FLASH});
    r->otadata = sim_flash_bytes(r->flash) + BOOT_COMPOSE_OTADATA;
    for (int factory = 0; factory < 2; factory++) {
        struct boot_compose what = {.chip = "esp32c3", .table = factory ? "factory" : "no_factory"};
        for (const char *const *slot = (const char *const[]){"factory", "ota_0", "ota_1", NULL}; *slot; slot++)
            what.slots[what.slot_count++] = (struct boot_compose_slot){*slot, "good"};
        assert_true(boot_compose(&what, sim_flash_bytes(r->flash), BOOT_COMPOSE_FLASH));
        for (int rollback = 0; rollback < 2; rollback++)
            all_pairs(r, factory, rollback);
    }
    print_message("%d flash states, two boots each\n", KIND_COUNT * KIND_COUNT * 4);
    sim_flash_free(r->flash);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_pair_of_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
