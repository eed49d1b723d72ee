// otadata under the worst flash: an operation that is cut may leave any subset of the bits that it changes, in any
// order. From every pair of entries that selects a slot, settling and selecting never selects anything else on the way.
//
// Anchor: the choice is ferry_otadata_choose(), held against recorded boots by its own tests.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/sink/sink_otadata.h"
#include "ferry/sink/sink_record.h"

struct nor {
    uint8_t bytes[0x2000];
    unsigned ops, cut_at; // operation number cut_at is torn; those behind it do nothing
    uint32_t noise;
};

static uint8_t noise(struct nor *nor)
{
    nor->noise ^= nor->noise << 13;
    nor->noise ^= nor->noise >> 17;
    nor->noise ^= nor->noise << 5;
    return (uint8_t)(nor->noise >> 11);
}

// How far the change of one byte gets: whole, not at all, or some of its bits.
static uint8_t reach(struct nor *nor, unsigned op)
{
    if (op != nor->cut_at)
        return op < nor->cut_at ? 0xFF : 0;
    switch (noise(nor) & 3) {
    case 0:
        return 0;
    case 1:
        return 0xFF;
    default:
        return noise(nor);
    }
}

static int nor_read(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    struct nor *nor = ctx;
    if (nor->ops > nor->cut_at || address > sizeof nor->bytes || len > sizeof nor->bytes - address)
        return FERRY_ERR_STORAGE_READ;
    memcpy(bytes, nor->bytes + address, len);
    return FERRY_OK;
}

