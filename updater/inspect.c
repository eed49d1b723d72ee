#include "updater/inspect.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/cargo.h"
#include "updater/cargo_content.h"
#include "updater/cargo_file.h"
#include "updater/cargo_parts.h"
#include "updater/inspect_facts.h"
#include "updater/path.h"

static const char *const KINDS[] = {
    "",          "ESP-IDF build",       "ESP Web Tools manifest", "Arduino or PlatformIO build", "merged image",
    "app image", "files with addresses"};

// A part of a cargo: its file's facts, where it goes, its path on the card.
static cJSON *part_facts(struct ferry_inspect_facts *facts, const struct ferry_cargo *cargo,
                         const struct ferry_cargo_part *part, uint32_t *flash_size)
{
    struct ferry_cargo_file file;
    struct ferry_fault fault;
    cJSON *object;
    const char *shown = ferry_path_shown(cargo->root, part->path);
    if (ferry_path_check(cargo->root, part->path, &fault) < 0 ||
        ferry_cargo_file_open(&file, part->path, shown, &fault) < 0) {
        object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "kind", "missing");
        ferry_inspect_facts_fault(facts, object, &fault);
    } else {
        struct ferry_source source = ferry_cargo_file_source(&file);
        object = ferry_inspect_facts_file(facts, &source, shown);
        ferry_cargo_file_close(&file);
    }
    ferry_inspect_facts_text(object, "path", shown);
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(object, "address"); // a merged image says it itself
    if (part->placed || own)
        cJSON_AddNumberToObject(object, "flash_address", own && !part->placed ? own->valuedouble : part->address);
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(object, "image");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(image, "flash_size");
    if (cJSON_IsNumber(size) && cJSON_GetObjectItemCaseSensitive(image, "bootloader"))
        *flash_size = (uint32_t)size->valuedouble;
    return object;
}

// Whether the files go together: a plan for a chip of that kind, with the flash that the bootloader is built for.
static void fit(struct ferry_inspect_facts *facts, const struct ferry_cargo *cargo, uint16_t chip_id,
                uint32_t flash_size, cJSON *build)
{
    struct ferry_target target = {.chip = ferry_chip_by_id(chip_id), .flash_size = flash_size};
    struct ferry_cargo_options options = {.force = true, .digest = facts->digest};
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    struct ferry_fault fault;
    if (!plan || !target.chip) {
        free(plan);
        return;
    }
    if (ferry_cargo_plan(cargo, &target, &options, plan, &fault) < 0)
        ferry_inspect_facts_fault(facts, build, &fault);
    else
        cJSON_AddTrueToObject(build, "ok");
    ferry_plan_close(plan);
    free(plan);
}

static void build_facts(struct ferry_inspect_facts *facts, const struct ferry_cargo *cargo, uint16_t chip_id,
                        cJSON *builds)
{
    struct ferry_cargo_parts *parts = malloc(sizeof *parts);
    struct ferry_fault fault;
    char label[24];
    uint32_t flash_size = 0;
    cJSON *build = cJSON_CreateObject(), *files = cJSON_AddArrayToObject(build, "files");
    if (chip_id != FERRY_CHIP_ANY)
        cJSON_AddStringToObject(build, "chip", ferry_cargo_chip_label(chip_id, label));
    cJSON_AddItemToArray(builds, build);
    if (!parts)
        return;
    bool broken = false;
    if (ferry_cargo_parts(cargo, chip_id, parts, &fault) < 0) {
        ferry_inspect_facts_fault(facts, build, &fault);
        broken = true;
    }
    for (size_t i = 0; !broken && i < parts->count; i++) {
        cJSON *file = part_facts(facts, cargo, &parts->items[i], &flash_size);
        broken |= !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(file, "ok"));
        cJSON_AddItemToArray(files, file);
    }
    free(parts);
    if (!broken && cargo->kind != FERRY_CARGO_APP)
        fit(facts, cargo, chip_id, flash_size, build);
}

