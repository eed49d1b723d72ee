#include "updater/cargo_parts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/json.h"
#include "updater/path.h"

static int manifest_fault(const struct ferry_cargo *cargo, struct ferry_fault *fault, const char *what,
                          const char *detail)
{
    const char *shown = ferry_path_shown(cargo->root, cargo->path);
    char safe[80];
    ferry_path_text(safe, sizeof safe, detail ? detail : "");
    return ferry_fault_set(fault, FERRY_ERR_MANIFEST, shown, "%.80s: %s%s%s%s", ferry_path_base(cargo->path), what,
                           detail ? " \"" : "", safe, detail ? "\"" : "");
}

// Adds a part whose name comes out of the description.
static int add(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out, uint32_t address, const char *name,
               struct ferry_fault *fault)
{
    if (out->count == FERRY_CARGO_MAX_REGIONS)
        return manifest_fault(cargo, fault, "more than 32 files", NULL);
    char folder[FERRY_CARGO_PATH];
    ferry_path_folder(folder, sizeof folder, cargo->path);
    const char *base = strcmp(folder, cargo->root) == 0 ? "" : ferry_path_shown(cargo->root, folder);
    struct ferry_cargo_part *part = &out->items[out->count];
    memset(part, 0, sizeof *part);
    int status = ferry_path_join(part->path, sizeof part->path, cargo->root, base, name, fault);
    if (status < 0)
        return status;
    part->placed = true;
    part->address = address;
    out->count++;
    return FERRY_OK;
}

static int add_files(const cJSON *files, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                     struct ferry_fault *fault)
{
    const cJSON *file;
    cJSON_ArrayForEach(file, files)
    {
        uint32_t address;
        if (!ferry_json_number(file->string, &address))
            return manifest_fault(cargo, fault, "no flash address:", file->string);
        if (!cJSON_IsString(file))
            return manifest_fault(cargo, fault, "no file name at address", file->string);
        int status = add(cargo, out, address, file->valuestring, fault);
        if (status < 0)
            return status;
    }
    return out->count ? FERRY_OK : manifest_fault(cargo, fault, "it names no files", NULL);
}

static int take_chip(const char *name, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                     struct ferry_fault *fault)
{
    const struct ferry_chip *chip = name ? ferry_chip_by_name(name) : NULL;
    if (name && !chip)
        return manifest_fault(cargo, fault, "a chip that this program does not know:", name);
    out->chip_id = chip ? chip->id : (uint16_t)FERRY_CHIP_ANY;
    return FERRY_OK;
}

// The sections "app", "bootloader" ... say what the file at their offset is; the files themselves are in flash_files.
static void take_role(const cJSON *json, const char *section, enum ferry_cargo_role role, struct ferry_cargo_parts *out)
{
    uint32_t address;
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, section), "offset");
    if (!offset || !ferry_json_address(offset, &address))
        return;
    for (size_t i = 0; i < out->count; i++)
        if (out->items[i].address == address)
            out->items[i].role = role;
}

int ferry_cargo_parts_idf(const cJSON *json, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                          struct ferry_fault *fault)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "flash_files");
    const cJSON *extra = cJSON_GetObjectItemCaseSensitive(json, "extra_esptool_args");
    if (!cJSON_IsObject(files))
        return manifest_fault(cargo, fault, "it has no \"flash_files\"; is the build complete?", NULL);
    int status = take_chip(ferry_json_text(extra, "chip"), cargo, out, fault);
    if (status >= 0)
        status = add_files(files, cargo, out, fault);
    take_role(json, "bootloader", FERRY_CARGO_ROLE_BOOTLOADER, out);
    take_role(json, "partition-table", FERRY_CARGO_ROLE_TABLE, out);
    take_role(json, "partition_table", FERRY_CARGO_ROLE_TABLE, out);
    take_role(json, "app", FERRY_CARGO_ROLE_APP, out);
    take_role(json, "otadata", FERRY_CARGO_ROLE_OTADATA, out);
    return status;
}

static void take_name(const cJSON *json, struct ferry_cargo_parts *out)
{
    const char *name = ferry_json_text(json, "name"), *version = ferry_json_text(json, "version");
    ferry_path_text(out->name, sizeof out->name, name ? name : "");
    ferry_path_text(out->version, sizeof out->version, version ? version : "");
}

