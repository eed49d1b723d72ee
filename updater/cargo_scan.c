// What lies in a folder: descriptions first (a build folder, a manifest), then files by name and content.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/cargo_content.h"
#include "updater/cargo_file.h"
#include "updater/cargo_parts.h"
#include "updater/json.h"
#include "updater/path.h"

#ifdef ESP_PLATFORM
#define lstat stat // FAT has no links
#endif

#define MAX_DEPTH 2
#define MAX_FOLDERS 500 // of the whole scan

struct scan {
    struct ferry_cargo_list *list;
    const char *root;
    unsigned folders;
};

// The names in one folder, sorted, so that the result does not depend on the file system.
struct names {
    char *names[FERRY_CARGO_FOLDER_NAMES];
    size_t count, more;
};

static void refuse(struct scan *scan, const struct ferry_fault *fault)
{
    struct ferry_cargo_list *list = scan->list;
    if (list->refused_count < sizeof list->refused / sizeof list->refused[0])
        list->refused[list->refused_count++] = *fault;
    else
        list->refused_more++;
}

static void refuse_file(struct scan *scan, const char *path, int status, const char *what, const char *hint)
{
    struct ferry_fault fault;
    const char *shown = ferry_path_shown(scan->root, path);
    char name[120];
    ferry_path_text(name, sizeof name, ferry_path_base(path));
    ferry_fault_set(&fault, status, shown, "%s %s", name, what);
    if (hint)
        ferry_fault_hint(&fault, "%s", hint);
    refuse(scan, &fault);
}

static void add(struct scan *scan, const struct ferry_cargo *cargo)
{
    struct ferry_cargo_list *list = scan->list;
    if (list->count < sizeof list->items / sizeof list->items[0])
        list->items[list->count++] = *cargo;
    else
        list->more++;
}

static void begin(struct ferry_cargo *cargo, const struct scan *scan, enum ferry_cargo_kind kind, const char *path)
{
    memset(cargo, 0, sizeof *cargo);
    cargo->kind = kind;
    snprintf(cargo->path, sizeof cargo->path, "%s", path);
    snprintf(cargo->root, sizeof cargo->root, "%s", scan->root);
}

static void take_chip(struct ferry_cargo *cargo, uint16_t chip_id)
{
    if (chip_id == FERRY_CHIP_ANY || cargo->chip_count > 0)
        return;
    cargo->chips[0] = chip_id;
    cargo->chip_count = 1;
}

static void take_desc(struct ferry_cargo *cargo, const struct ferry_cargo_peek *peek)
{
    if (!peek->image.has_app_desc)
        return;
    if (!*cargo->name)
        ferry_path_text(cargo->name, sizeof cargo->name, peek->image.app.project);
    if (!*cargo->version)
        ferry_path_text(cargo->version, sizeof cargo->version, peek->image.app.version);
}

// Sizes, chip and description out of the files that are there; what is missing is the plan's to tell.
static void look_at_parts(struct ferry_cargo *cargo, const struct ferry_cargo_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct ferry_cargo_file file;
        struct ferry_cargo_peek peek;
        if (ferry_path_check(cargo->root, parts->items[i].path, NULL) < 0 ||
            ferry_cargo_file_open(&file, parts->items[i].path, "", NULL) < 0)
            continue;
        struct ferry_source source = ferry_cargo_file_source(&file);
        cargo->total_size += file.size;
        if (ferry_cargo_peek(&source, &peek) >= 0) {
            take_desc(cargo, &peek);
            take_chip(cargo, peek.chip_id);
        }
        ferry_cargo_file_close(&file);
    }
}

// The name for people: what a description says, else the file's or the folder's.
static void name_after_path(struct ferry_cargo *cargo)
{
    char folder[FERRY_CARGO_PATH];
    if (*cargo->name)
        return;
    const char *base = ferry_path_base(cargo->path);
    if (ferry_path_ends(base, ".json")) {
        ferry_path_folder(folder, sizeof folder, cargo->path);
        base = ferry_path_base(folder);
    }
    ferry_path_text(cargo->name, sizeof cargo->name, base);
}

