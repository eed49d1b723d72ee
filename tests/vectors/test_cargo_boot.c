// A single app is placed and judged as ESP-IDF's own bootloader was seen to do: in every recorded boot the app in the
// slot that the bootloader looked at first is planned onto that flash. The plan must put it into that slot, and must
// succeed exactly when the bootloader started it. (A bootloader with rollback that found PENDING_VERIFY looks
// elsewhere: those cases are left out, the plan warns of them.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/otadata.h"
#include "ports/posix/digest.h"
#include "tests/support/boot_compose.h"
#include "tests/support/card.h"
#include "updater/cargo.h"
#include "updater/cargo_content.h"

static uint8_t flash[BOOT_COMPOSE_FLASH];
static struct ferry_posix_digest digest_port;
static struct ferry_digest digest;

static const char *text(const cJSON *o, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static void unhex(const char *hex, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static bool compose(const cJSON *c)
{
    struct boot_compose what = {.chip = text(c, "chip"), .table = text(c, "table")};
    const cJSON *slot;
    for (int i = 0; i < 2; i++)
        unhex(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(c, "otadata"), i)->valuestring, what.otadata[i]);
    what.rest_a5 = text(c, "rest_of_sector") != NULL;
    cJSON_ArrayForEach(slot, cJSON_GetObjectItemCaseSensitive(c, "slots")) what.slots[what.slot_count++] =
        (struct boot_compose_slot){slot->string, slot->valuestring};
    return boot_compose(&what, flash, sizeof flash);
}

static bool left_out(const cJSON *c)
{
    if (text(c, "table_defect") || cJSON_HasObjectItem(c, "anti_rollback") ||
        strcmp(text(c, "group"), "anti_rollback") == 0)
        return true;
    for (int i = 0; i < 2 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c, "rollback")); i++) {
        uint8_t entry[32];
        unhex(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(c, "otadata"), i)->valuestring, entry);
        if (ferry_load32le(entry + 24) == FERRY_OTADATA_PENDING_VERIFY)
            return true;
    }
    return false;
}

// The row that the bootloader looks at first, by the rules of the vectors; NULL = there is none.
static const struct ferry_partition *first_look(const struct ferry_partition_table *table)
{
    struct ferry_otadata_entry entries[2];
    const struct ferry_partition *factory = ferry_partition_table_find(table, 0, 0);
    const struct ferry_partition *otadata = ferry_partition_table_find(table, 1, 0);
    struct ferry_otadata_choice choice = {.slot = -1};
    for (size_t i = 0; i < 2; i++)
        ferry_otadata_decode(&entries[i], flash + BOOT_COMPOSE_OTADATA + 0x1000 * i);
    if (otadata)
        choice = ferry_otadata_choose(entries, ferry_partition_table_slots(table));
    if (choice.slot >= 0)
        return ferry_partition_table_find(table, 0, (uint8_t)(0x10 + choice.slot));
    return factory ? factory : ferry_partition_table_find(table, 0, 0x10);
}

static int read_flash(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, flash + address, len);
    return FERRY_OK;
}

static int plan_app(const char *chip, const char *path, uint32_t *address, struct ferry_fault *fault)
{
    static struct ferry_plan plan;
    struct ferry_target target = {.chip = ferry_chip_by_name(chip), .flash_size = sizeof flash, .security_known = true};
    target.revision = strcmp(chip, "esp32c3") == 0 ? 3 : 0; // of the machines that the boots were recorded on
    struct ferry_cargo_options options = {.read_target = read_flash, .digest = &digest};
    struct ferry_cargo cargo = {.kind = FERRY_CARGO_APP};
    snprintf(cargo.path, sizeof cargo.path, "%s", path);
    int status = ferry_cargo_plan(&cargo, &target, &options, &plan, fault);
    *address = status >= 0 ? plan.regions[0].address : 0;
    ferry_plan_close(&plan);
    return status;
}

static bool try_case(const cJSON *c, const char *dir, unsigned *started)
{
    static struct ferry_partition_table table;
    struct ferry_fault fault;
    uint32_t address, size = BOOT_COMPOSE_MAX_IMAGE;
    if (left_out(c) || !compose(c) || ferry_cargo_table_bytes(flash + 0x8000, 0xC00, 0, &digest, &table) < 0)
        return false;
    const struct ferry_partition *row = first_look(&table);
    if (!row || !cJSON_HasObjectItem(cJSON_GetObjectItem(c, "slots"), row->label))
        return false;
    // The file as it would lie on a card: without the erased flash behind it, where that is more than the slot holds.
    while (size > 1 && flash[row->address + size - 1] == 0xFF && size > row->size)
        size--;
    card_put(dir, "app.bin", flash + row->address, size);
    char *path = card_path(dir, "app.bin");
    int status = plan_app(text(c, "chip"), path, &address, &fault);
    free(path);
    bool boots = strcmp(text(c, "boots"), row->label) == 0;
    if ((status >= 0) != boots || (boots && address != row->address))
        fail_msg("%s %s: the bootloader started %s; %s is planned at 0x%x: %s %s", text(c, "chip"), text(c, "name"),
                 text(c, "boots"), row->label, (unsigned)address, ferry_status_name(status),
                 status < 0 ? fault.what : "");
    *started += boots;
    return true;
}

static void as_the_real_bootloader(void **state)
{
    (void)state;
    static char line[8192];
    unsigned cases = 0, started = 0;
    char *dir = card_new();
    FILE *f = fopen(FERRY_TESTS_DIR "/vectors/boot/boot-vectors.jsonl", "r");
    assert_non_null(f);
    digest = ferry_posix_digest_init(&digest_port);
    while (fgets(line, sizeof line, f)) {
        cJSON *c = cJSON_Parse(line);
        assert_non_null(c);
        cases += try_case(c, dir, &started);
        cJSON_Delete(c);
    }
    fclose(f);
    ferry_posix_digest_close(&digest_port);
    card_remove(dir);
    printf("%u recorded boots: %u apps accepted and placed, %u refused, as the bootloader did\n", cases, started,
           cases - started);
    assert_true(started > 100 && cases - started > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_real_bootloader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
