// From a cargo to what the link route sends: one application (or any file), and its manifest.
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/cargo_work.h"
#include "updater/path.h"

#define NO_ITEM FERRY_CARGO_MAX_REGIONS

static int is_no_app(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, const char *why)
{
    ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, item, UINT32_MAX, "%.80s %s", item->shown, why);
    ferry_fault_hint(work->fault,
                     "a running target takes its application alone (build/PROJECT.bin); the rest goes by the "
                     "serial loader: ferry flash --route rom");
    return FERRY_ERR_NO_PLACE;
}

// ---- which of the files ----

static bool may_be_app(const struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item)
{
    if (item->role == FERRY_CARGO_ROLE_APP)
        return true;
    bool boot = item->role == FERRY_CARGO_ROLE_BOOTLOADER ||
                (work->chip && item->placed && item->address == work->chip->bootloader_offset);
    return item->content == FERRY_CARGO_APP_IMAGE && !boot;
}

static int none_of_them(struct ferry_cargo_work *work)
{
    const struct ferry_cargo_work_item *item = &work->items[0];
    if (work->count != 1)
        return is_no_app(work, item, "and the files with it hold no application");
    if (item->content == FERRY_CARGO_MERGED_IMAGE)
        return is_no_app(work, item, "is a merged image (bootloader, partition table and more), not an application");
    if (item->content == FERRY_CARGO_BOOTLOADER)
        return is_no_app(work, item, "is a bootloader, not an application");
    if (item->content == FERRY_CARGO_TABLE)
        return is_no_app(work, item, "is a partition table, not an application");
    return ferry_cargo_fail(work, FERRY_ERR_IMAGE_FORMAT, item, 0, "%s is not an ESP firmware image", item->shown);
}

static int find_app(struct ferry_cargo_work *work, uint8_t *index)
{
    uint8_t named = NO_ITEM, found = NO_ITEM;
    unsigned count = 0;
    for (uint8_t i = 0; i < work->count; i++) {
        if (!may_be_app(work, &work->items[i]))
            continue;
        found = i;
        count++;
        if (work->items[i].role == FERRY_CARGO_ROLE_APP)
            named = i;
    }
    *index = named != NO_ITEM ? named : found;
    if (count == 0)
        return none_of_them(work);
    if (count > 1 && named == NO_ITEM)
        return is_no_app(work, &work->items[0], "and the files with it hold several applications");
    return FERRY_OK;
}

static int open_files(struct ferry_cargo_work *work)
{
    uint16_t chip = work->chip ? work->chip->id : (uint16_t)FERRY_CHIP_ANY;
    int status = FERRY_OK;
    if (work->cargo->kind == FERRY_CARGO_DATA) {
        work->parts.count = 1;
        snprintf(work->parts.items[0].path, sizeof work->parts.items[0].path, "%s", work->cargo->path);
    } else {
        status = ferry_cargo_parts(work->cargo, chip, &work->parts, work->fault);
    }
    for (size_t i = 0; status >= 0 && i < work->parts.count; i++)
        status = ferry_cargo_open_part(work, &work->parts.items[i]);
    return status;
}

// ---- the application ----

// All bytes behind the image are filler.
static int check_rest(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item)
{
    uint8_t buf[1024];
    for (uint32_t at = work->image.size; at < item->source.size; at += sizeof buf) {
        uint32_t n = item->source.size - at;
        n = n < sizeof buf ? n : (uint32_t)sizeof buf;
        if (item->source.read(item->source.ctx, at, buf, n) < 0)
            return ferry_cargo_fail(work, FERRY_ERR_STORAGE_READ, item, UINT32_MAX, "%s: reading failed", item->shown);
        for (uint32_t i = 0; i < n; i++)
            if (buf[i] != 0xff && buf[i] != 0)
                return is_no_app(work, item, "holds more behind its image: it is a merged image, or signed");
    }
    return FERRY_OK;
}

