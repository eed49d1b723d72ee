// The virtual chip against what the mask ROMs of an ESP32 and an ESP32-C3 answered, byte for byte (tests/vectors/rom:
// dialogues recorded from the real ROM code in an emulator).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "sim/chip/chip.h"

#define FLASH_SIZE (4u << 20)
#define MAX_NAMES 128

// The dialogues of esptool share one flash, in this order.
static const char *const SHARED[] = {"chip_id",    "read_mac",          "flash_id",          "write_u",
                                     "write_z",    "write_z_text",      "verify_ok",         "verify_mismatch",
                                     "read_flash", "read_flash_status", "get_security_info", "write_u_odd",
                                     "run",        "baud_460800"};

// From the answer on that leaves the loader these show the emulator's devices, not the ROM.
static const char *const LOOSE[] = {"flash_end_stay",
                                    "flash_end_early",
                                    "short_packets",
                                    "data_before_begin_no_attach",
                                    "read_reg_unmapped",
                                    "change_baud_zero",
                                    "baud_460800",
                                    "flash_end_reboot",
                                    "mem_run"};

static bool is_in(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(list[i], name)) {
            return true;
        }
    }
    return false;
}

#define IS_IN(list, name) is_in(list, sizeof list / sizeof list[0], name)

struct bytes {
    uint8_t *at;
    size_t len, room;
};

static void append(struct bytes *b, const uint8_t *bytes, size_t len)
{
    while (b->len + len > b->room) {
        b->room = b->room ? b->room * 2 : 4096;
        b->at = realloc(b->at, b->room);
        assert_non_null(b->at);
    }
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static void append_hex(struct bytes *b, const char *hex)
{
    for (; hex[0] && hex[0] != '\n' && hex[1]; hex += 2) {
        char pair[3] = {hex[0], hex[1], 0};
        uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);
        append(b, &byte, 1);
    }
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return NULL;
    }
    (void)fseek(f, 0, SEEK_END);
    long len = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)len + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)len, f), len);
    fclose(f);
    return text;
}

struct replay {
    struct sim_chip *chip;
    const char *name;
    unsigned step;
    bool loose, left;
    struct bytes request, wanted;
};

static void print_difference(const struct replay *r, const char *chip, const uint8_t *got, size_t len)
{
    size_t i = 0;
    while (i < len && i < r->wanted.len && got[i] == r->wanted.at[i]) {
        i++;
    }
    print_message("%s %s step %u: %zu bytes wanted, %zu got, differ at %zu: wanted", chip, r->name, r->step,
                  r->wanted.len, len, i);
    for (size_t k = i < 8 ? 0 : i - 8; k < i + 16 && k < r->wanted.len; k++) {
        print_message(" %02x", r->wanted.at[k]);
    }
    print_message(" got");
    for (size_t k = i < 8 ? 0 : i - 8; k < i + 16 && k < len; k++) {
        print_message(" %02x", got[k]);
    }
    print_message("\n");
}

// Sends the request gathered so far (none: power-on) and compares all that comes with all that was recorded.
static bool exchange(struct replay *r, const char *chip)
{
    static uint8_t got[65536];
    size_t sent = 0;
    while (sent < r->request.len) {
        sent += sim_chip_host_write(r->chip, r->request.at + sent, r->request.len - sent);
    }
    sim_chip_run(r->chip, sim_chip_now(r->chip) + 1000);
    size_t len = sim_chip_host_read(r->chip, got, sizeof got);
    bool leaves = r->loose && r->request.len > 3 && (r->request.at[2] == 0x04 || r->request.at[2] == 0x0f);
    bool same = len == r->wanted.len && !memcmp(got, r->wanted.at, len);
    if (leaves || (r->loose && r->wanted.len > 4 && !memcmp(r->wanted.at, "Guru", 4))) {
        r->left = true; // the answer itself must be there all the same
        size_t start = r->wanted.len < 14 ? r->wanted.len : 14;
        same = len >= start && !memcmp(got, r->wanted.at, start);
    }
    if (!same) {
        print_difference(r, chip, got, len);
    }
    r->step++;
    r->request.len = r->wanted.len = 0;
    return same;
}

static bool replay_lines(struct replay *r, const char *chip, char *text)
{
    bool same = true;
    for (char *line = strtok(text, "\n"); line && same && !r->left; line = strtok(NULL, "\n")) {
        if (line[0] == '>') {
            same = exchange(r, chip);
            append_hex(&r->request, line + 2);
        } else if (line[0] == '<') {
            append_hex(&r->wanted, line + 2);
        }
    }
    return same && (r->left || exchange(r, chip));
}

// Counts the file if there is one (not all dialogues were recorded on both chips).
static bool replay_file(const char *chip, const char *name, struct sim_flash *flash, unsigned *count)
{
    char path[512];
    (void)snprintf(path, sizeof path, FERRY_TESTS_DIR "/vectors/rom/%s/%s.txt", chip, name);
    char *text = read_text(path);
    if (!text) {
        return true;
    }
    (*count)++;
    struct sim_chip_cfg cfg = {.chip = chip, .flash = flash, .ideal_line = true, .boot_download = true};
    struct replay r = {.chip = sim_chip_new(&cfg), .name = name, .loose = IS_IN(LOOSE, name)};
    assert_non_null(r.chip);
    bool same = replay_lines(&r, chip, text);
    sim_chip_free(r.chip);
    free(r.request.at);
    free(r.wanted.at);
    free(text);
    return same;
}

static struct sim_flash *blank_flash(void)
{
    struct sim_flash *flash = sim_flash_new(&(struct sim_flash_cfg){.size = FLASH_SIZE});
    assert_non_null(flash);
    return flash;
}

static unsigned replay_shared(const char *chip, unsigned *count)
{
    struct sim_flash *flash = blank_flash();
    unsigned bad = 0;
    for (size_t i = 0; i < sizeof SHARED / sizeof SHARED[0]; i++) {
        bad += !replay_file(chip, SHARED[i], flash, count);
    }
    sim_flash_free(flash);
    return bad;
}

static unsigned replay_others(const char *chip, unsigned *count)
{
    char path[512];
    (void)snprintf(path, sizeof path, FERRY_TESTS_DIR "/vectors/rom/%s", chip);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned bad = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".txt")) {
            continue;
        }
        *dot = 0;
        if (IS_IN(SHARED, entry->d_name)) {
            continue;
        }
        struct sim_flash *flash = blank_flash();
        bad += !replay_file(chip, entry->d_name, flash, count);
        sim_flash_free(flash);
    }
    closedir(dir);
    return bad;
}

static void replay_chip(const char *chip)
{
    unsigned count = 0;
    unsigned bad = replay_shared(chip, &count) + replay_others(chip, &count);
    print_message("%s: %u dialogues, %u differ\n", chip, count, bad);
    assert_true(count > 60);
    assert_int_equal(bad, 0);
}

static void esp32_answers_as_recorded(void **state)
{
    (void)state;
    replay_chip("esp32");
}

static void esp32c3_answers_as_recorded(void **state)
{
    (void)state;
    replay_chip("esp32c3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(esp32_answers_as_recorded),
        cmocka_unit_test(esp32c3_answers_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
