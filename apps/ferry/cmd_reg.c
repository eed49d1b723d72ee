#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

static const struct cli_help help = {
    .usage = "read ADDRESS [COUNT] | write ADDRESS VALUE [MASK]   [OPTIONS]",
    .about = "Reads or writes 32-bit registers (or RAM words) of a target in its loader.",
    .examples = "  ferry reg read 0x3ff00050            one register\n"
                "  ferry reg read 0x3f400000 8          eight words from there on\n"
                "  ferry reg write 0x3ff44004 0x10 0x10 sets bit 4, leaves the others\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT,
};

struct request {
    bool write;
    uint32_t address, count, value, mask;
};

static bool number(const struct cli_options *o, size_t at, uint32_t *out)
{
    return at >= o->arg_count || ferry_posix_number_parse(o->args[at], out);
}

static int parse(const struct cli_options *o, struct request *out)
{
    *out = (struct request){.count = 1, .mask = UINT32_MAX};
    bool read = o->arg_count >= 2 && o->arg_count <= 3 && strcmp(o->args[0], "read") == 0;
    out->write = o->arg_count >= 3 && o->arg_count <= 4 && strcmp(o->args[0], "write") == 0;
    if (!read && !out->write)
        return cli_usage_error("reg", "ferry reg read ADDRESS, ferry reg write ADDRESS VALUE",
                               "'reg' wants read or write, and an address");
    bool good = number(o, 1, &out->address) &&
                (read ? number(o, 2, &out->count) : number(o, 2, &out->value) && number(o, 3, &out->mask));
    if (!good)
        return cli_usage_error("reg", "numbers look like 0x3ff00050 or 1234", "an argument is not a number");
    if (out->address % 4 != 0)
        return cli_usage_error("reg", "register addresses are multiples of 4", "0x%08x is not on a word",
                               (unsigned)out->address);
    if (out->count == 0 || out->count > 4096)
        return cli_usage_error("reg", "1 to 4096 words", "that many words cannot be read at once");
    return -1;
}

static int read_one(struct cli_session *s, uint32_t address)
{
    int status = cli_session_run(s, &(struct ferry_rom_job){.op = FERRY_ROM_READ_REG, .address = address}, 0, 0);
    if (status < 0)
        return status;
    uint32_t value = ferry_flasher_value(&s->flasher);
    char text[16];
    cJSON *object = cli_display_object();
    snprintf(text, sizeof text, "0x%08x", (unsigned)address);
    cJSON_AddStringToObject(object, "address", text);
    snprintf(text, sizeof text, "0x%08x", (unsigned)value);
    cJSON_AddStringToObject(object, "value", text);
    cli_display_json(&s->display, "register", object);
    if (!s->options->json)
        printf("0x%08x = 0x%08x\n", (unsigned)address, (unsigned)value);
    return FERRY_OK;
}

static int work(struct cli_session *s, void *ctx)
{
    const struct request *r = ctx;
    int status = FERRY_OK;
    for (uint32_t i = 0; i < r->count && !r->write && status == FERRY_OK; i++)
        status = read_one(s, r->address + 4 * i);
    if (!r->write)
        return status;
    struct ferry_rom_job job = {.op = FERRY_ROM_WRITE_REG, .address = r->address, .value = r->value, .mask = r->mask};
    status = cli_session_run(s, &job, 0, 0);
    if (status == FERRY_OK)
        cli_display_good(&s->display, "Written: 0x%08x to 0x%08x, mask 0x%08x", (unsigned)r->value,
                         (unsigned)r->address, (unsigned)r->mask);
    return status;
}

int cmd_reg(int argc, char **argv)
{
    static struct cli_options options;
    static struct cli_session session;
    struct request request;
    int code = cli_parse(&options, argc, argv, &help);
    if (code < 0)
        code = parse(&options, &request);
    if (code >= 0)
        return code;
    return cli_session_do(&session, &options, true, work, &request);
}
