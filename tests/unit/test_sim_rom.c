// The loader's rules, against what was measured on the real ROMs (sim/chip/README.md: erase patterns, the
// ESP32's 32 KB tail, numbers used up by bad blocks, block limit) and what differs between the chips by their
// documentation. On the ideal line: what is answered and what reaches the flash, not when.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "ferry/base/bytes.h"
#include "sim/chip/chip.h"

#define FLASH_SIZE (4u << 20)
#define NO_ANSWER (-1)

struct bench {
    struct sim_flash *flash;
    struct sim_chip *chip;
    bool long_begin;
    unsigned status_len;
    uint8_t answer[256]; // the last one, SLIP taken off
    size_t answer_len;
    unsigned answers;
};

static struct bench start_with(struct sim_chip_cfg cfg)
{
    struct bench b = {.flash = sim_flash_new(&(struct sim_flash_cfg){.size = FLASH_SIZE})};
    assert_non_null(b.flash);
    cfg.flash = b.flash;
    cfg.ideal_line = cfg.boot_download = true;
    b.chip = sim_chip_new(&cfg);
    assert_non_null(b.chip);
    b.status_len = strcmp(cfg.chip, "esp8266") ? 4 : 2;
    b.long_begin = strcmp(cfg.chip, "esp32") && strcmp(cfg.chip, "esp8266");
    sim_chip_run(b.chip, 1000);
    while (sim_chip_host_read(b.chip, b.answer, sizeof b.answer)) {
    }
    return b;
}

static struct bench start(const char *chip)
{
    return start_with((struct sim_chip_cfg){.chip = chip});
}

static void stop(struct bench *b)
{
    sim_chip_free(b->chip);
    sim_flash_free(b->flash);
}

static void send_escaped(struct bench *b, const uint8_t *bytes, size_t len)
{
    static uint8_t frame[2 * 8192 + 64];
    size_t n = 0;
    frame[n++] = 0xc0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == 0xc0 || bytes[i] == 0xdb) {
            frame[n++] = 0xdb;
            frame[n++] = bytes[i] == 0xc0 ? 0xdc : 0xdd;
        } else {
            frame[n++] = bytes[i];
        }
    }
    frame[n++] = 0xc0;
    assert_int_equal(sim_chip_host_write(b->chip, frame, n), n);
}

static void receive(struct bench *b)
{
    uint8_t byte, last = 0;
    bool inside = false;
    b->answers = 0;
    b->answer_len = 0;
    sim_chip_run(b->chip, sim_chip_now(b->chip) + 1000);
    while (sim_chip_host_read(b->chip, &byte, 1)) {
        if (byte == 0xc0) {
            b->answers += inside && b->answer_len > 0;
            b->answer_len = inside ? b->answer_len : 0;
            inside = !inside;
        } else if (inside && last == 0xdb) {
            b->answer[b->answer_len - 1] = byte == 0xdc ? 0xc0 : 0xdb;
        } else if (inside && b->answer_len < sizeof b->answer) {
            b->answer[b->answer_len++] = byte;
        }
        last = byte;
    }
}

// Status and error byte of the answer as one number (0x0105 = refused with 05), or NO_ANSWER.
static int ask(struct bench *b, uint8_t op, const uint8_t *data, size_t len, uint8_t check)
{
    static uint8_t packet[8192];
    memset(packet, 0, 8);
    packet[1] = op;
    ferry_store16le(packet + 2, (uint16_t)len);
    packet[4] = check;
    if (len) {
        memcpy(packet + 8, data, len);
    }
    send_escaped(b, packet, len + 8);
    receive(b);
    if (!b->answers) {
        return NO_ANSWER;
    }
    const uint8_t *status = b->answer + 8 + ferry_load16le(b->answer + 2) - b->status_len;
    return status[0] << 8 | status[1];
}