static void finish(struct scan *scan, struct ferry_cargo *cargo, const struct ferry_cargo_parts *parts)
{
    snprintf(cargo->name, sizeof cargo->name, "%s", parts->name);
    snprintf(cargo->version, sizeof cargo->version, "%s", parts->version);
    memcpy(cargo->chips, parts->chips, sizeof cargo->chips);
    cargo->chip_count = parts->chip_count;
    take_chip(cargo, parts->chip_id);
    look_at_parts(cargo, parts);
    name_after_path(cargo);
    add(scan, cargo);
}

// Adds a cargo whose description or names say what it holds; a description that cannot be used is refused.
static void add_parts(struct scan *scan, enum ferry_cargo_kind kind, const char *path)
{
    struct ferry_cargo cargo;
    struct ferry_fault fault;
    struct ferry_cargo_parts *parts = malloc(sizeof *parts);
    if (!parts)
        return;
    begin(&cargo, scan, kind, path);
    if (ferry_cargo_parts(&cargo, FERRY_CHIP_ANY, parts, &fault) < 0)
        refuse(scan, &fault);
    else
        finish(scan, &cargo, parts);
    free(parts);
}

// ---- one file ----

static void add_image(struct scan *scan, enum ferry_cargo_kind kind, const char *path,
                      const struct ferry_cargo_peek *peek, uint32_t size)
{
    struct ferry_cargo cargo;
    begin(&cargo, scan, kind, path);
    cargo.total_size = size;
    take_chip(&cargo, peek->chip_id);
    take_desc(&cargo, peek);
    name_after_path(&cargo);
    add(scan, &cargo);
}

static void sort_out(struct scan *scan, const char *path, const struct ferry_cargo_peek *peek, uint32_t size)
{
    switch (peek->content) {
    case FERRY_CARGO_APP_IMAGE:
        if (peek->ram_only)
            refuse_file(scan, path, FERRY_ERR_NO_PLACE, "is no app (all of it loads into RAM, as a bootloader does)",
                        "bring the whole build folder, or name the file with its address");
        else
            add_image(scan, FERRY_CARGO_APP, path, peek, size);
        return;
    case FERRY_CARGO_MERGED_IMAGE:
        add_image(scan, FERRY_CARGO_MERGED, path, peek, size);
        return;
    case FERRY_CARGO_BOOTLOADER:
        refuse_file(scan, path, FERRY_ERR_NO_PLACE, "is a bootloader without its app",
                    "bring the whole build folder, or name the file with its address");
        return;
    case FERRY_CARGO_TABLE:
        refuse_file(scan, path, FERRY_ERR_NO_PLACE, "is a partition table without its app",
                    "bring the whole build folder, or name the file with its address");
        return;
    case FERRY_CARGO_ELF:
        refuse_file(scan, path, FERRY_ERR_IMAGE_FORMAT, "is an ELF program, not a firmware image", NULL);
        return;
    case FERRY_CARGO_OTHER:
        break;
    }
    refuse_file(scan, path, FERRY_ERR_NO_PLACE, "is no firmware image, and nothing says where it belongs",
                "name it with its address, as in 0x10000_app.bin, or bring the whole build folder");
}

static void add_file(struct scan *scan, const char *path)
{
    struct ferry_cargo_file file;
    struct ferry_cargo_peek peek;
    struct ferry_fault fault;
    const char *shown = ferry_path_shown(scan->root, path);
    if (ferry_path_check(scan->root, path, &fault) < 0 || ferry_cargo_file_open(&file, path, shown, &fault) < 0) {
        refuse(scan, &fault);
        return;
    }
    struct ferry_source source = ferry_cargo_file_source(&file);
    int status = ferry_cargo_peek(&source, &peek);
    if (file.size == 0)
        refuse_file(scan, path, FERRY_ERR_IMAGE_TRUNCATED, "is empty", "copy it again");
    else if (status < 0)
        refuse_file(scan, path, status, "cannot be read", NULL);
    else
        sort_out(scan, path, &peek, file.size);
    ferry_cargo_file_close(&file);
}

// ---- one folder ----

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Names that can matter here; photos and the like on a card do not count against the limit.
static bool of_interest(const struct dirent *entry)
{
    static const char *const endings[] = {".bin", ".json", ".elf", ".hex", ".uf2"};
    if (entry->d_name[0] == '.')
        return false;
    if (entry->d_type != DT_REG)
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ferry_path_ends(entry->d_name, endings[i]))
            return true;
    return false;
}