static int nor_program(void *ctx, uint32_t address, const uint8_t *bytes, size_t len)
{
    struct nor *nor = ctx;
    for (size_t i = 0; i < len; i++)
        nor->bytes[address + i] &= (uint8_t)(bytes[i] | (uint8_t)~reach(nor, nor->ops));
    return nor->ops++ < nor->cut_at ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int nor_erase(void *ctx, uint32_t address, uint32_t len)
{
    struct nor *nor = ctx;
    for (size_t i = 0; i < len; i++)
        nor->bytes[address + i] |= reach(nor, nor->ops);
    return nor->ops++ < nor->cut_at ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static struct nor nor;
static const struct ferry_flash flash = {&nor, sizeof nor.bytes, nor_read, nor_program, nor_erase};
static struct ferry_sink_otadata otadata;

enum { CRC_FITS, CRC_BIT_WRONG, CRC_NOT_WRITTEN, CRCS };

static void put(unsigned sector, uint32_t seq, uint32_t state, unsigned crc)
{
    struct ferry_otadata_entry e;
    ferry_otadata_make(&e, seq, state);
    e.crc = crc == CRC_FITS ? e.crc : crc == CRC_BIT_WRONG ? e.crc ^ 1u : 0xffffffffu;
    ferry_otadata_encode(&e, nor.bytes + 0x1000 * sector);
}

static int chosen(uint8_t slots)
{
    struct ferry_otadata_entry e[2];
    ferry_otadata_decode(&e[0], nor.bytes);
    ferry_otadata_decode(&e[1], nor.bytes + 0x1000);
    return ferry_otadata_choose(e, slots).slot;
}

static const uint32_t SEQS[] = {0xffffffff, 1, 2, 3, 4, 0xfffffff8, 0xfffffff9, 0};
static const uint32_t STATES[] = {2, 4, 3, 0xffffffff, 0};

#define HALVES (8 * 5 * CRCS)

static void make_pair(unsigned pair)
{
    memset(&nor, 0xff, sizeof nor.bytes);
    nor.ops = 0;
    for (unsigned i = 0; i < 2; i++, pair /= HALVES) {
        uint32_t seq = SEQS[pair % 8], state = STATES[pair / 8 % 5];
        if (seq != 0xffffffff)
            put(i, seq, state, pair / 40 % CRCS);
    }
}

static int settle_and_select(int running, uint8_t slots, int *home, bool select)
{
    otadata = (struct ferry_sink_otadata){.flash = &flash, .slots = slots};
    int status = ferry_sink_otadata_settle(&otadata, running, true, home);
    if (status < 0 || !select)
        return status;
    uint32_t seq = ferry_sink_otadata_seq(&otadata, (running + 1) % slots, *home);
    return ferry_sink_otadata_write(&otadata, 1 - *home, seq, FERRY_OTADATA_NEW);
}

static void check_pair(unsigned pair, uint8_t slots, int running)
{
    int home;
    for (unsigned cut = 0; cut < 16; cut++)
        for (uint32_t seed = 1; seed <= 3; seed++) {
            make_pair(pair);
            nor.noise = seed * 7919 + pair;
            nor.cut_at = cut;
            int status = settle_and_select(running, slots, &home, true), now = chosen(slots);
            bool fine = now == running || now == (running + 1) % slots;
            if (status < 0 && cut + 1 < nor.ops) // the last operation alone may select the other one
                fine = now == running;
            if (!fine)
                print_error("pair %u slots %u running %d cut %u seed %u: slot %d\n", pair, slots, running, cut, seed,
                            now);
            assert_true(fine);
            nor.cut_at = UINT32_MAX; // and once more, to the end
            assert_int_equal(settle_and_select(chosen(slots), slots, &home, false), 0);
            assert_int_equal(chosen(slots), now);
            assert_int_equal(ferry_sink_otadata_winner(&otadata), home);
            if (status == FERRY_OK)
                break;
        }
}

static void test_never_another_slot(void **state)
{
    (void)state;
    unsigned checked = 0;
    for (uint8_t slots = 2; slots <= 3; slots++)
        for (unsigned pair = 0; pair < HALVES * HALVES; pair++) {
            make_pair(pair);
            int running = chosen(slots);
            if (running < 0)
                continue;
            check_pair(pair, slots, running);
            checked++;
        }
    print_message("%u pairs of entries\n", checked);
    assert_true(checked > 3000);
}

// A factory app runs: no entry counts afterwards, and on the way none that did not before.
static void test_factory(void **state)
{
    (void)state;
    int home;
    for (unsigned pair = 0; pair < HALVES * HALVES; pair++) {
        make_pair(pair);
        if (chosen(2) >= 0)
            continue;
        for (unsigned cut = 0; cut < 8; cut++) {
            make_pair(pair);
            nor.noise = pair + cut + 1;
            nor.cut_at = cut;
            int status = settle_and_select(-1, 2, &home, false);
            assert_int_equal(chosen(2), -1);
            if (status == FERRY_OK)
                break;
        }
    }
}

// The running firmware was reached by falling back, and no entry names it: it gets one.
static void test_makes_an_entry(void **state)
{
    (void)state;
    int home;
    make_pair(1); // seq 1 VALID in sector 0: ota_0, but ota_1 runs
    nor.cut_at = UINT32_MAX;
    assert_int_equal(settle_and_select(1, 2, &home, false), 0);
    assert_int_equal(chosen(2), 1);
    assert_int_equal(home, 1);
}

static void test_seq(void **state)
{
    (void)state;
    otadata.slots = 3;
    for (uint32_t seq = 0; seq < 20; seq++)
        for (int slot = 0; slot < 3; slot++) {
            otadata.entries[0].seq = seq;
            uint32_t next = ferry_sink_otadata_seq(&otadata, slot, 0);
            assert_true(next > seq && next <= seq + 3);
            assert_int_equal((next - 1) % 3, slot);
        }
}

// Torn records are skipped, and counting needs no erase.
static void test_records(void **state)
{
    (void)state;
    struct ferry_sink_record r = {.slot = 1, .attempts = 3, .size = 1234}, back;
    memset(&nor, 0xff, sizeof nor.bytes);
    nor.ops = 0;
    nor.cut_at = UINT32_MAX;
    assert_int_equal(ferry_sink_record_last(&flash, 0, &back), 0);
    assert_int_equal(back.address, 0);
    for (unsigned i = 0; i < 63; i++) {
        assert_int_equal(ferry_sink_record_room(&flash, 0, &r.address), 0);
        assert_int_equal(r.address, 64 * (i + 1));
        r.size = 1000 + i;
        if (i % 2) { // torn
            nor.noise = i;
            nor.cut_at = nor.ops;
            assert_true(ferry_sink_record_write(&flash, &r) < 0);
            nor.cut_at = UINT32_MAX;
            nor.bytes[r.address] = 0; // not blank in any case
        } else {
            assert_int_equal(ferry_sink_record_write(&flash, &r), 0);
        }
        assert_int_equal(ferry_sink_record_last(&flash, 0, &back), 0);
        assert_int_equal(back.size, 1000 + i / 2 * 2);
    }
    assert_int_equal(ferry_sink_record_room(&flash, 0, &r.address), 0);
    assert_int_equal(r.address, 0);
    assert_true(ferry_sink_record_unfinished(&back));
    for (unsigned i = 1; i <= 9; i++) {
        assert_int_equal(ferry_sink_record_count(&flash, &back, FERRY_SINK_RECORD_FAILURES), 0);
        assert_int_equal(back.failures, i < 8 ? i : 8);
    }
    assert_int_equal(ferry_sink_record_set_seq(&flash, &back, 7), 0);
    assert_int_equal(ferry_sink_record_set(&flash, &back, FERRY_SINK_RECORD_SELECTED), 0);
    assert_true(ferry_sink_record_on_trial(&back));
    assert_int_equal(ferry_sink_record_give_up(&flash, &back, (enum ferry_give_up)9), FERRY_ERR_ARG);
    assert_int_equal(ferry_sink_record_give_up(&flash, &back, FERRY_GIVE_UP_INVALID), 0);
    assert_int_equal(ferry_sink_record_give_up(&flash, &back, FERRY_GIVE_UP_ASKED), 0); // the first one counts
    assert_int_equal(ferry_sink_record_last(&flash, 0, &r), 0);
    assert_int_equal(r.reason, FERRY_GIVE_UP_INVALID);
    assert_int_equal(r.seq, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_another_slot), cmocka_unit_test(test_factory),
                                       cmocka_unit_test(test_makes_an_entry), cmocka_unit_test(test_seq),
                                       cmocka_unit_test(test_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