int ferry_cargo_parts_files(const cJSON *json, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                            struct ferry_fault *fault)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "files");
    if (!cJSON_IsObject(files))
        return manifest_fault(cargo, fault, "\"files\" must be an object: {\"0x10000\": \"app.bin\"}", NULL);
    int status = take_chip(ferry_json_text(json, "chip"), cargo, out, fault);
    take_name(json, out);
    return status < 0 ? status : add_files(files, cargo, out, fault);
}

bool ferry_cargo_parts_is_web(const cJSON *json)
{
    const cJSON *builds = cJSON_GetObjectItemCaseSensitive(json, "builds");
    return cJSON_IsArray(builds) &&
           (!builds->child || cJSON_GetObjectItemCaseSensitive(builds->child, "chipFamily") != NULL);
}

static bool listed(const struct ferry_cargo_parts *parts, uint16_t id)
{
    for (size_t i = 0; i < parts->chip_count; i++)
        if (parts->chips[i] == id)
            return true;
    return false;
}

// A build made for the serial port is better than one for any port, and that better than one for USB.
static int suits(const cJSON *build)
{
    const char *type = ferry_json_text(build, "serialType");
    return !type ? 2 : strcasecmp(type, "uart") == 0 ? 3 : 1;
}

static int choose_build(const cJSON *builds, const struct ferry_cargo *cargo, uint16_t chip_id, const cJSON **best,
                        struct ferry_cargo_parts *out, struct ferry_fault *fault)
{
    const cJSON *build;
    *best = NULL;
    cJSON_ArrayForEach(build, builds)
    {
        const char *family = ferry_json_text(build, "chipFamily");
        if (!family)
            return manifest_fault(cargo, fault, "a build without \"chipFamily\"", NULL);
        const struct ferry_chip *chip = ferry_chip_by_name(family);
        if (!chip) {
            ferry_path_text(out->skipped, sizeof out->skipped, family);
            continue;
        }
        if (!listed(out, chip->id) && out->chip_count < sizeof out->chips / sizeof out->chips[0])
            out->chips[out->chip_count++] = chip->id;
        if ((chip_id == FERRY_CHIP_ANY && !*best) || (chip->id == chip_id && (!*best || suits(build) > suits(*best)))) {
            *best = build;
            out->chip_id = chip->id;
        }
    }
    return FERRY_OK;
}

static int no_build(const struct ferry_cargo *cargo, uint16_t chip_id, const struct ferry_cargo_parts *parts,
                    struct ferry_fault *fault)
{
    char have[140] = "";
    for (size_t i = 0, n = 0; i < parts->chip_count && n < sizeof have; i++)
        n += (size_t)snprintf(have + n, sizeof have - n, "%s%s", i ? ", " : "",
                              ferry_chip_by_id(parts->chips[i])->label);
    if (!*have && *parts->skipped)
        snprintf(have, sizeof have, "only chips unknown here, as %s", parts->skipped);
    const struct ferry_chip *chip = ferry_chip_by_id(chip_id);
    return ferry_fault_set(fault, FERRY_ERR_NO_BUILD_FOR_CHIP, ferry_path_shown(cargo->root, cargo->path),
                           "%.60s has no build for %s (it has: %s)", ferry_path_base(cargo->path),
                           chip ? chip->label : "any chip", *have ? have : "none");
}

int ferry_cargo_parts_web(const cJSON *json, const struct ferry_cargo *cargo, uint16_t chip_id,
                          struct ferry_cargo_parts *out, struct ferry_fault *fault)
{
    const cJSON *build, *part;
    int status = choose_build(cJSON_GetObjectItemCaseSensitive(json, "builds"), cargo, chip_id, &build, out, fault);
    if (status < 0)
        return status;
    if (!build)
        return no_build(cargo, chip_id, out, fault);
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(build, "parts");
    cJSON_ArrayForEach(part, parts)
    {
        uint32_t address;
        const char *name = ferry_json_text(part, "path");
        const cJSON *offset = cJSON_GetObjectItemCaseSensitive(part, "offset");
        if (!name)
            return manifest_fault(cargo, fault, "a part without \"path\"", NULL);
        if (!offset || !ferry_json_address(offset, &address))
            return manifest_fault(cargo, fault, "no usable \"offset\" for", name);
        status = add(cargo, out, address, name, fault);
        if (status < 0)
            return status;
    }
    take_name(json, out);
    return out->count ? FERRY_OK : manifest_fault(cargo, fault, "a build without \"parts\"", NULL);
}

