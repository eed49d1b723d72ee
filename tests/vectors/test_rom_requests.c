// What the flasher sends, compared with what esptool sent to the real ROMs of an ESP32 and an ESP32-C3
// (tests/vectors/rom) where both do the same step: SYNC, SPI_ATTACH, the registers of the flash id, SPI_SET_PARAMS, the
// identity registers, FLASH_DATA of the same bytes, MD5. A frame counts when esptool sent the very same bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "ferry/codec/rom.h"
#include "ferry/codec/slip.h"
#include "tests/support/world.h"

struct frames {
    uint8_t (*bytes)[2048]; // decoded
    size_t *len, count;
};

static void add(struct frames *f, const uint8_t *bytes, size_t len)
{
    f->bytes = realloc(f->bytes, (f->count + 1) * sizeof *f->bytes);
    f->len = realloc(f->len, (f->count + 1) * sizeof *f->len);
    assert_non_null(f->bytes);
    assert_non_null(f->len);
    memcpy(f->bytes[f->count], bytes, len);
    f->len[f->count++] = len;
}

static void drop(struct frames *f)
{
    free(f->bytes);
    free(f->len);
    memset(f, 0, sizeof *f);
}

static void split(struct frames *f, const uint8_t *bytes, size_t len)
{
    static uint8_t buf[2048];
    struct ferry_slip_decoder d;
    ferry_slip_decoder_init(&d, buf, sizeof buf);
    size_t at = 0;
    while (at < len) {
        size_t n = len - at;
        if (ferry_slip_decode(&d, bytes + at, &n))
            add(f, buf, d.len);
        at += n;
    }
}

// The host's frames of one recorded dialogue.
static void load(struct frames *f, const char *chip, const char *name)
{
    static char line[300000];
    static uint8_t bytes[150000];
    char path[512];
    snprintf(path, sizeof path, FERRY_TESTS_DIR "/vectors/rom/%s/%s.txt", chip, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        size_t len = 0;
        unsigned byte;
        if (line[0] != '>')
            continue;
        for (const char *p = line + 2; sscanf(p, "%2x", &byte) == 1; p += 2)
            bytes[len++] = (uint8_t)byte;
        split(f, bytes, len);
    }
    fclose(file);
}

static bool contains(const struct frames *f, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->len[i] == len && memcmp(f->bytes[i], bytes, len) == 0)
            return true;
    return false;
}

static void sent_by(struct world *w, struct frames *f)
{
    size_t len;
    const uint8_t *bytes = world_sent(w, &len);
    split(f, bytes, len);
}

static const char *const chips[] = {"esp32", "esp32c3"};

// Every frame of our CONNECT is one that esptool sends as well, but for those that esptool has other habits with.
static void connecting(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        struct frames theirs = {0}, ours = {0};
        static const char *const dialogues[] = {"chip_id", "read_mac", "flash_id", "write_u", "get_security_info"};
        for (size_t i = 0; i < 5; i++)
            load(&theirs, chips[c], dialogues[i]);
        struct world *w = world_new(&(struct world_cfg){.chip = chips[c], .flasher = {.baud = 115200}});
        world_keep_sent(w, true);
        assert_int_equal(world_connect(w).status, 0);
        sent_by(w, &ours);
        unsigned same = 0;
        bool seen[256] = {false};
        for (size_t i = 0; i < ours.count; i++) {
            const uint8_t *frame = ours.bytes[i];
            uint32_t reg = ours.len[i] >= 12 ? ferry_load32le(frame + 8) : 0;
            // Read by us for security and for the crystal guess, not by esptool in these dialogues.
            bool own = frame[1] == FERRY_ROM_OP_READ_REG && (reg == 0x3ff5a000 || reg == 0x3ff5f06c);
            // Restores what the register held: the virtual chip's line-true value is not the emulator's.
            own = own || (frame[1] == FERRY_ROM_OP_WRITE_REG && frame[12] != 0x9f && i + 3 >= ours.count);
            if (!own && !contains(&theirs, frame, ours.len[i]))
                print_error("%s: op %02x reg %08x is not esptool's\n", chips[c], frame[1], reg);
            assert_true(own || contains(&theirs, frame, ours.len[i]));
            same += !own;
            seen[frame[1]] = true;
        }
        assert_true(same > 15);
        assert_true(seen[FERRY_ROM_OP_SYNC] && seen[FERRY_ROM_OP_SPI_ATTACH] && seen[FERRY_ROM_OP_SPI_SET_PARAMS] &&
                    seen[FERRY_ROM_OP_READ_REG] && seen[FERRY_ROM_OP_WRITE_REG] &&
                    seen[FERRY_ROM_OP_GET_SECURITY_INFO]);
        drop(&theirs);
        drop(&ours);
        world_free(w);
    }
}