static int ask_words(struct bench *b, uint8_t op, const uint32_t *words, size_t count)
{
    uint8_t data[64];
    for (size_t i = 0; i < count; i++) {
        ferry_store32le(data + 4 * i, words[i]);
    }
    return ask(b, op, data, 4 * count, 0);
}

#define ASK(b, op, ...)                                                                                                \
    ask_words(b, op, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static int set_params(struct bench *b)
{
    return ASK(b, 0x0b, 0, FLASH_SIZE, 0x10000, 0x1000, 0x100, 0xffff);
}

static int begin(struct bench *b, uint8_t op, uint32_t size, uint32_t blocks, uint32_t block_size, uint32_t offset)
{
    const uint32_t words[] = {size, blocks, block_size, offset, 0};
    return ask_words(b, op, words, b->long_begin ? 5 : 4);
}

static int data(struct bench *b, uint8_t op, uint32_t seq, const uint8_t *bytes, uint32_t len, uint8_t spoil)
{
    static uint8_t packet[7000];
    uint8_t check = 0xef;
    memset(packet, 0, 16);
    ferry_store32le(packet, len);
    ferry_store32le(packet + 4, seq);
    for (uint32_t i = 0; i < len; i++) {
        check ^= bytes[i];
    }
    memcpy(packet + 16, bytes, len);
    return ask(b, op, packet, len + 16, check ^ spoil);
}

static void erases_as_measured(void **state)
{
    (void)state;
    static const struct {
        uint32_t size, offset, sectors, blocks;
    } ROWS[] = {{0x10000, 0x10000, 16, 0}, {0x100000, 0x100000, 32, 14}, {0x100000, 0x201000, 16, 15},
                {0x30000, 0x20000, 32, 1}, {0, 0x10000, 0, 0},           {1, 0x10000, 1, 0},
                {0x40000, 0, 32, 2}};
    static const char *const CHIPS[] = {"esp32", "esp32c3"};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            for (uint8_t op = 0x02; op <= 0x10; op += 0x0e) {
                struct bench b = start(CHIPS[c]);
                assert_int_equal(set_params(&b), 0);
                assert_int_equal(begin(&b, op, ROWS[i].size, 1, 1024, ROWS[i].offset), 0);
                assert_int_equal(sim_flash_sector_erases(b.flash), ROWS[i].sectors);
                assert_int_equal(sim_flash_block_erases(b.flash), ROWS[i].blocks);
                stop(&b);
            }
        }
    }
}

// The ESP8266's ROM erases the head of the area and then as much as was asked for behind it.
static void the_esp8266_erases_too_much(void **state)
{
    (void)state;
    struct bench b = start("esp8266");
    memset(sim_flash_bytes(b.flash), 0, FLASH_SIZE);
    assert_int_equal(begin(&b, 0x02, 0x5000, 5, 1024, 0x1000), 0);
    assert_int_equal(b.answer_len, 10); // two status bytes
    assert_int_equal(sim_flash_sector_erases(b.flash), 10);
    assert_int_equal(sim_flash_bytes(b.flash)[0xafff], 0xff);
    assert_int_equal(sim_flash_bytes(b.flash)[0xb000], 0);
    assert_int_equal(ask(&b, 0x13, NULL, 0, 0), 0x0105);
    assert_int_equal(ask(&b, 0x0b, NULL, 0, 0), 0x0105);
    stop(&b);
}

static uint8_t raw[100000], packed[200000];

static size_t pack_noise(size_t len)
{
    uint32_t x = 12345;
    uLongf size = sizeof packed;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        raw[i] = (uint8_t)(x >> 24 & 0x3f);
    }
    assert_int_equal(compress2(packed, &size, raw, (uLong)len, 9), Z_OK);
    return size;
}