// ---- names ----

static bool border(char c)
{
    return c == 0 || strchr("_-@. +", c) != NULL;
}

bool ferry_cargo_name_address(const char *name, uint32_t *address)
{
    for (const char *p = name; (p = strpbrk(p, "0")); p++) {
        if ((p[1] != 'x' && p[1] != 'X') || (p > name && !border(p[-1])))
            continue;
        size_t len = strspn(p + 2, "0123456789abcdefABCDEF");
        char digits[12];
        if (len == 0 || len > 8 || !border(p[2 + len]))
            continue;
        snprintf(digits, sizeof digits, "0x%.*s", (int)len, p + 2);
        return ferry_json_number(digits, address);
    }
    return false;
}

bool ferry_cargo_sibling(char *out, size_t cap, const char *app, const char *part)
{
    const char *base = ferry_path_base(app);
    int n = ferry_path_ends(base, ".ino.bin") ? snprintf(out, cap, "%.*s.%s.bin", (int)strlen(app) - 4, app, part)
                                              : snprintf(out, cap, "%.*s%s.bin", (int)(base - app), app, part);
    return n > 0 && (size_t)n < cap;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void add_plain(struct ferry_cargo_parts *out, enum ferry_cargo_role role, const char *path)
{
    struct ferry_cargo_part *part = &out->items[out->count++];
    memset(part, 0, sizeof *part);
    part->role = role;
    snprintf(part->path, sizeof part->path, "%s", path);
}

// The first of the names that is a file beside the app; the first of all when none is, so that the plan tells what is
// missing.
static void add_sibling(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out, enum ferry_cargo_role role,
                        const char *name, const char *other)
{
    char first[FERRY_CARGO_PATH], second[FERRY_CARGO_PATH];
    if (!ferry_cargo_sibling(first, sizeof first, cargo->path, name))
        return;
    bool use_other =
        !is_file(first) && other && ferry_cargo_sibling(second, sizeof second, cargo->path, other) && is_file(second);
    add_plain(out, role, use_other ? second : first);
}

static int parts_arduino(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out)
{
    static const char *const otadata[] = {"boot_app0.bin", "ota_data_initial.bin"};
    char path[FERRY_CARGO_PATH], folder[FERRY_CARGO_PATH];
    add_plain(out, FERRY_CARGO_ROLE_APP, cargo->path);
    add_sibling(cargo, out, FERRY_CARGO_ROLE_BOOTLOADER, "bootloader", NULL);
    add_sibling(cargo, out, FERRY_CARGO_ROLE_TABLE, "partitions", "partition-table");
    ferry_path_folder(folder, sizeof folder, cargo->path);
    for (size_t i = 0; i < 2; i++)
        if (ferry_path_under(path, sizeof path, folder, otadata[i]) && is_file(path)) {
            add_plain(out, FERRY_CARGO_ROLE_OTADATA, path);
            break;
        }
    return FERRY_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct ferry_cargo_part *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int parts_addressed(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out, struct ferry_fault *fault)
{
    const char *shown = ferry_path_shown(cargo->root, cargo->path);
    DIR *dir = opendir(cargo->path);
    if (!dir)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, shown, "the folder %.150s cannot be read", shown);
    int status = FERRY_OK;
    for (struct dirent *entry; status >= 0 && (entry = readdir(dir));) {
        char path[FERRY_CARGO_PATH];
        uint32_t address;
        if (entry->d_name[0] == '.' || !ferry_path_ends(entry->d_name, ".bin") ||
            !ferry_cargo_name_address(entry->d_name, &address))
            continue;
        if (!ferry_path_under(path, sizeof path, cargo->path, entry->d_name))
            status = ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, shown, "a path that is too long in %.150s", shown);
        else if (out->count == FERRY_CARGO_MAX_REGIONS)
            status = ferry_fault_set(fault, FERRY_ERR_ARG, shown, "more than 32 files with addresses in %.150s", shown);
        else {
            add_plain(out, FERRY_CARGO_ROLE_UNKNOWN, path);
            out->items[out->count - 1].placed = true;
            out->items[out->count - 1].address = address;
        }
    }
    closedir(dir);
    qsort(out->items, out->count, sizeof out->items[0], by_address);
    if (status >= 0 && out->count == 0)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, shown, "no files with addresses in %.150s", shown);
    return status;
}

