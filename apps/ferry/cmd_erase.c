#include <cJSON.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

static const struct cli_help help = {
    .usage = "ADDRESS SIZE | --all   [OPTIONS]",
    .about = "Erases part of a target's flash (whole sectors of 4 KB), or all of it.\n"
             "--all asks first; --yes answers for you, and is needed where nobody can be asked.",
    .examples = "  ferry erase 0x9000 0x6000        the settings (nvs) of a usual ESP-IDF layout\n"
                "  ferry erase --all --yes          everything\n"
                "  ferry erase --all --dry-run      say what would happen\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_ERASE,
};

static int parse(const struct cli_options *o, struct ferry_region *region)
{
    *region = (struct ferry_region){0};
    if (o->all && o->arg_count == 0)
        return -1;
    if (o->all || o->arg_count != 2)
        return cli_usage_error("erase", "ferry erase ADDRESS SIZE, or ferry erase --all",
                               o->all ? "either a region or --all" : "'erase' wants an address and a size");
    if (!ferry_posix_number_parse(o->args[0], &region->address) || !ferry_posix_number_parse(o->args[1], &region->size))
        return cli_usage_error("erase", "numbers look like 0x9000, 24k, 4MB", "'%s %s' is no address and size",
                               o->args[0], o->args[1]);
    if (region->address % FERRY_SECTOR_SIZE == 0 && region->size % FERRY_SECTOR_SIZE == 0 && region->size)
        return -1;
    uint32_t start = region->address / FERRY_SECTOR_SIZE * FERRY_SECTOR_SIZE;
    uint64_t end =
        ((uint64_t)region->address + region->size + FERRY_SECTOR_SIZE - 1) / FERRY_SECTOR_SIZE * FERRY_SECTOR_SIZE;
    char hint[96];
    snprintf(hint, sizeof hint, "the whole sectors around it: ferry erase 0x%x 0x%llx", (unsigned)start,
             (unsigned long long)(end - start ? end - start : FERRY_SECTOR_SIZE));
    return cli_usage_error("erase", hint, "flash is erased in whole sectors of 0x1000 bytes");
}

// -1: go on.
static int confirm(const struct cli_options *o)
{
    char line[16] = "";
    if (!o->all || o->yes || o->dry_run)
        return -1;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || o->json)
        return cli_usage_error("erase", "add --yes", "--all erases everything: it wants to be confirmed");
    fputs("This erases the whole flash: firmware, settings, files. Go on? [y/N] ", stderr);
    if (!fgets(line, sizeof line, stdin) || (line[0] != 'y' && line[0] != 'Y')) {
        fputs("Nothing was erased.\n", stderr);
        return 2;
    }
    return -1;
}

// The region lies in the flash.
static int check(struct cli_session *s, const struct ferry_region *region)
{
    uint32_t size = ferry_flasher_target(&s->flasher)->flash_size;
    if (!size || (region->address <= size && region->size <= size - region->address))
        return FERRY_OK;
    return ferry_fault_set(&s->fault, FERRY_ERR_TOO_LARGE_FLASH, s->port_name,
                           "0x%x..0x%llx is beyond the end of the flash (0x%x)", (unsigned)region->address,
                           (unsigned long long)region->address + region->size, (unsigned)size);
}

static int work(struct cli_session *s, void *ctx)
{
    const struct ferry_region *region = ctx;
    const struct cli_options *o = s->options;
    int status = check(s, region);
    if (status < 0)
        return status;
    if (o->dry_run) {
        cli_display_line(&s->display, "Dry run: nothing was erased.");
        return FERRY_OK;
    }
    struct ferry_rom_job job = {.op = o->all ? FERRY_ROM_ERASE_CHIP : FERRY_ROM_ERASE_REGION,
                                .regions = region,
                                .region_count = o->all ? 0 : 1};
    cli_display_line(&s->display, "Erasing ...");
    status = cli_session_run(s, &job, "erasing", 0);
    if (status < 0)
        return status;
    cJSON *object = cli_display_object();
    cJSON_AddBoolToObject(object, "all", o->all);
    cJSON_AddNumberToObject(object, "address", region->address);
    cJSON_AddNumberToObject(object, "size", region->size);
    cli_display_json(&s->display, "erased", object);
    if (o->all)
        cli_display_good(&s->display, "The whole flash is erased.");
    else
        cli_display_good(&s->display, "Erased 0x%x bytes at 0x%x.", (unsigned)region->size, (unsigned)region->address);
    return FERRY_OK;
}

int cmd_erase(int argc, char **argv)
{
    static struct cli_options options;
    static struct cli_session session;
    struct ferry_region region;
    int code = cli_parse(&options, argc, argv, &help);
    if (code < 0)
        code = parse(&options, &region);
    if (code < 0)
        code = confirm(&options);
    if (code >= 0)
        return code;
    return cli_session_do(&session, &options, false, work, &region);
}