static int read_names(const char *folder, struct names *out)
{
    DIR *dir = opendir(folder);
    memset(out, 0, sizeof *out);
    if (!dir)
        return FERRY_ERR_STORAGE_READ;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!of_interest(entry))
            continue;
        char *copy = out->count < FERRY_CARGO_FOLDER_NAMES ? strdup(entry->d_name) : NULL;
        if (copy)
            out->names[out->count++] = copy;
        else
            out->more++;
    }
    closedir(dir);
    qsort(out->names, out->count, sizeof out->names[0], by_name);
    return FERRY_OK;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
}

static bool has(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcasecmp(names->names[i], name) == 0)
            return true;
    return false;
}

static bool has_part(const struct names *names, const char *app, const char *part)
{
    char name[FERRY_CARGO_PATH];
    return ferry_cargo_sibling(name, sizeof name, app, part) && has(names, name);
}

// Bootloader and partition table of the same build lie beside the app.
static bool whole_export(const struct names *names, const char *app)
{
    return has_part(names, app, "bootloader") &&
           (has_part(names, app, "partitions") || has_part(names, app, "partition-table"));
}

// The name of a part that goes with whatever app lies beside it.
static bool is_part_name(const char *name)
{
    static const char *const parts[] = {"bootloader.bin", "partitions.bin", "partition-table.bin", "boot_app0.bin",
                                        "ota_data_initial.bin"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcasecmp(name, parts[i]) == 0)
            return true;
    return false;
}

// The file is a part, or another form, of an export whose app is named too: "X.ino.merged.bin" and "X.ino.bin",
// "firmware.factory.bin" and "firmware.bin".
static bool part_of_export(const struct names *names, const char *name)
{
    static const char *const parts[] = {".bootloader.bin", ".partitions.bin", ".merged.bin", ".factory.bin"};
    char app[FERRY_CARGO_PATH];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (ferry_path_ends(name, parts[i])) {
            snprintf(app, sizeof app, "%.*s.bin", (int)(strlen(name) - strlen(parts[i])), name);
            return has(names, app) && whole_export(names, app);
        }
    return false;
}

// A manifest of this folder names the file.
static bool claimed(const cJSON *item, const char *name)
{
    for (const cJSON *child = item ? item->child : NULL; child; child = child->next) {
        if (cJSON_IsString(child) && strcmp(ferry_path_base(child->valuestring), name) == 0)
            return true;
        if (claimed(child, name))
            return true;
    }
    return false;
}

struct folder {
    struct scan *scan;
    const char *path;
    struct names names;
    bool build;          // it has a flasher_args.json: taken as a whole
    bool described;      // it has a description of any kind
    bool exports;        // it has an Arduino export or PlatformIO build
    cJSON *manifests[8]; // whose files are not cargo of their own
    size_t manifest_count;
};

static bool under(const struct folder *folder, const char *name, char *out)
{
    if (ferry_path_under(out, FERRY_CARGO_PATH, folder->path, name))
        return true;
    refuse_file(folder->scan, name, FERRY_ERR_STORAGE_PATH, "has a path that is too long", NULL);
    return false;
}

static void keep(struct folder *folder, cJSON *json)
{
    folder->described = true;
    if (folder->manifest_count < sizeof folder->manifests / sizeof folder->manifests[0])
        folder->manifests[folder->manifest_count++] = json;
    else
        cJSON_Delete(json);
}

// Any JSON file may be a manifest; those that are something else are passed over, unless the name promises one.
static void try_json(struct folder *folder, const char *name)
{
    char path[FERRY_CARGO_PATH];
    struct ferry_fault fault;
    cJSON *json;
    if (!under(folder, name, path))
        return;
    if (ferry_path_check(folder->scan->root, path, &fault) < 0 ||
        ferry_json_load(path, ferry_path_shown(folder->scan->root, path), &json, &fault) < 0) {
        if (strcasecmp(name, "manifest.json") == 0)
            refuse(folder->scan, &fault);
        return;
    }
    bool own = strcasecmp(name, "ferry.json") == 0;
    if (!own && ferry_cargo_parts_is_web(json))
        add_parts(folder->scan, FERRY_CARGO_WEB_MANIFEST, path);
    else if (own && cJSON_GetObjectItemCaseSensitive(json, "files"))
        add_parts(folder->scan, FERRY_CARGO_ADDRESSED, path);
    else {
        cJSON_Delete(json);
        return;
    }
    keep(folder, json);
}

