#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

static const struct cli_help help = {
    .usage = "ADDRESS SIZE|all FILE   [OPTIONS]",
    .about = "Reads a target's flash into a file. The ROM loader reads slowly: a megabyte takes minutes.\n"
             "What was read is compared with the target's own MD5. FILE appears only when it is whole.",
    .examples = "  ferry read 0 all backup.bin            the whole flash\n"
                "  ferry read 0x8000 0xc00 table.bin      the partition table; then: ferry inspect table.bin\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH,
};

struct request {
    struct ferry_region region;
    bool to_end;
    const char *path;
    char part[1024];
    FILE *file;
    uint32_t got;
    int status;
};

static int parse(const struct cli_options *o, struct request *out)
{
    memset(out, 0, sizeof *out);
    if (o->arg_count != 3)
        return cli_usage_error("read", "ferry read ADDRESS SIZE FILE", "'read' wants an address, a size and a file");
    out->to_end = strcmp(o->args[1], "all") == 0 || strcmp(o->args[1], "ALL") == 0;
    bool good = ferry_posix_number_parse(o->args[0], &out->region.address) &&
                (out->to_end || (ferry_posix_number_parse(o->args[1], &out->region.size) && out->region.size > 0));
    if (!good)
        return cli_usage_error("read", "numbers look like 0x8000, 4096, 64k; the size may be 'all'",
                               "'%s %s' is no address and size", o->args[0], o->args[1]);
    out->path = o->args[2];
    if (snprintf(out->part, sizeof out->part, "%s.part", out->path) >= (int)sizeof out->part)
        return cli_usage_error("read", 0, "the name of the file is too long");
    return -1;
}

static int open_file(struct cli_session *s, struct request *r)
{
    r->file = fopen(r->part, "wb");
    if (r->file)
        return FERRY_OK;
    return ferry_fault_set(&s->fault, FERRY_ERR_STORAGE_WRITE, r->part, "cannot write: %s", strerror(errno));
}

static int on_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct request *r = ctx;
    bool good = fseek(r->file, (long)offset, SEEK_SET) == 0 && fwrite(bytes, 1, len, r->file) == len;
    if (!good)
        r->status = FERRY_ERR_STORAGE_WRITE;
    r->got += (uint32_t)len;
    return good ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

static int finish_file(struct cli_session *s, struct request *r, int status)
{
    bool whole = status == FERRY_OK && r->status == FERRY_OK;
    bool closed = fclose(r->file) == 0;
    if (whole && closed && rename(r->part, r->path) == 0)
        return FERRY_OK;
    int cause = errno;
    remove(r->part);
    if (status < 0 && r->status == FERRY_OK)
        return status;
    return ferry_fault_set(&s->fault, FERRY_ERR_STORAGE_WRITE, r->path, "cannot write: %s", strerror(cause));
}

static int place(struct cli_session *s, struct request *r)
{
    uint32_t size = ferry_flasher_target(&s->flasher)->flash_size;
    if (r->to_end && !size)
        return ferry_fault_set(&s->fault, FERRY_ERR_FLASH_SIZE, s->port_name, "the flash does not say its size");
    if (size && (r->region.address >= size || (!r->to_end && r->region.size > size - r->region.address)))
        return ferry_fault_set(&s->fault, FERRY_ERR_TOO_LARGE_FLASH, s->port_name,
                               "0x%x..0x%llx is beyond the end of the flash (0x%x)", (unsigned)r->region.address,
                               (unsigned long long)r->region.address + r->region.size, (unsigned)size);
    if (r->to_end)
        r->region.size = size - r->region.address;
    return FERRY_OK;
}

static int work(struct cli_session *s, void *ctx)
{
    struct request *r = ctx;
    int status = place(s, r);
    if (status == FERRY_OK)
        status = open_file(s, r);
    if (status < 0)
        return status;
    s->pump.output = on_output;
    s->pump.output_ctx = r;
    struct ferry_rom_job job = {.op = FERRY_ROM_READ, .regions = &r->region, .region_count = 1};
    status = finish_file(s, r, cli_session_run(s, &job, "reading", 0));
    if (status < 0)
        return status;
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "file", r->path);
    cJSON_AddNumberToObject(object, "address", r->region.address);
    cJSON_AddNumberToObject(object, "size", r->region.size);
    cli_display_json(&s->display, "read", object);
    cli_display_good(&s->display, "Read 0x%x bytes from 0x%x into %s.", (unsigned)r->region.size,
                     (unsigned)r->region.address, r->path);
    return FERRY_OK;
}

int cmd_read(int argc, char **argv)
{
    static struct cli_options options;
    static struct cli_session session;
    static struct request request;
    int code = cli_parse(&options, argc, argv, &help);
    if (code < 0)
        code = parse(&options, &request);
    if (code >= 0)
        return code;
    return cli_session_do(&session, &options, false, work, &request);
}