static cJSON *cargo_facts(struct ferry_inspect_facts *facts, const struct ferry_cargo *cargo)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", KINDS[cargo->kind]);
    ferry_inspect_facts_text(object, "path", cargo->path);
    ferry_inspect_facts_text(object, "name", cargo->name);
    ferry_inspect_facts_text(object, "version", cargo->version);
    cJSON_AddNumberToObject(object, "total_size", cargo->total_size);
    cJSON *builds = cJSON_AddArrayToObject(object, "builds");
    for (size_t i = 0; i < cargo->chip_count; i++)
        build_facts(facts, cargo, cargo->chips[i], builds);
    if (cargo->chip_count == 0)
        build_facts(facts, cargo, FERRY_CHIP_ANY, builds);
    return object;
}

static void refused_facts(struct ferry_inspect_facts *facts, const struct ferry_cargo_list *list, cJSON *object)
{
    cJSON *refused = cJSON_AddArrayToObject(object, "refused");
    for (size_t i = 0; i < list->refused_count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "status", ferry_status_name(list->refused[i].status));
        ferry_inspect_facts_text(item, "what", list->refused[i].what);
        ferry_inspect_facts_text(item, "where", list->refused[i].where);
        ferry_inspect_facts_text(item, "hint", list->refused[i].hint);
        cJSON_AddItemToArray(refused, item);
        if (!facts->first.status)
            facts->first = list->refused[i];
    }
    cJSON_AddNumberToObject(object, "more", (double)(list->more + list->refused_more));
}

// A folder, or a file that describes others.
static cJSON *scan_facts(struct ferry_inspect_facts *facts, const char *path, bool folder, struct ferry_fault *fault)
{
    struct ferry_cargo_list *list = malloc(sizeof *list);
    cJSON *object = NULL;
    int status = list ? ferry_cargo_scan(path, list, fault)
                      : ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, path, "no memory to look at %.100s", path);
    if (status >= 0) {
        object = cJSON_CreateObject();
        ferry_inspect_facts_text(object, "path", path);
        cJSON_AddStringToObject(object, "kind", folder ? "folder" : "description");
        cJSON *cargo = cJSON_AddArrayToObject(object, "cargo");
        for (size_t i = 0; i < list->count; i++)
            cJSON_AddItemToArray(cargo, cargo_facts(facts, &list->items[i]));
        refused_facts(facts, list, object);
        if (list->count == 0 && !facts->first.status)
            ferry_fault_set(&facts->first, FERRY_ERR_NO_CARGO, path, "nothing that could be flashed is in %.100s",
                            path);
        cJSON_AddBoolToObject(object, "ok", facts->first.status == 0);
    }
    free(list);
    return object;
}

static cJSON *file_facts(struct ferry_inspect_facts *facts, const char *path, struct ferry_fault *fault)
{
    struct ferry_cargo_file file;
    if (ferry_cargo_file_open(&file, path, path, fault) < 0)
        return NULL;
    struct ferry_source source = ferry_cargo_file_source(&file);
    cJSON *object = ferry_inspect_facts_file(facts, &source, ferry_path_base(path));
    ferry_inspect_facts_text(object, "path", path);
    ferry_cargo_file_close(&file);
    return object;
}

static void write_json(const cJSON *object, FILE *out)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text)
        fprintf(out, "%s\n", text);
    cJSON_free(text);
}

int ferry_inspect(const char *path, bool json, const struct ferry_digest *digest, FILE *out, struct ferry_fault *fault)
{
    struct stat st;
    struct ferry_inspect_facts facts = {.digest = digest};
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    struct ferry_fault own;
    struct ferry_fault *told = fault ? fault : &own;
    memset(told, 0, sizeof *told);
    cJSON *object = folder || ferry_path_ends(path, ".json") ? scan_facts(&facts, path, folder, told)
                                                             : file_facts(&facts, path, told);
    if (!object)
        return told->status ? told->status : FERRY_ERR_NO_MEMORY;
    if (json)
        write_json(object, out);
    else
        ferry_inspect_print(object, out);
    cJSON_Delete(object);
    if (facts.first.status)
        *told = facts.first;
    return facts.first.status;
}