static void descriptions(struct folder *folder)
{
    char path[FERRY_CARGO_PATH];
    struct stat st;
    if (under(folder, "flasher_args.json", path) && lstat(path, &st) == 0) {
        add_parts(folder->scan, FERRY_CARGO_IDF_BUILD, path);
        folder->build = folder->described = true;
    }
    for (size_t i = 0; i < folder->names.count; i++)
        if (ferry_path_ends(folder->names.names[i], ".json") &&
            strcasecmp(folder->names.names[i], "flasher_args.json") != 0)
            try_json(folder, folder->names.names[i]);
}

static bool named_in_manifest(const struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->manifest_count; i++)
        if (claimed(folder->manifests[i], name))
            return true;
    return false;
}

static bool says_app(const char *path)
{
    struct ferry_cargo_file file;
    struct ferry_cargo_peek peek;
    if (ferry_cargo_file_open(&file, path, "", NULL) < 0)
        return false;
    struct ferry_source source = ferry_cargo_file_source(&file);
    bool app =
        ferry_cargo_peek(&source, &peek) >= 0 && peek.content == FERRY_CARGO_APP_IMAGE && peek.image.has_app_desc;
    ferry_cargo_file_close(&file);
    return app;
}

// An app with all that it needs beside it. Arduino's and PlatformIO's names say so; of other names the content must.
static bool is_export(const struct folder *folder, const char *name)
{
    char path[FERRY_CARGO_PATH];
    uint32_t address;
    if (!ferry_path_ends(name, ".bin") || is_part_name(name) || ferry_cargo_name_address(name, &address) ||
        !whole_export(&folder->names, name) || !ferry_path_under(path, sizeof path, folder->path, name))
        return false;
    return ferry_path_ends(name, ".ino.bin") || strcasecmp(name, "firmware.bin") == 0 || says_app(path);
}

static void binary(struct folder *folder, const char *name, bool *addressed)
{
    char path[FERRY_CARGO_PATH];
    uint32_t address;
    if (named_in_manifest(folder, name) || part_of_export(&folder->names, name) || !under(folder, name, path) ||
        (folder->exports && is_part_name(name)))
        return;
    if (ferry_cargo_name_address(name, &address))
        *addressed = true;
    else if (is_export(folder, name))
        add_parts(folder->scan, FERRY_CARGO_ARDUINO, path);
    else
        add_file(folder->scan, path);
}

static void other_firmware(struct folder *folder, const char *name)
{
    char path[FERRY_CARGO_PATH];
    bool firmware = ferry_path_ends(name, ".elf") || ferry_path_ends(name, ".hex") || ferry_path_ends(name, ".uf2");
    if (firmware && under(folder, name, path))
        refuse_file(folder->scan, path, FERRY_ERR_IMAGE_FORMAT, "is not a form that can be flashed", NULL);
}

static void binaries(struct folder *folder)
{
    bool addressed = false;
    size_t before = folder->scan->list->count;
    for (size_t i = 0; i < folder->names.count && !folder->exports; i++)
        folder->exports = is_export(folder, folder->names.names[i]);
    for (size_t i = 0; i < folder->names.count; i++)
        if (ferry_path_ends(folder->names.names[i], ".bin"))
            binary(folder, folder->names.names[i], &addressed);
    if (addressed)
        add_parts(folder->scan, FERRY_CARGO_ADDRESSED, folder->path);
    for (size_t i = 0; !folder->described && before == folder->scan->list->count && i < folder->names.count; i++)
        other_firmware(folder, folder->names.names[i]);
}

static void scan_folder(struct scan *scan, const char *path, unsigned depth);

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Below a build folder lie the build's own files: only other descriptions are of interest there.
static bool worth_entering(const struct folder *folder, const char *path)
{
    char inner[FERRY_CARGO_PATH];
    struct stat st;
    if (!folder->described)
        return true;
    return (ferry_path_under(inner, sizeof inner, path, "flasher_args.json") && stat(inner, &st) == 0) ||
           (ferry_path_under(inner, sizeof inner, path, "manifest.json") && stat(inner, &st) == 0);
}