static int write_deflated(struct bench *b, size_t raw_len, uint32_t erase, uint32_t offset)
{
    size_t len = pack_noise(raw_len);
    uint32_t blocks = (uint32_t)((len + 1023) / 1024);
    int status = begin(b, 0x10, erase, blocks, 1024, offset);
    for (uint32_t i = 0; i < blocks && !status; i++) {
        uint32_t part = (uint32_t)(len - i * 1024 < 1024 ? len - i * 1024 : 1024);
        status = data(b, 0x11, i, packed + i * 1024, part, 0);
    }
    return status;
}

static size_t first_blank_behind(const struct bench *b, uint32_t offset, size_t len)
{
    while (len && sim_flash_bytes(b->flash)[offset + len - 1] == 0xff) {
        len--;
    }
    return len;
}

static void only_the_esp32_writes_a_tail(void **state)
{
    (void)state;
    static const struct {
        size_t raw_len, esp32_end, other_end;
    } ROWS[] = {{70000, 98304, 70000}, {65536, 98304, 65536}, {69999, 98304, 70000}, {1, 32768, 4}};
    static const char *const CHIPS[] = {"esp32",   "esp32s2", "esp32s3",  "esp32c2", "esp32c3",
                                        "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32p4"};
    for (size_t c = 0; c < sizeof CHIPS / sizeof CHIPS[0]; c++) {
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            struct bench b = start(CHIPS[c]);
            assert_int_equal(set_params(&b), 0);
            assert_int_equal(write_deflated(&b, ROWS[i].raw_len, 0x20000, 0x20000), 0);
            assert_memory_equal(sim_flash_bytes(b.flash) + 0x20000, raw, ROWS[i].raw_len);
            size_t end = first_blank_behind(&b, 0x20000, 0x20000);
            size_t wanted = c ? ROWS[i].other_end : ROWS[i].esp32_end;
            if (end != wanted) {
                print_message("%s, %zu bytes\n", CHIPS[c], ROWS[i].raw_len);
            }
            assert_int_equal(end, wanted);
            stop(&b);
        }
    }
}

// A whole 32 KB goes to the flash when it is full, whether the stream has ended or not.
static void full_windows_are_written_at_once(void **state)
{
    (void)state;
    struct bench b = start("esp32");
    size_t len = pack_noise(32768);
    assert_int_equal(set_params(&b), 0);
    assert_int_equal(begin(&b, 0x10, 0x8000, 99, 6144, 0x20000), 0);
    for (uint32_t i = 0; i * 6144 < len - 4; i++) { // without the stream's last four bytes, its Adler-32
        uint32_t part = (uint32_t)(len - 4 - i * 6144 < 6144 ? len - 4 - i * 6144 : 6144);
        assert_int_equal(data(&b, 0x11, i, packed + i * 6144, part, 0), 0);
    }
    assert_memory_equal(sim_flash_bytes(b.flash) + 0x20000, raw, 32768);
    assert_int_equal(first_blank_behind(&b, 0x20000, 0x20000), 32768);
    stop(&b);
}

static void bytes_behind_the_stream_hang_it(void **state)
{
    (void)state;
    struct bench b = start("esp32c3");
    size_t len = pack_noise(500);
    assert_int_equal(set_params(&b), 0);
    assert_int_equal(begin(&b, 0x10, 4096, 3, 1024, 0x20000), 0);
    assert_int_equal(data(&b, 0x11, 0, packed, (uint32_t)len, 0), 0);
    assert_int_equal(data(&b, 0x11, 1, packed, 0, 0), 0); // an empty block does no harm
    assert_int_equal(data(&b, 0x11, 2, packed, 4, 0), NO_ANSWER);
    assert_int_equal(ask(&b, 0x08, raw, 36, 0), NO_ANSWER);
    sim_chip_lines(b.chip, true, true);
    sim_chip_lines(b.chip, false, true);
    receive(&b);
    assert_int_equal(ask(&b, 0x08, raw, 36, 0), 0);
    assert_int_equal(b.answers, 8);
    stop(&b);
}

