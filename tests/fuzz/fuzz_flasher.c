// A whole session with the virtual chip, with a wire that the input edits: bytes lost, changed, doubled, held up, and
// arbitrary ones put in, at any place of either direction. It must end (in virtual time), stay inside its memory, and
// claim success only when the flash really holds the image.
//
//     mode | { gap u16 | what u8 | bytes }*        what: direction, kind, count; gap: bytes of that direction
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT_MS 1200000u
#define ROOM 8192u

enum { DROP, FLIP, DOUBLE, INSERT }; // kinds of edit
enum { TO_HOST, TO_CHIP };

struct edit {
    uint32_t at;
    uint8_t kind, count;
    const uint8_t *bytes; // count of them, INSERT and FLIP
};

struct editor {
    struct ferry_stream inner;
    struct edit edits[2][64];
    unsigned count[2], next[2];
    uint32_t at[2];
    uint8_t queue[ROOM]; // on its way to the host
    size_t queued, taken;
};

static void parse(struct editor *self, const uint8_t *data, size_t size)
{
    uint32_t at[2] = {0, 0};
    while (size >= 3) {
        unsigned to = data[2] & 1, kind = data[2] >> 1 & 3, count = (data[2] >> 3) + 1u;
        at[to] += data[0] | (uint32_t)data[1] << 8;
        data += 3;
        size -= 3;
        size_t bytes = kind == INSERT || kind == FLIP ? count : 0;
        if (bytes > size || self->count[to] == 64)
            return;
        self->edits[to][self->count[to]++] = (struct edit){at[to], (uint8_t)kind, (uint8_t)count, data};
        data += bytes;
        size -= bytes;
    }
}

// One byte of a direction through its edits; out has room for 66. Returns what comes out.
static size_t pass(struct editor *self, unsigned to, uint8_t byte, uint8_t *out)
{
    size_t made = 0;
    bool lost = false;
    const struct edit *e = &self->edits[to][self->next[to]];
    if (self->next[to] < self->count[to] && self->at[to] >= e->at) {
        if (e->kind == INSERT) {
            memcpy(out, e->bytes, e->count);
            made = e->count;
        }
        if (e->kind == FLIP)
            byte ^= e->bytes[(self->at[to] - e->at) % e->count];
        if (e->kind == DOUBLE)
            out[made++] = byte;
        lost = e->kind == DROP;
        if (e->kind == INSERT || self->at[to] - e->at + 1u >= e->count)
            self->next[to]++;
    }
    self->at[to]++;
    if (!lost)
        out[made++] = byte;
    return made;
}

static int port_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct editor *self = ctx;
    if (self->taken == self->queued)
        self->taken = self->queued = 0;
    uint8_t bytes[64];
    int got = self->queued + 66 * sizeof bytes < ROOM ? self->inner.read(self->inner.ctx, bytes, sizeof bytes) : 0;
    for (int i = 0; i < got; i++)
        self->queued += pass(self, TO_HOST, bytes[i], self->queue + self->queued);
    size_t n = self->queued - self->taken < cap ? self->queued - self->taken : cap;
    memcpy(buf, self->queue + self->taken, n);
    self->taken += n;
    return (int)n;
}

static int port_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct editor *self = ctx;
    for (size_t i = 0; i < len; i++) {
        uint8_t out[66];
        self->inner.write(self->inner.ctx, out, pass(self, TO_CHIP, bytes[i], out));
    }
    return (int)len;
}

static int port_baud(void *ctx, uint32_t baud)
{
    struct editor *self = ctx;
    return self->inner.set_baud(self->inner.ctx, baud);
}

static int port_pending(void *ctx)
{
    struct editor *self = ctx;
    return self->inner.pending(self->inner.ctx);
}

static struct world *make_world(uint8_t mode)
{
    static const char *const chips[] = {"esp32c3", "esp32", "esp8266", "esp32s2"};
    return world_new(&(struct world_cfg){.chip = chips[mode & 3],
                                         .flash = {.size = 256u << 10},
                                         .no_lines = mode & 4,
                                         .no_deflate = mode & 8,
                                         .no_skip = mode & 32,
                                         .sim = {.boot_download = mode & 4},
                                         .flasher = {.window = mode & 16 ? 2 : 1},
                                         .block_size = mode & 64 ? 1024 : 0,
                                         .limit_ms = LIMIT_MS});
}

static void complain(const char *what)
{
    fprintf(stderr, "fuzz_flasher: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[6000];
    static const struct world_part parts[] = {{0x8000, image + 50, 700}, {0x10000, image, 5200}};
    if (size < 1)
        return 0;
    if (image[0] == 0)
        world_firmware(image, sizeof image, 1);
    image[0] = 0xe9;
    struct editor editor = {0};
    parse(&editor, data + 1, size - 1);
    struct world *w = make_world(data[0]);
    struct ferry_stream edited = {&editor, port_read, port_write, port_baud, port_pending};
    editor.inner = *world_pump(w)->stream;
    world_pump(w)->stream = &edited;
    struct world_result r = world_flash(w, parts, 2);
    bool has_md5 = (data[0] & 3) != 2; // an ESP8266's ROM has none: nothing is claimed
    if (r.hung)
        complain("hangs");
    if (r.status == 0 && has_md5 && !world_holds(w, parts, 2))
        complain("claims success, but the flash holds something else");
    if (r.status != 0 && ferry_status_class_of(r.status) != FERRY_CLASS_WIRE &&
        ferry_status_class_of(r.status) != FERRY_CLASS_TARGET)
        complain(ferry_status_name(r.status));
    world_free(w);
    return 0;
}