static void subfolders(struct folder *folder, unsigned depth)
{
    for (size_t i = 0; i < folder->names.count; i++) {
        char path[FERRY_CARGO_PATH];
        const char *name = folder->names.names[i];
        if (strcasecmp(name, "System Volume Information") == 0 ||
            !ferry_path_under(path, sizeof path, folder->path, name) || !is_folder(path))
            continue;
        if (worth_entering(folder, path))
            scan_folder(folder->scan, path, depth + 1);
    }
}

static void scan_folder(struct scan *scan, const char *path, unsigned depth)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return;
    folder->scan = scan;
    folder->path = path;
    if (scan->folders++ >= MAX_FOLDERS)
        scan->list->more++;
    else if (read_names(path, &folder->names) < 0)
        refuse_file(scan, path, FERRY_ERR_STORAGE_READ, "cannot be read", NULL);
    else {
        scan->list->more += folder->names.more;
        descriptions(folder);
        if (!folder->build)
            binaries(folder);
        if (depth < MAX_DEPTH)
            subfolders(folder, depth);
    }
    for (size_t i = 0; i < folder->manifest_count; i++)
        cJSON_Delete(folder->manifests[i]);
    free_names(&folder->names);
    free(folder);
}

// ---- entry ----

// A file that was named: a description, a file with its address, or an image.
static int scan_file(struct scan *scan, const char *path, struct ferry_fault *fault)
{
    uint32_t address;
    struct ferry_cargo cargo;
    if (!ferry_path_ends(path, ".json") && !ferry_cargo_name_address(ferry_path_base(path), &address)) {
        add_file(scan, path);
        return FERRY_OK;
    }
    if (!ferry_path_ends(path, ".json")) {
        begin(&cargo, scan, FERRY_CARGO_ADDRESSED, path);
        struct ferry_cargo_parts *parts = malloc(sizeof *parts);
        if (parts && ferry_cargo_parts(&cargo, FERRY_CHIP_ANY, parts, fault) >= 0)
            finish(scan, &cargo, parts);
        free(parts);
        return FERRY_OK;
    }
    cJSON *json;
    int status = ferry_json_load(path, ferry_path_base(path), &json, fault);
    if (status < 0)
        return status;
    if (cJSON_GetObjectItemCaseSensitive(json, "flash_files"))
        add_parts(scan, FERRY_CARGO_IDF_BUILD, path);
    else if (ferry_cargo_parts_is_web(json))
        add_parts(scan, FERRY_CARGO_WEB_MANIFEST, path);
    else if (cJSON_GetObjectItemCaseSensitive(json, "files"))
        add_parts(scan, FERRY_CARGO_ADDRESSED, path);
    else
        refuse_file(scan, path, FERRY_ERR_MANIFEST, "describes no firmware that is known here",
                    "known are flasher_args.json, the manifest.json of ESP Web Tools, and ferry.json");
    cJSON_Delete(json);
    return FERRY_OK;
}

static void clean_root(char *out, size_t cap, const char *path)
{
    snprintf(out, cap, "%s", path);
    for (size_t len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
        out[len - 1] = 0;
}

int ferry_cargo_scan(const char *path, struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    struct stat st;
    char root[FERRY_CARGO_PATH];
    struct scan scan = {.list = list, .root = root};
    memset(list, 0, sizeof *list);
    if (strlen(path) >= sizeof root)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, NULL, "the path is longer than %d bytes",
                               FERRY_CARGO_PATH - 1);
    int status = ferry_path_check("", path, fault);
    if (status < 0)
        return status;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        clean_root(root, sizeof root, path);
        DIR *dir = opendir(root);
        if (!dir)
            return ferry_fault_set(fault, FERRY_ERR_STORAGE_READ, path, "the folder %.150s cannot be read", path);
        closedir(dir);
        scan_folder(&scan, root, 0);
        return FERRY_OK;
    }
    ferry_path_folder(root, sizeof root, path);
    return scan_file(&scan, path, fault);
}
