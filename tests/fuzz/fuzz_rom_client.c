// A hostile target: the flasher is connected, told to write, read and leave, and the input is what "the chip" answers,
// cut and timed as the input says. It must end or wait, stay inside its memory, and never claim success: without real
// digests nothing can be proved.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/engine/flasher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPS ferry_flasher_ops

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static void serve(struct ferry_flasher *f, uint32_t now)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    struct ferry_request request;
    struct ferry_line_request lines;
    struct ferry_event event;
    uint8_t out[300];
    uint32_t offset;
    if (OPS.lines(f, &lines))
        OPS.lines_done(f, now + lines.hold_ms);
    if (OPS.request(f, &request)) {
        size_t n = request.len < sizeof bytes ? request.len : sizeof bytes;
        if (n == 4)
            OPS.supply(f, 0, (const uint8_t *)"\x40\x10\x00\x00", 4, now);
        else
            OPS.supply(f, n == 16 || n == 32 ? 0 : request.offset, bytes, n, now);
    }
    while (OPS.poll(f, out, sizeof out, now) > 0) {
    }
    while (OPS.output(f, &offset, out, sizeof out) > 0) {
    }
    while (OPS.event(f, &event)) {
    }
}

// An answer to the command under way, good or bad as the input says: gets deeper than raw bytes would.
static size_t answer(struct ferry_flasher *f, struct input *in, uint8_t *out)
{
    uint8_t op = f->rom.pending_count > 0 ? f->rom.pending[0].op : next(in), kind = next(in);
    size_t body = kind & 1 ? next(in) % 70u : op == 0x13 ? 32 : op == 0x14 ? 20 : op == 0x0e ? 64 : 0;
    size_t at = 0;
    out[at++] = 0xc0;
    const uint8_t head[] = {1, op, (uint8_t)(body + 4), 0, next(in), next(in), next(in), 0};
    memcpy(out + at, head, sizeof head);
    at += sizeof head;
    for (size_t i = 0; i < body; i++)
        out[at++] = kind & 2 ? next(in) : 'a';
    out[at++] = kind & 4 ? next(in) : 0;
    out[at++] = kind & 4 ? next(in) : 0;
    out[at++] = 0;
    out[at++] = 0;
    out[at++] = 0xc0;
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[2 * 1024 + 64];
    static const struct ferry_region regions[] = {{.address = 0x8000, .size = 3000},
                                                  {.address = 0x10000, .size = 70000}};
    struct input in = {data, size};
    uint8_t mode = next(&in), out[200];
    struct ferry_flasher f;
    struct ferry_flasher_cfg cfg = {.block = block,
                                    .block_size = sizeof block,
                                    .chip = FERRY_CHIP_ANY,
                                    .has_lines = mode & 1,
                                    .window = mode & 2 ? 2 : 1,
                                    .flash_size = mode & 4 ? 1u << 22 : 0};
    struct ferry_rom_job jobs[] = {
        {.op = FERRY_ROM_CONNECT},
        {.op = mode & 8    ? FERRY_ROM_WRITE
               : mode & 16 ? FERRY_ROM_READ
               : mode & 32 ? FERRY_ROM_VERIFY
                           : FERRY_ROM_ERASE_REGION,
         .regions = regions,
         .region_count = mode & 8 ? 2 : 1},
    };
    if (ferry_flasher_init(&f, &cfg) != 0)
        abort();
    uint32_t now = 0xffffff00u;
    for (unsigned i = 0; i < 2 && ferry_flasher_start(&f, &jobs[i], now) == 0; i++) {
        while (in.left > 0 && !(OPS.wants(&f) & (FERRY_WANT_DONE | FERRY_WANT_FAILED))) {
            serve(&f, now);
            uint8_t what = next(&in);
            now += what & 0x80 ? OPS.deadline(&f, now) : what >> 5;
            OPS.step(&f, now);
            size_t n = what & 0x10 ? answer(&f, &in, out) : 0;
            for (uint8_t k = what & 0x0f; !(what & 0x10) && k > 0; k--)
                out[n++] = next(&in);
            if (OPS.feed(&f, out, n, now) != n)
                abort();
        }
        struct ferry_progress progress;
        OPS.progress(&f, &progress);
        if (progress.region_done > progress.region_size)
            abort();
    }
    return 0;
}
