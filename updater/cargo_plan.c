// From a cargo and a target to regions ready for the flasher.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "updater/cargo_work.h"
#include "updater/path.h"

#define WARNINGS (sizeof((struct ferry_plan *)0)->warnings / sizeof((struct ferry_plan *)0)->warnings[0])

// ---- how things are told ----

static void add_warning(struct ferry_plan *plan, const char *text)
{
    if (plan->warning_count < WARNINGS)
        ferry_path_text(plan->warnings[plan->warning_count++], sizeof plan->warnings[0], text);
    else
        snprintf(plan->warnings[WARNINGS - 1], sizeof plan->warnings[0], "and more; the last: %.130s", text);
}

void ferry_cargo_warn(struct ferry_cargo_work *work, const char *format, ...)
{
    char text[sizeof work->plan->warnings[0]];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_warning(work->plan, text);
}

static int fail_with(struct ferry_cargo_work *work, int status, const struct ferry_cargo_work_item *item,
                     uint32_t offset, const char *text)
{
    char where[200] = "";
    if (item && offset != UINT32_MAX)
        snprintf(where, sizeof where, "%.170s, offset 0x%x", item->shown, (unsigned)offset);
    else if (item)
        snprintf(where, sizeof where, "%.190s", item->shown);
    return ferry_fault_set(work->fault, status, where, "%s", text);
}

int ferry_cargo_fail(struct ferry_cargo_work *work, int status, const struct ferry_cargo_work_item *item,
                     uint32_t offset, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail_with(work, status, item, offset, text);
}

int ferry_cargo_refuse(struct ferry_cargo_work *work, int status, const struct ferry_cargo_work_item *item,
                       uint32_t offset, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!work->options->force)
        return fail_with(work, status, item, offset, text);
    add_warning(work->plan, text);
    return FERRY_OK;
}

// ---- steps ----

int ferry_cargo_open_part(struct ferry_cargo_work *work, const struct ferry_cargo_part *part)
{
    struct ferry_cargo_work_item *item = &work->items[work->count++];
    struct ferry_cargo_peek peek;
    item->file.fd = -1;
    item->role = part->role;
    item->placed = part->placed;
    item->address = part->address;
    ferry_path_text(item->shown, sizeof item->shown, ferry_path_shown(work->cargo->root, part->path));
    int status = part->source ? FERRY_OK : ferry_path_check(work->cargo->root, part->path, work->fault);
    if (status >= 0 && !part->source)
        status = ferry_cargo_file_open(&item->file, part->path, item->shown, work->fault);
    if (status < 0)
        return status;
    item->source = part->source ? *part->source : ferry_cargo_file_source(&item->file);
    if (item->source.size == 0)
        return ferry_cargo_fail(work, FERRY_ERR_IMAGE_TRUNCATED, item, UINT32_MAX, "%s is empty", item->shown);
    status = ferry_cargo_peek(&item->source, &peek);
    if (status < 0)
        return ferry_cargo_fail(work, status, item, UINT32_MAX, "%s: reading failed", item->shown);
    item->content = peek.content;
    item->base = peek.base;
    item->boot_offset = peek.boot_offset;
    item->table_address = peek.table_address;
    item->chip_id = peek.chip_id;
    return FERRY_OK;
}

static int collect(struct ferry_cargo_work *work)
{
    char buf[24];
    int status = ferry_cargo_parts(work->cargo, work->chip->id, &work->parts, work->fault);
    if (status < 0)
        return status;
    if (work->parts.chip_id != FERRY_CHIP_ANY && work->parts.chip_id != work->chip->id) {
        ferry_path_text(work->items[0].shown, sizeof work->items[0].shown,
                        ferry_path_shown(work->cargo->root, work->cargo->path));
        status = ferry_cargo_refuse(work, FERRY_ERR_IMAGE_CHIP, &work->items[0], UINT32_MAX,
                                    "the build in %.100s is for %s, connected is %s", work->items[0].shown,
                                    ferry_cargo_chip_label(work->parts.chip_id, buf), work->chip->label);
    }
    for (size_t i = 0; status >= 0 && i < work->parts.count; i++)
        status = ferry_cargo_open_part(work, &work->parts.items[i]);
    return status;
}

static int find_flash_size(struct ferry_cargo_work *work)
{
    work->flash_size = work->options->flash_size ? work->options->flash_size : work->target->flash_size;
    if (!work->flash_size)
        ferry_cargo_warn(work, "the flash size of the target is unknown: whether everything fits is not checked");
    return FERRY_OK;
}

// Bytes behind the region that nobody minds losing: the rest of its partition, up to the next region.
static uint32_t spare_of(const struct ferry_cargo_work *work, const struct ferry_region *region, uint32_t next)
{
    uint32_t end = region->address + region->size;
    if (!work->has_table)
        return 0;
    const struct ferry_partition *row = ferry_partition_table_at(&work->table, end - 1);
    uint32_t limit = row ? row->address + row->size : end <= work->table_address ? work->table_address : end;
    if (limit > next)
        limit = next;
    return limit > end ? limit - end : 0;
}