static int parts_one(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out)
{
    add_plain(out, FERRY_CARGO_ROLE_UNKNOWN, cargo->path);
    out->items[0].placed = ferry_cargo_name_address(ferry_path_base(cargo->path), &out->items[0].address);
    return FERRY_OK;
}

static int parts_pairs(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out, struct ferry_fault *fault)
{
    for (size_t i = 0; i < cargo->pair_count; i++) {
        const struct ferry_cargo_pair *pair = &cargo->pairs[i];
        if (strlen(pair->path) >= FERRY_CARGO_PATH || out->count == FERRY_CARGO_MAX_REGIONS)
            return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "too many files, or a path longer than %d bytes",
                                   FERRY_CARGO_PATH - 1);
        add_plain(out, FERRY_CARGO_ROLE_UNKNOWN, pair->path);
        out->items[out->count - 1].placed = true;
        out->items[out->count - 1].address = pair->address;
    }
    return FERRY_OK;
}

static enum ferry_cargo_role role_named(const char *name)
{
    static const char *const names[] = {"", "bootloader", "partition-table", "app", "otadata"};
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum ferry_cargo_role)i;
    return FERRY_CARGO_ROLE_UNKNOWN;
}

static int parts_blobs(const struct ferry_cargo *cargo, struct ferry_cargo_parts *out, struct ferry_fault *fault)
{
    if (cargo->blob_count > FERRY_CARGO_MAX_REGIONS)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "more than %d files", FERRY_CARGO_MAX_REGIONS);
    for (size_t i = 0; i < cargo->blob_count; i++) {
        const struct ferry_cargo_blob *blob = &cargo->blobs[i];
        add_plain(out, role_named(blob->role), blob->name);
        out->items[i].placed = blob->address != UINT32_MAX;
        out->items[i].address = out->items[i].placed ? blob->address : 0;
        out->items[i].source = &blob->source;
    }
    out->chip_id = cargo->chip_count == 1 ? cargo->chips[0] : (uint16_t)FERRY_CHIP_ANY;
    return FERRY_OK;
}

static int parts_json(const struct ferry_cargo *cargo, uint16_t chip_id, struct ferry_cargo_parts *out,
                      struct ferry_fault *fault)
{
    cJSON *json;
    int status = ferry_path_check(cargo->root, cargo->path, fault);
    if (status >= 0)
        status = ferry_json_load(cargo->path, ferry_path_shown(cargo->root, cargo->path), &json, fault);
    if (status < 0)
        return status;
    if (cargo->kind == FERRY_CARGO_IDF_BUILD)
        status = ferry_cargo_parts_idf(json, cargo, out, fault);
    else if (cargo->kind == FERRY_CARGO_WEB_MANIFEST)
        status = ferry_cargo_parts_web(json, cargo, chip_id, out, fault);
    else
        status = ferry_cargo_parts_files(json, cargo, out, fault);
    cJSON_Delete(json);
    return status;
}

int ferry_cargo_parts(const struct ferry_cargo *cargo, uint16_t chip_id, struct ferry_cargo_parts *out,
                      struct ferry_fault *fault)
{
    memset(out, 0, sizeof *out);
    out->chip_id = FERRY_CHIP_ANY;
    if (cargo->blobs)
        return parts_blobs(cargo, out, fault);
    switch (cargo->kind) {
    case FERRY_CARGO_IDF_BUILD:
    case FERRY_CARGO_WEB_MANIFEST:
        return parts_json(cargo, chip_id, out, fault);
    case FERRY_CARGO_ARDUINO:
        return parts_arduino(cargo, out);
    case FERRY_CARGO_ADDRESSED:
        if (cargo->pairs)
            return parts_pairs(cargo, out, fault);
        if (ferry_path_ends(cargo->path, ".json"))
            return parts_json(cargo, chip_id, out, fault);
        return is_file(cargo->path) ? parts_one(cargo, out) : parts_addressed(cargo, out, fault);
    default:
        add_plain(out, cargo->kind == FERRY_CARGO_APP ? FERRY_CARGO_ROLE_APP : FERRY_CARGO_ROLE_UNKNOWN, cargo->path);
        return FERRY_OK;
    }
}
