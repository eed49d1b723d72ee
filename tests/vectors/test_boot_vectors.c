// The boot model against recorded boots of ESP-IDF v5.1.4's real second-stage bootloader
// (tests/vectors/boot/README.md): same partition, same otadata, same second boot, same messages.
#include <cjson/cJSON.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/chip/boot.h"
#include "tests/support/boot_compose.h"

struct totals {
    int cases, boots, lines, wrong;
};

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool flag_of(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void unhex(const char *hex, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}

static void entries_of(const cJSON *object, const char *name, uint8_t out[2][32])
{
    const cJSON *pair = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_int_equal(cJSON_GetArraySize(pair), 2);
    for (int i = 0; i < 2; i++)
        unhex(cJSON_GetArrayItem(pair, i)->valuestring, out[i], 32);
}

static void read_case(const cJSON *line, struct boot_compose *out)
{
    memset(out, 0, sizeof *out);
    out->chip = text_of(line, "chip");
    out->table = text_of(line, "table");
    out->table_defect = text_of(line, "table_defect");
    entries_of(line, "otadata", out->otadata);
    const char *rest = text_of(line, "rest_of_sector");
    out->rest_a5 = rest && strcmp(rest, "a5") == 0;
    for (const cJSON *s = cJSON_GetObjectItemCaseSensitive(line, "slots")->child; s; s = s->next)
        out->slots[out->slot_count++] = (struct boot_compose_slot){s->string, s->valuestring};
}

// Numbers of "esp_image" lines come from the image at hand (checksums, lengths, addresses): they are blanked. The
// address of a missing image stays.
static void normalise(const char *message, char *out, size_t cap)
{
    size_t n = 0;
    for (const char *p = message; *p && n + 2 < cap;) {
        const char *end = strchr(p, '\n');
        size_t len = end ? (size_t)(end - p) : strlen(p);
        bool blank = strncmp(p, "E esp_image: ", 13) == 0 && !memmem(p, len, "invalid magic byte", 18);
        for (size_t i = 0; i < len && n + 2 < cap; i++) {
            bool number = blank && isdigit((unsigned char)p[i]);
            if (number) {
                while (i + 1 < len && (isxdigit((unsigned char)p[i + 1]) || p[i + 1] == 'x'))
                    i++;
            }
            out[n++] = number ? '#' : p[i];
        }
        out[n++] = '\n';
        p += len + (end ? 1 : 0);
    }
    out[n] = 0;
}

static void complain(struct totals *t, const cJSON *line, int boot, const char *what, const char *want, const char *got)
{
    t->wrong++;
    print_error("%s %s boot %d: %s: want %s, got %s\n", text_of(line, "chip"), text_of(line, "name"), boot, what, want,
                got);
}

static void check_rest(struct totals *t, const cJSON *line, int boot, const cJSON *want, const uint8_t *flash)
{
    const cJSON *rest = cJSON_GetObjectItemCaseSensitive(want, "rest_of_sector_after");
    for (int i = 0; rest && i < 2; i++) {
        const char *name = cJSON_GetArrayItem(rest, i)->valuestring;
        uint8_t byte = strcmp(name, "a5") == 0 ? 0xa5 : 0xff;
        const uint8_t *sector = flash + BOOT_COMPOSE_OTADATA + 4096 * i;
        for (int k = 32; k < 4096; k++)
            if (sector[k] != byte) {
                complain(t, line, boot, "rest of sector", name, "something else");
                break;
            }
    }
}

static void check_message(struct totals *t, const cJSON *line, int boot, const cJSON *want, const char *reason)
{
    char wanted[4096], got[4096];
    normalise(text_of(want, "message"), wanted, sizeof wanted);
    normalise(reason, got, sizeof got);
    for (const char *p = wanted; *p; p++)
        t->lines += *p == '\n';
    if (strcmp(wanted, got) != 0)
        complain(t, line, boot, "message", wanted, got);
}

static void check_boot(struct totals *t, const cJSON *line, int boot, const cJSON *want, struct sim_flash *flash)
{
    static struct sim_boot_result result;
    struct sim_boot_cfg cfg = {.chip = text_of(line, "chip"), .rollback = flag_of(line, "rollback")};
    uint8_t after[2][32];
    sim_boot_run(flash, &cfg, &result);
    t->boots++;
    if (strcmp(result.boots, text_of(want, "boots")) != 0)
        complain(t, line, boot, "boots", text_of(want, "boots"), result.boots);
    assert_int_equal(result.end == SIM_BOOT_APP, strcmp(result.boots, "none") != 0);
    entries_of(want, "otadata_after", after);
    for (size_t i = 0; i < 2; i++)
        if (memcmp(sim_flash_bytes(flash) + BOOT_COMPOSE_OTADATA + 4096 * i, after[i], 32) != 0)
            complain(t, line, boot, "otadata", i ? "sector 1 as recorded" : "sector 0 as recorded", "other bytes");
    check_rest(t, line, boot, want, sim_flash_bytes(flash));
    check_message(t, line, boot, want, result.reason);
}

// Nothing but otadata's two sectors may have changed.
static void check_untouched(struct totals *t, const cJSON *line, const uint8_t *before, const uint8_t *after)
{
    const size_t from = BOOT_COMPOSE_OTADATA, to = from + 8192;
    if (memcmp(before, after, from) != 0 || memcmp(before + to, after + to, BOOT_COMPOSE_FLASH - to) != 0)
        complain(t, line, 1, "flash", "no change outside otadata", "a change");
}

static bool comparable(const cJSON *line)
{
    if (flag_of(line, "anti_rollback") || strcmp(text_of(line, "group"), "anti_rollback") == 0)
        return false;
    bool esp32 = strcmp(text_of(line, "chip"), "esp32") == 0;
    for (const cJSON *s = cJSON_GetObjectItemCaseSensitive(line, "slots")->child; s && esp32; s = s->next)
        if (strcmp(s->valuestring, "max_rev_v0_1") == 0 || strcmp(s->valuestring, "truncated_in_last_segment") == 0)
            return false;
    return true;
}

static void check_case(struct totals *t, const cJSON *line, struct sim_flash *flash, uint8_t *before)
{
    struct boot_compose what;
    read_case(line, &what);
    if (!boot_compose(&what, sim_flash_bytes(flash), sim_flash_size(flash))) {
        complain(t, line, 0, "composer", "knows all names", "unknown name");
        return;
    }
    memcpy(before, sim_flash_bytes(flash), BOOT_COMPOSE_FLASH);
    check_boot(t, line, 1, line, flash);
    check_untouched(t, line, before, sim_flash_bytes(flash));
    const cJSON *second = cJSON_GetObjectItemCaseSensitive(line, "second_boot");
    if (second)
        check_boot(t, line, 2, second, flash);
    t->cases++;
}

static void every_recorded_boot(void **state)
{
    (void)state;
    static char text[8192];
    struct totals t = {0};
    FILE *file = fopen(FERRY_TESTS_DIR "/vectors/boot/boot-vectors.jsonl", "r");
    assert_non_null(file);
    struct sim_flash *flash = sim_flash_new(&(struct sim_flash_cfg){.size = BOOT_COMPOSE_FLASH});
    uint8_t *before = malloc(BOOT_COMPOSE_FLASH);
    while (fgets(text, sizeof text, file)) {
        cJSON *line = cJSON_Parse(text);
        assert_non_null(line);
        if (comparable(line))
            check_case(&t, line, flash, before);
        cJSON_Delete(line);
    }
    fclose(file);
    free(before);
    sim_flash_free(flash);
    print_message("%d recorded cases, %d boots, %d message lines, %d differ\n", t.cases, t.boots, t.lines, t.wrong);
    assert_int_equal(t.wrong, 0);
    assert_true(t.cases >= 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_recorded_boot)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