static void a_bad_block_uses_its_number_up(void **state)
{
    (void)state;
    struct bench b = start("esp32c3");
    memset(raw, 0x12, 1024);
    assert_int_equal(set_params(&b), 0);
    assert_int_equal(begin(&b, 0x02, 4096, 4, 1024, 0x10000), 0);
    assert_int_equal(data(&b, 0x03, 0, raw, 1024, 1), 0x0107);
    assert_int_equal(data(&b, 0x03, 0, raw, 1024, 0), 0x0105);
    assert_int_equal(data(&b, 0x03, 1, raw, 1024, 0), 0x0005); // accepted; the old error byte stays
    assert_int_equal(sim_flash_bytes(b.flash)[0x10000], 0x12);
    assert_int_equal(data(&b, 0x03, 2, raw, 1023, 0), 0x0105);
    memset(raw, 0xff, 1024);
    sim_flash_bytes(b.flash)[0x10400] = 0x7f;
    assert_int_equal(data(&b, 0x03, 2, raw, 1024, 0), 0x0108);
    assert_int_equal(ask(&b, 0x0d, raw, 8, 0), 0); // SPI_ATTACH clears it too
    stop(&b);
}

// A good FLASH_DEFL_END sets the flash's block protection; the next BEGIN that erases takes it off, a refused one not.
static void a_good_end_locks_the_flash(void **state)
{
    (void)state;
    struct bench b = start("esp32");
    memset(raw, 0x12, 1024);
    raw[5] = 0x77;                         // or the checksum is that of a blank page
    assert_int_equal(ASK(&b, 0x12, 1), 0); // 0 of 0 blocks
    assert_int_equal(begin(&b, 0x02, 4096, 1, 1024, 0x10100), 0x0106);
    assert_int_equal(data(&b, 0x03, 0, raw, 1024, 0), 0x0108);
    assert_int_equal(sim_flash_bytes_programmed(b.flash), 0);
    assert_int_equal(begin(&b, 0x02, 4096, 1, 1024, 0x10000), 0x0008);
    assert_int_equal(data(&b, 0x03, 0, raw, 1024, 0), 0x0008);
    assert_int_equal(sim_flash_bytes_programmed(b.flash), 1024);
    stop(&b);
}

static void blocks_have_a_limit(void **state)
{
    (void)state;
    struct bench b = start("esp32");
    static uint8_t block[6148];
    assert_int_equal(set_params(&b), 0);
    assert_int_equal(begin(&b, 0x02, 8192, 2, 6148, 0x10000), 0x0105);
    assert_int_equal(begin(&b, 0x02, 8192, 2, 6144, 0x10000), 0x0005);
    assert_int_equal(data(&b, 0x03, 0, block, 6144, 0), 0x0005);
    assert_int_equal(data(&b, 0x03, 1, block, 6148, 0), 0x0105);
    assert_int_equal(sim_flash_bytes_programmed(b.flash), 6144);
    stop(&b);
}

static void every_chip_has_its_own_manners(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        size_t security; // bytes of the answer's body
        uint16_t id;
        bool long_begin;
    } ROWS[] = {{"esp8266", 0, 0, false},  {"esp32", 0, 0, false},    {"esp32s2", 12, 0, true},
                {"esp32s3", 20, 9, true},  {"esp32c2", 20, 12, true}, {"esp32c3", 20, 5, true},
                {"esp32c5", 20, 23, true}, {"esp32c6", 20, 13, true}, {"esp32c61", 20, 20, true},
                {"esp32h2", 20, 16, true}, {"esp32p4", 20, 18, true}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct bench b = start(ROWS[i].chip);
        assert_int_equal(ask(&b, 0x08, raw, 36, 0), 0);
        assert_int_equal(b.answers, 8);
        assert_int_equal(b.answer_len, i ? 12 : 10);
        assert_int_equal(ask(&b, 0x14, NULL, 0, 0), ROWS[i].security ? 0 : 0x0105);
        assert_int_equal(b.answers, ROWS[i].security ? 1 : 8); // refused: under the operation before, SYNC
        if (ROWS[i].security) {
            assert_int_equal(b.answer_len, 8 + ROWS[i].security + 4);
        }
        if (ROWS[i].security == 20) {
            assert_int_equal(ferry_load32le(b.answer + 20), ROWS[i].id);
        }
        b.long_begin = !ROWS[i].long_begin;
        assert_int_equal(begin(&b, 0x02, 0, 1, 1024, 0) & 0xff, 5);
        b.long_begin = ROWS[i].long_begin;
        assert_int_equal(begin(&b, 0x02, 0, 1, 1024, 0) >> 8, 0);
        stop(&b);
    }
}

