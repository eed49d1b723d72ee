// The worked session of docs/protocol/link.md, byte by byte: the lines "> ..." go to a real receiver, and what it says
// has to be the lines "< ..." that follow. Then the other way round for the sender. The document is the anchor.
// FERRY_LINK_WRITE=1 prints the session as the engines speak it now.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/engine/link_sender.h"
#include "ferry/pump/receiver_pump.h"
#include "ports/posix/digest.h"

struct side {
    uint8_t in[4096], out[4096];
    size_t in_len, out_len;
};

static int side_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct side *s = ctx;
    size_t n = s->in_len < cap ? s->in_len : cap;
    memcpy(buf, s->in, n);
    memmove(s->in, s->in + n, s->in_len - n);
    s->in_len -= n;
    return (int)n;
}

static int side_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct side *s = ctx;
    memcpy(s->out + s->out_len, bytes, len);
    s->out_len += len;
    return (int)len;
}

// A target whose flash is 8 KiB of memory.
struct memory {
    uint8_t bytes[8192];
    bool selected;
    struct ferry_digest digest;
    struct ferry_posix_digest state;
};

static int mem_info(void *ctx, struct ferry_target_info *out)
{
    (void)ctx;
    *out = (struct ferry_target_info){.chip = 5,
                                      .revision = 4,
                                      .mac = {0x60, 0x55, 0xf9, 0, 0, 1},
                                      .slot_count = 1,
                                      .erase_unit = 65536,
                                      .erase_ms = 150};
    strcpy(out->project, "blink");
    strcpy(out->version, "1.0");
    out->slots[0] = (struct ferry_slot){"ota_1", FERRY_SLOT_TARGET, 8192};
    return 0;
}

static int mem_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    (void)ctx;
    (void)plan;
    return m->size <= 8192 ? 0 : FERRY_ERR_TOO_LARGE_PARTITION;
}

static int mem_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct memory *m = ctx;
    (void)end;
    memset(m->bytes + offset / 4096 * 4096, 0xff, 4096);
    *ready_to = offset / 4096 * 4096 + 4096;
    return 0;
}

static int mem_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    memcpy(((struct memory *)ctx)->bytes + offset, bytes, len);
    return (int)len;
}

static int mem_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha[32], bool *blank)
{
    struct memory *m = ctx;
    *blank = false;
    m->digest.begin(m->digest.ctx, FERRY_DIGEST_SHA256);
    m->digest.update(m->digest.ctx, m->bytes + offset, len);
    return m->digest.finish(m->digest.ctx, sha, 32) == 32 ? 0 : FERRY_ERR_STORAGE_READ;
}

static int mem_end(void *ctx)
{
    ((struct memory *)ctx)->selected = true;
    return 0;
}

static int mem_nothing(void *ctx)
{
    (void)ctx;
    return 0;
}

static int mem_revert(void *ctx, enum ferry_give_up reason)
{
    (void)ctx;
    (void)reason;
    return FERRY_ERR_STATE;
}

struct target {
    struct side side;
    struct memory memory;
    struct ferry_stream stream;
    struct ferry_sink sink;
    struct ferry_link_receiver receiver;
    struct ferry_receiver_pump pump;
    uint8_t window[1024], frame[256];
};

static void target_start(struct target *t)
{
    struct ferry_link_receiver_cfg cfg = {
        .window = t->window, .window_size = 1024, .frame = t->frame, .frame_size = 256};
    memset(t, 0, sizeof *t);
    cfg.window = t->window;
    cfg.frame = t->frame;
    t->memory.digest = ferry_posix_digest_init(&t->memory.state);
    t->stream = (struct ferry_stream){&t->side, side_read, side_write, NULL, NULL};
    t->sink = (struct ferry_sink){&t->memory, mem_info,    mem_begin,   mem_prepare, mem_chunk,  mem_hash,
                                  mem_end,    mem_nothing, mem_nothing, mem_revert,  mem_nothing};
    assert_int_equal(ferry_link_receiver_init(&t->receiver, &cfg, 0), FERRY_OK);
    t->pump.receiver = &t->receiver;
    t->pump.stream = &t->stream;
    t->pump.sink = &t->sink;
}

static void target_run(struct target *t, uint32_t now)
{
    uint32_t wait;
    for (int i = 0; i < 12; i++)
        ferry_receiver_pump_step(&t->pump, now, &wait);
}

static const char text[] = "forty bytes that stand for the firmware!";

static void host_start(struct ferry_link_sender *s, uint8_t *frame, size_t size, struct ferry_manifest *m)
{
    struct ferry_link_sender_cfg cfg = {.frame = frame, .frame_size = size, .updater = 0x11223344, .seed = 1};
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND};
    struct memory copy = {0};
    bool blank;
    memcpy(copy.bytes, text, 40);
    copy.digest = ferry_posix_digest_init(&copy.state);
    m->kind = FERRY_MANIFEST_FILE;
    m->size = 40;
    m->chip = FERRY_MANIFEST_CHIP_ANY;
    strcpy(m->name, "hello.txt");
    mem_hash(&copy, 0, 40, m->sha256, &blank);
    job.manifest = *m;
    assert_int_equal(ferry_link_sender_init(s, &cfg), FERRY_OK);
    assert_int_equal(ferry_link_sender_start(s, &job, 0), FERRY_OK);
}