static int check_app(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    item->address = 0; // slots begin at a page, as the image does
    int status = ferry_cargo_check_image(work, item, 0);
    if (status < 0)
        return status;
    if (work->image.format == FERRY_IMAGE_ESP8266)
        return is_no_app(work, item, "is firmware for an ESP8266, which has no OTA slots of this kind");
    if (work->image.has_boot_desc)
        return is_no_app(work, item, "is a bootloader, not an application");
    if (!work->image.has_app_desc)
        status = ferry_cargo_refuse(work, FERRY_ERR_IMAGE_FORMAT, item, UINT32_MAX,
                                    "%s has no application description: it is no application of ESP-IDF's kind",
                                    item->shown);
    return status < 0 ? status : check_rest(work, item);
}

static void take_app(struct ferry_cargo_work *work)
{
    struct ferry_plan *plan = work->plan;
    struct ferry_manifest *m = &plan->manifest;
    const struct ferry_image *image = &work->image;
    m->chip = image->chip_id;
    if (!image->has_app_desc)
        return;
    ferry_path_text(plan->project, sizeof plan->project, image->app.project);
    ferry_path_text(plan->version, sizeof plan->version, image->app.version);
    ferry_path_text(plan->idf, sizeof plan->idf, image->app.idf);
    ferry_path_text(m->project, sizeof m->project, plan->project);
    ferry_path_text(m->version, sizeof m->version, plan->version);
}

// ---- a file or a partition ----

static int take_name(struct ferry_cargo_work *work)
{
    const char *name = work->options->name ? work->options->name : "";
    struct ferry_manifest *m = &work->plan->manifest;
    char clean[sizeof m->name];
    if (!*name || strlen(name) >= sizeof m->name)
        return ferry_fault_set(work->fault, FERRY_ERR_ARG, name, "a name on the target has 1 to %zu bytes",
                               sizeof m->name - 1);
    ferry_path_text(clean, sizeof clean, name);
    if (strcmp(clean, name) != 0)
        return ferry_fault_set(work->fault, FERRY_ERR_ARG, name, "a name on the target has no control characters");
    snprintf(m->name, sizeof m->name, "%s", name);
    return FERRY_OK;
}

// ---- the plan ----

static int take_item(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    struct ferry_plan *plan = work->plan;
    struct ferry_manifest *m = &plan->manifest;
    plan->count = 1;
    plan->sources[0] = item->source;
    if (m->kind == FERRY_MANIFEST_FIRMWARE)
        plan->sources[0].size = work->image.size;
    m->size = plan->regions[0].size = plan->sources[0].size;
    ferry_path_text(plan->names[0], sizeof plan->names[0], m->name[0] ? m->name : "app");
    int status = ferry_cargo_hash(work, false);
    memcpy(m->sha256, plan->sha256, sizeof m->sha256);
    if (status < 0 || m->kind != FERRY_MANIFEST_FIRMWARE)
        return status;
    m->head_len = FERRY_MANIFEST_HEAD;
    status = item->source.read(item->source.ctx, 0, m->head, FERRY_MANIFEST_HEAD);
    return status < 0 ? ferry_cargo_fail(work, status, item, UINT32_MAX, "%s: reading failed", item->shown) : FERRY_OK;
}

static int run(struct ferry_cargo_work *work)
{
    const struct ferry_cargo_options *o = work->options;
    struct ferry_manifest *m = &work->plan->manifest;
    uint8_t index = 0;
    m->kind = o->kind ? o->kind : FERRY_MANIFEST_FIRMWARE;
    m->chip = FERRY_MANIFEST_CHIP_ANY;
    m->options = (o->force ? FERRY_MANIFEST_FORCE : 0u) | (o->no_trial ? FERRY_MANIFEST_NO_TRIAL : 0u);
    bool firmware = m->kind == FERRY_MANIFEST_FIRMWARE;
    int status = firmware ? FERRY_OK : take_name(work);
    if (status >= 0)
        status = open_files(work);
    if (status >= 0 && firmware)
        status = find_app(work, &index);
    if (status >= 0 && firmware)
        status = check_app(work, &work->items[index]);
    if (status < 0)
        return status;
    if (firmware)
        take_app(work);
    return take_item(work, &work->items[index]);
}

int ferry_cargo_plan_link(const struct ferry_cargo *cargo, const struct ferry_target *target,
                          const struct ferry_cargo_options *options, struct ferry_plan *plan, struct ferry_fault *fault)
{
    memset(plan, 0, sizeof *plan);
    if (!options->digest)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "a plan needs a digest");
    return ferry_cargo_make(cargo, target, options, plan, fault, run);
}