static void secure_download_mode_knows_few_commands(void **state)
{
    (void)state;
    struct bench b = start_with((struct sim_chip_cfg){.chip = "esp32c3", .secure_download = true, .secure_boot = true});
    assert_int_equal(ask(&b, 0x08, raw, 36, 0), 0);
    assert_int_equal(ASK(&b, 0x0a, 0x40001000), 0x0105);
    assert_int_equal(ASK(&b, 0x13, 0, 4096, 0, 0), 0x0105);
    assert_int_equal(begin(&b, 0x10, 4096, 1, 1024, 0), 0x0105);
    assert_int_equal(ASK(&b, 0x05, 0, 0, 0, 0), 0x0105);
    assert_int_equal(ask(&b, 0x14, NULL, 0, 0), 0x0005);
    assert_int_equal(ferry_load32le(b.answer + 8), 1 | 4);
    assert_int_equal(begin(&b, 0x02, 4096, 1, 1024, 0x10000), 0x0005);
    memset(raw, 0x21, 1024);
    assert_int_equal(data(&b, 0x03, 0, raw, 1024, 0), 0x0005);
    assert_int_equal(sim_flash_bytes(b.flash)[0x10000], 0x21);
    stop(&b);
}

static void encrypted_writes(void **state)
{
    (void)state;
    struct bench b = start_with((struct sim_chip_cfg){.chip = "esp32c3", .flash_encryption = true});
    assert_int_equal(ASK(&b, 0x02, 4096, 1, 1024, 0x10000, 1), 0x0164);
    assert_int_equal(ASK(&b, 0x10, 4096, 1, 1024, 0x10000, 1), 0x0164);
    assert_int_equal(ask(&b, 0x14, NULL, 0, 0), 0x0064);
    assert_int_equal(b.answer[12], 7); // SPI_BOOT_CRYPT_CNT
    stop(&b);
    b = start("esp32c3");
    assert_int_equal(ASK(&b, 0x02, 4096, 2, 1024, 0x10000, 1), 0);
    memset(raw, 0, 32);
    assert_int_equal(data(&b, 0x03, 0, raw, 20, 0), 0x0164);
    assert_int_equal(data(&b, 0x03, 1, raw, 32, 0), 0x0064);
    assert_memory_not_equal(sim_flash_bytes(b.flash) + 0x10000, raw, 32);
    assert_int_not_equal(sim_flash_bytes(b.flash)[0x10000], 0xff);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erases_as_measured),
        cmocka_unit_test(the_esp8266_erases_too_much),
        cmocka_unit_test(only_the_esp32_writes_a_tail),
        cmocka_unit_test(full_windows_are_written_at_once),
        cmocka_unit_test(bytes_behind_the_stream_hang_it),
        cmocka_unit_test(a_bad_block_uses_its_number_up),
        cmocka_unit_test(a_good_end_locks_the_flash),
        cmocka_unit_test(blocks_have_a_limit),
        cmocka_unit_test(every_chip_has_its_own_manners),
        cmocka_unit_test(secure_download_mode_knows_few_commands),
        cmocka_unit_test(encrypted_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
