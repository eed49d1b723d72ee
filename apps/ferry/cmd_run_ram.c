#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"
#include "ferry/codec/image.h"
#include "ports/posix/file.h"

static const struct cli_help help = {
    .usage = "FILE   [OPTIONS]",
    .about = "Loads a program into the target's RAM and starts it; the flash is not touched.\n"
             "FILE is an ESP image whose segments all lie in RAM (as esptool's load-ram takes it).",
    .examples = "  ferry run-ram hello_ram.bin\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT,
};

// A segment of the image, as a source of its own.
struct part {
    const struct ferry_source *file;
    uint32_t offset;
};

struct program {
    struct ferry_posix_file posix_file;
    struct ferry_source file;
    struct ferry_image image;
    struct ferry_region regions[FERRY_IMAGE_MAX_SEGMENTS];
    struct part parts[FERRY_IMAGE_MAX_SEGMENTS];
    struct ferry_source sources[FERRY_IMAGE_MAX_SEGMENTS];
    uint8_t count;
};

static int read_part(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct part *part = ctx;
    return part->file->read(part->file->ctx, part->offset + offset, buf, len);
}

static int parse_image(struct cli_session *s, struct program *p, const char *path)
{
    uint8_t bytes[4096], sha256[FERRY_SHA256_SIZE];
    ferry_image_init(&p->image, FERRY_IMAGE_AUTO);
    s->digest.begin(s->digest.ctx, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; at < p->file.size && !ferry_image_ended(&p->image);) {
        uint32_t len = p->file.size - at < sizeof bytes ? p->file.size - at : (uint32_t)sizeof bytes;
        int status = p->file.read(p->file.ctx, at, bytes, len);
        if (status < 0)
            return ferry_fault_set(&s->fault, status, path, "%s", ferry_status_text(status));
        bool hashed = ferry_image_in_hash(&p->image);
        size_t n = ferry_image_feed(&p->image, bytes, len);
        if (n == 0)
            break;
        if (hashed)
            s->digest.update(s->digest.ctx, bytes, n);
        at += (uint32_t)n;
    }
    s->digest.finish(s->digest.ctx, sha256, sizeof sha256);
    int status = ferry_image_finish(&p->image, sha256);
    if (status < 0)
        ferry_fault_set(&s->fault, status, path, "%s, at offset 0x%x", p->image.detail,
                        (unsigned)p->image.error_offset);
    return status;
}

// Segments in ascending order of their addresses.
static void place(struct program *p)
{
    for (uint8_t i = 0; i < p->image.segment_count; i++) {
        const struct ferry_image_segment *segment = &p->image.segments[i];
        if (segment->size == 0)
            continue;
        uint8_t at = p->count++;
        for (; at > 0 && p->regions[at - 1].address > segment->load_address; at--) {
            p->regions[at] = p->regions[at - 1];
            p->parts[at] = p->parts[at - 1];
        }
        p->regions[at] = (struct ferry_region){.address = segment->load_address, .size = segment->size};
        p->parts[at] = (struct part){.file = &p->file, .offset = segment->offset};
    }
    for (uint8_t i = 0; i < p->count; i++)
        p->sources[i] = (struct ferry_source){.ctx = &p->parts[i], .size = p->regions[i].size, .read = read_part};
}

static int open_program(struct cli_session *s, struct program *p, const char *path)
{
    struct ferry_posix_error error;
    int status = ferry_posix_file_open(&p->posix_file, path, &p->file, &error);
    if (status < 0)
        return ferry_fault_set(&s->fault, status, path, "%s", error.what);
    status = parse_image(s, p, path);
    if (status == FERRY_OK)
        place(p);
    return status;
}

static int check_chip(struct cli_session *s, const struct program *p, const char *path)
{
    const struct ferry_target *target = ferry_flasher_target(&s->flasher);
    uint16_t chip = p->image.format == FERRY_IMAGE_ESP8266 ? FERRY_CHIP_ESP8266 : p->image.chip_id;
    if (chip == target->chip->id)
        return FERRY_OK;
    const struct ferry_chip *wanted = ferry_chip_by_id(chip);
    return ferry_fault_set(&s->fault, FERRY_ERR_IMAGE_CHIP, path, "the program is for %s, the target is %s",
                           wanted ? wanted->label : "an unknown chip", target->chip->label);
}

static int run(struct cli_session *s, struct program *p)
{
    struct ferry_rom_job job = {
        .op = FERRY_ROM_LOAD_RAM, .regions = p->regions, .region_count = p->count, .entry = p->image.entry};
    int status = cli_session_run(s, &job, "loading", p->sources);
    if (status < 0)
        return status;
    cli_display_json(&s->display, "started", cli_display_object());
    cli_display_good(&s->display, "Loaded %u segments into RAM; started at 0x%08x.", p->count,
                     (unsigned)p->image.entry);
    return FERRY_OK;
}

int cmd_run_ram(int argc, char **argv)
{
    static struct cli_options options;
    static struct cli_session session;
    static struct program program;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count != 1)
        return cli_usage_error(argv[0], 0, "'run-ram' wants one file");
    cli_session_init(&session, &options);
    program.posix_file.fd = -1;
    int status = open_program(&session, &program, options.args[0]);
    if (status == FERRY_OK)
        status = cli_session_open(&session);
    if (status == FERRY_OK)
        status = cli_session_connect(&session, true);
    if (status == FERRY_OK)
        status = check_chip(&session, &program, options.args[0]);
    if (status == FERRY_OK)
        status = run(&session, &program);
    ferry_posix_file_close(&program.posix_file);
    if (status < 0)
        return cli_session_fail(&session);
    cli_session_close(&session);
    return 0;
}