static size_t host_poll(struct ferry_link_sender *s, uint8_t *buf, size_t cap, uint32_t now)
{
    const struct ferry_engine_ops *o = &ferry_link_sender_ops;
    size_t n = 0, got;
    do {
        struct ferry_request r;
        got = o->poll(s, buf + n, cap - n, now);
        n += got;
        if (o->request(s, &r)) {
            o->supply(s, r.offset, (const uint8_t *)text + r.offset, r.len, now);
            got = 1;
        }
    } while (got);
    return n;
}

static void print_frames(char mark, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t end = at + 1; // a frame: from its leading 0 (if any) to its delimiter
        while (end < len && bytes[end])
            end++;
        printf("%c", mark);
        for (size_t i = at; i < len && i <= end; i++)
            printf(" %02x", bytes[i]);
        printf("\n");
        at = end + 1;
    }
}

static void write_session(void)
{
    static struct target t;
    static struct ferry_link_sender s;
    uint8_t frame[512], buf[2048];
    struct ferry_manifest m = {0};
    target_start(&t);
    target_run(&t, 0);
    host_start(&s, frame, sizeof frame, &m);
    for (uint32_t now = 0; now < 100 && !(ferry_link_sender_ops.wants(&s) & FERRY_WANT_DONE); now++) {
        print_frames('<', t.side.out, t.side.out_len);
        ferry_link_sender_ops.feed(&s, t.side.out, t.side.out_len, 0);
        t.side.out_len = 0;
        t.side.in_len = host_poll(&s, buf, sizeof buf, 0);
        memcpy(t.side.in, buf, t.side.in_len);
        print_frames('>', buf, t.side.in_len);
        target_run(&t, 0);
    }
}

// ---- the document --------------------------------------------------------------------------------------------------

struct line {
    char mark;
    size_t len;
    uint8_t bytes[128];
};

static int read_document(struct line *lines, int cap)
{
    FILE *f = fopen(FERRY_TESTS_DIR "/../docs/protocol/link.md", "r");
    char row[1024];
    int n = 0;
    assert_non_null(f);
    while (fgets(row, sizeof row, f) && n < cap) {
        if ((row[0] != '>' && row[0] != '<') || row[1] != ' ' || !strchr("0123456789abcdef", row[2]))
            continue;
        lines[n] = (struct line){.mark = row[0]};
        for (char *p = row + 1; *p == ' ' && lines[n].len < sizeof lines[n].bytes; p += 3)
            lines[n].bytes[lines[n].len++] = (uint8_t)strtoul(p, NULL, 16);
        n++;
    }
    fclose(f);
    return n;
}

static void the_receiver_says_what_the_document_says(void **state)
{
    static struct target t;
    static struct line lines[64];
    int n = read_document(lines, 64), answers = 0;
    (void)state;
    assert_true(n > 15);
    target_start(&t);
    target_run(&t, 0);
    for (int i = 0; i < n; i++) {
        if (lines[i].mark == '>') {
            memcpy(t.side.in + t.side.in_len, lines[i].bytes, lines[i].len);
            t.side.in_len += lines[i].len;
            if (i + 1 < n && lines[i + 1].mark == '>')
                continue;
            target_run(&t, 0);
            continue;
        }
        assert_true(t.side.out_len >= lines[i].len);
        assert_memory_equal(t.side.out, lines[i].bytes, lines[i].len);
        t.side.out_len -= lines[i].len;
        memmove(t.side.out, t.side.out + lines[i].len, t.side.out_len);
        answers++;
    }
    assert_int_equal(t.side.out_len, 0);
    assert_true(answers > 5);
    assert_true(t.memory.selected);
    assert_memory_equal(t.memory.bytes, text, 40);
}

static void the_sender_says_what_the_document_says(void **state)
{
    static struct ferry_link_sender s;
    static struct line lines[64];
    uint8_t frame[512], buf[2048];
    size_t have = 0;
    struct ferry_manifest m = {0};
    int n = read_document(lines, 64);
    (void)state;
    host_start(&s, frame, sizeof frame, &m);
    for (int i = 0; i < n; i++) {
        if (lines[i].mark == '<') {
            ferry_link_sender_ops.feed(&s, lines[i].bytes, lines[i].len, 0);
            continue;
        }
        if (!have)
            have = host_poll(&s, buf, sizeof buf, 0);
        assert_true(have >= lines[i].len);
        assert_memory_equal(buf, lines[i].bytes, lines[i].len);
        have -= lines[i].len;
        memmove(buf, buf + lines[i].len, have);
    }
    assert_int_equal(ferry_link_sender_ops.wants(&s), FERRY_WANT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_receiver_says_what_the_document_says),
                                       cmocka_unit_test(the_sender_says_what_the_document_says)};
    if (getenv("FERRY_LINK_WRITE")) {
        write_session();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