static void name_of(const struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, char *out)
{
    const struct ferry_partition *row = work->has_table ? ferry_partition_table_at(&work->table, item->address) : NULL;
    uint32_t offset;
    bool app = row && row->type == FERRY_PARTITION_TABLE_APP;
    if (item->content == FERRY_CARGO_MERGED_IMAGE)
        snprintf(out, FERRY_CARGO_NAME, "merged image");
    else if (item->role == FERRY_CARGO_ROLE_TABLE)
        snprintf(out, FERRY_CARGO_NAME, "partition table");
    else if (work->chip->id != FERRY_CHIP_ESP8266 && ferry_cargo_holds_bootloader(work, item, &offset))
        snprintf(out, FERRY_CARGO_NAME, "bootloader");
    else if (row)
        snprintf(out, FERRY_CARGO_NAME, "%s (%s)", app ? "app" : "data", row->label);
    else
        ferry_path_text(out, FERRY_CARGO_NAME, ferry_path_base(item->shown));
}

static int by_address(const void *a, const void *b)
{
    const struct ferry_cargo_work_item *x = *(struct ferry_cargo_work_item *const *)a;
    const struct ferry_cargo_work_item *y = *(struct ferry_cargo_work_item *const *)b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static void fill_regions(struct ferry_cargo_work *work)
{
    struct ferry_cargo_work_item *order[FERRY_CARGO_MAX_REGIONS];
    struct ferry_plan *plan = work->plan;
    for (size_t i = 0; i < work->count; i++)
        order[i] = &work->items[i];
    qsort(order, work->count, sizeof order[0], by_address);
    plan->count = work->count;
    for (size_t i = 0; i < work->count; i++) {
        uint32_t next = i + 1u < work->count ? order[i + 1]->address : UINT32_MAX;
        plan->sources[i] = order[i]->source;
        plan->regions[i].address = order[i]->address;
        plan->regions[i].size = order[i]->source.size;
        plan->regions[i].spare = spare_of(work, &plan->regions[i], next);
        name_of(work, order[i], plan->names[i]);
    }
}

static int run(struct ferry_cargo_work *work)
{
    static int (*const steps[])(struct ferry_cargo_work *) = {find_flash_size,
                                                              ferry_cargo_check_encryption,
                                                              collect,
                                                              ferry_cargo_place,
                                                              ferry_cargo_check_target,
                                                              ferry_cargo_check_content,
                                                              ferry_cargo_check_layout,
                                                              ferry_cargo_patch};
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](work);
    if (status < 0)
        return status;
    fill_regions(work);
    return ferry_cargo_hash(work, true);
}

int ferry_cargo_plan(const struct ferry_cargo *cargo, const struct ferry_target *target,
                     const struct ferry_cargo_options *options, struct ferry_plan *plan, struct ferry_fault *fault)
{
    memset(plan, 0, sizeof *plan);
    if (!options->digest || !target->chip)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "a plan needs a digest and a chip");
    return ferry_cargo_make(cargo, target, options, plan, fault, run);
}

int ferry_cargo_make(const struct ferry_cargo *cargo, const struct ferry_target *target,
                     const struct ferry_cargo_options *options, struct ferry_plan *plan, struct ferry_fault *fault,
                     int (*steps)(struct ferry_cargo_work *work))
{
    struct ferry_cargo_work *work = calloc(1, sizeof *work);
    if (!work)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory to plan the job");
    plan->cargo = *cargo;
    plan->chip = target->chip;
    plan->files = work;
    work->cargo = &plan->cargo;
    work->target = target;
    work->chip = target->chip;
    work->options = options;
    work->plan = plan;
    work->fault = fault;
    int status = steps(work);
    if (status < 0) {
        ferry_plan_close(plan);
        return status;
    }
    if (!*plan->project)
        snprintf(plan->project, sizeof plan->project, "%s", cargo->name);
    if (!*plan->version)
        snprintf(plan->version, sizeof plan->version, "%s", cargo->version);
    return FERRY_OK;
}

void ferry_plan_close(struct ferry_plan *plan)
{
    struct ferry_cargo_work *work = plan->files;
    for (size_t i = 0; work && i < work->count; i++)
        ferry_cargo_file_close(&work->items[i].file);
    free(work);
    free(plan->prints);
    plan->files = NULL;
    plan->prints = NULL;
    plan->count = 0;
}

// ---- cargoes that nobody has to look for ----

int ferry_cargo_from_pairs(const struct ferry_cargo_pair *pairs, size_t count, struct ferry_cargo *out,
                           struct ferry_fault *fault)
{
    memset(out, 0, sizeof *out);
    if (count == 0 || count > FERRY_CARGO_MAX_REGIONS)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "%u pairs of address and file; 1 to %d are possible",
                               (unsigned)count, FERRY_CARGO_MAX_REGIONS);
    out->kind = FERRY_CARGO_ADDRESSED;
    out->pairs = pairs;
    out->pair_count = count;
    snprintf(out->path, sizeof out->path, "%s", pairs[0].path);
    ferry_path_text(out->name, sizeof out->name, ferry_path_base(pairs[0].path));
    return FERRY_OK;
}

int ferry_cargo_from_file(const char *path, struct ferry_cargo *out, struct ferry_fault *fault)
{
    memset(out, 0, sizeof *out);
    out->kind = FERRY_CARGO_DATA;
    if (strlen(path) >= sizeof out->path)
        return ferry_fault_set(fault, FERRY_ERR_ARG, path, "the path is too long");
    snprintf(out->path, sizeof out->path, "%s", path);
    ferry_path_text(out->name, sizeof out->name, ferry_path_base(path));
    return FERRY_OK;
}