// The 20,000 bytes of write_u, taken out of esptool's FLASH_DATA frames; written by us with esptool's block size they
// give the same frames: header, checksum, block head, data, padding.
static void plain_blocks(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        static uint8_t data[32768];
        size_t len = 0, blocks = 0, found = 0;
        struct frames theirs = {0}, ours = {0};
        load(&theirs, chips[c], "write_u");
        for (size_t i = 0; i < theirs.count; i++) {
            if (theirs.bytes[i][1] != FERRY_ROM_OP_FLASH_DATA)
                continue;
            memcpy(data + len, theirs.bytes[i] + 24, theirs.len[i] - 24);
            len += theirs.len[i] - 24;
            blocks++;
        }
        assert_int_equal(blocks, 20);
        struct world_part part = {0x10000, data, (uint32_t)len};
        struct world *w = world_new(&(struct world_cfg){
            .chip = chips[c], .used_flash = true, .no_deflate = true, .flasher = {.max_block = 1024}});
        world_keep_sent(w, true);
        assert_int_equal(world_flash(w, &part, 1).status, 0);
        sent_by(w, &ours);
        for (size_t i = 0; i < ours.count; i++)
            found += ours.bytes[i][1] == FERRY_ROM_OP_FLASH_DATA && contains(&theirs, ours.bytes[i], ours.len[i]);
        assert_int_equal(found, blocks);
        // esptool's MD5 over the whole is one of ours over a segment.
        drop(&theirs);
        drop(&ours);
        world_free(w);
    }
}

// BEGIN has the length that this ROM insists on, and never an END follows.
static void begins_and_no_end(void **state)
{
    (void)state;
    static uint8_t data[90000];
    world_firmware(data, sizeof data, 4);
    for (size_t c = 0; c < 2; c++) {
        struct frames theirs = {0}, ours = {0};
        load(&theirs, chips[c], "write_z");
        size_t want = 0;
        for (size_t i = 0; i < theirs.count; i++)
            want = theirs.bytes[i][1] == FERRY_ROM_OP_FLASH_DEFL_BEGIN ? theirs.len[i] : want;
        assert_true(want == 24 || want == 28);
        struct world_part part = {0x10000, data, sizeof data};
        struct world *w = world_new(&(struct world_cfg){.chip = chips[c], .used_flash = true});
        world_keep_sent(w, true);
        assert_int_equal(world_flash(w, &part, 1).status, 0);
        sent_by(w, &ours);
        for (size_t i = 0; i < ours.count; i++) {
            uint8_t op = ours.bytes[i][1];
            if (op == FERRY_ROM_OP_FLASH_BEGIN || op == FERRY_ROM_OP_FLASH_DEFL_BEGIN)
                assert_int_equal(ours.len[i], want);
            assert_int_not_equal(op, FERRY_ROM_OP_FLASH_END);
            assert_int_not_equal(op, FERRY_ROM_OP_FLASH_DEFL_END);
        }
        drop(&theirs);
        drop(&ours);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting),
        cmocka_unit_test(plain_blocks),
        cmocka_unit_test(begins_and_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
