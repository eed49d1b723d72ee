// Figures of the link route: the real engines on the rig (tests/support/rig.h), virtual clock, fixed seeds.
// The count of corrupted frames takes a minute; FERRY_LINK_FRAMES=3e6 makes it a short one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/codec/link_frame.h"
#include "tests/support/rig.h"

static FILE *out;
static int rows, broken;

// bound: what docs/protocol/link.md promises for this row; "not asked": shown beside those that are promised.
static void figure(const char *name, double value, const char *unit, const char *bound, bool holds)
{
    bool asked = strcmp(bound, "not asked") != 0;
    fprintf(out, "%s\n {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"bound\": \"%s\", \"holds\": %s}",
            rows++ ? "," : "", name, value, unit, bound, holds ? "true" : "false");
    printf("%-58s %10.4g %-8s %-10s %s\n", name, value, unit, bound, !holds ? "FAIL" : asked ? "pass" : "");
    broken += !holds;
}

static void at_least(const char *name, double value, double bound)
{
    char text[32];
    snprintf(text, sizeof text, ">= %g", bound);
    figure(name, value, "%", text, value >= bound);
}

static uint64_t seed = 88172645463325252u;

static uint32_t dice(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

static uint8_t image[1u << 20];

static void make_image(void)
{
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(dice() >> 24);
    image[0] = 0xe9;
}

// Image bytes as a share of what the line could have carried from hello to selected; negative: it did not finish.
static double share(const struct rig_cfg *cfg, uint32_t size)
{
    struct rig *r = rig_new(cfg, image, size);
    int status = rig_run(r, NULL, 900);
    bool good = status == FERRY_OK && rig_selected(r);
    double percent = 100.0 * size / ((double)cfg->baud / 10 * (double)rig_now_us(r) / 1e6);
    rig_free(r);
    return good ? percent : -1;
}

static void clean_lines(void)
{
    static const uint32_t bauds[] = {115200, 460800, 921600, 3000000}, trips[] = {0, 5000, 20000};
    for (size_t b = 0; b < 4; b++)
        for (size_t t = 0; t < 3; t++) {
            struct rig_cfg c = {.seed = 1, .baud = bauds[b], .round_trip_us = trips[t], .instant_flash = true};
            char name[80];
            c.window = bauds[b] > 921600 ? 16384 : 4096;
            c.chunk = c.window / 4;
            snprintf(name, sizeof name, "link.clean.%u.rtt_%ums.window_%u", bauds[b], trips[t] / 1000, c.window);
            at_least(name, share(&c, sizeof image), 96);
        }
}

struct noisy {
    uint32_t baud, trip_ms, window;
};

// Random bit errors in both directions. The bounds hold with 4 KiB up to 921600 baud, whatever the round trip.
static void noisy_lines(void)
{
    static const double bers[] = {1e-6, 1e-5, 1e-4, 1e-3}, bounds[] = {0, 90, 75, 25};
    static const struct noisy lines[] = {{115200, 0, 4096},   {115200, 5, 4096},   {115200, 20, 4096},
                                         {921600, 0, 4096},   {921600, 5, 4096},   {921600, 20, 4096},
                                         {3000000, 0, 16384}, {3000000, 5, 16384}, {3000000, 20, 16384}};
    for (size_t e = 0; e < 4; e++)
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            const struct noisy *n = &lines[i];
            struct rig_cfg c = {.seed = 3,
                                .baud = n->baud,
                                .round_trip_us = n->trip_ms * 1000,
                                .window = n->window,
                                .chunk = n->window / 4 < 4096 ? n->window / 4 : 4096,
                                .instant_flash = true};
            c.ber[0] = c.ber[1] = bers[e];
            char name[80];
            snprintf(name, sizeof name, "link.ber_%g.%u.rtt_%ums.window_%u", bers[e], n->baud, n->trip_ms, n->window);
            double value = share(&c, sizeof image);
            if (bounds[e] > 0)
                at_least(name, value, bounds[e]);
            else
                figure(name, value, "%", "not asked", value > 0);
        }
}

static void bad_lines(void)
{
    static const char *const names[] = {"bursts", "dropped", "inserted", "way_back_lost", "all_at_once"};
    for (unsigned k = 0; k < 5; k++)
        for (unsigned b = 0; b < 2; b++) {
            struct rig_cfg c = {
                .seed = 5 + k, .baud = b ? 921600 : 115200, .round_trip_us = 5000, .instant_flash = true};
            bool all = k == 4;
            if (k == 0 || all)
                c.burst_ms = 10, c.burst_every_ms = 1000;
            if (k == 1 || all)
                c.drop[0] = c.drop[1] = 0.001;
            if (k == 2 || all)
                c.insert[0] = c.insert[1] = 0.001;
            if (k == 3 || all)
                c.loss_back = 0.3;
            char name[80];
            snprintf(name, sizeof name, "link.finishes.%s.%u", names[k], c.baud);
            double value = share(&c, 262144);
            figure(name, value, "%", "finishes", value > 0);
        }
}

static double run_hit(int direction, uint64_t at, uint64_t *sent)
{
    struct rig_cfg c = {.seed = 7, .baud = 921600, .round_trip_us = 5000, .chunk = 256, .instant_flash = true};
    struct rig *r = rig_new(&c, image, 131072);
    rig_hit(r, direction, at);
    int status = rig_run(r, NULL, 60);
    double ms = status ? 1e9 : (double)rig_now_us(r) / 1000;
    if (sent)
        *sent = rig_bytes(r, direction);
    rig_free(r);
    return ms;
}

// One byte damaged at 60 places of the data phase, each way, against the run without.
static void damaged_frame(void)
{
    double frame_ms = (256 + 16) * 10000.0 / 921600, worst = 0;
    for (int d = 0; d < 2; d++) {
        uint64_t sent;
        double clean = run_hit(d, UINT64_MAX, &sent);
        for (uint64_t i = 0; i < 60; i++) {
            double cost = run_hit(d, sent / 10 + i * (sent * 85 / 100) / 60, NULL) - clean;
            worst = cost > worst ? cost : worst;
        }
    }
    figure("link.damaged_frame.worst_of_120", worst, "ms", "<= 10.9", worst <= 2 * frame_ms + 5);
}

// ---- corrupted frames ----------------------------------------------------------------------------------------------

static size_t make_frame(uint8_t *wire, uint8_t *plain, size_t *plain_len)
{
    struct ferry_link_writer w;
    *plain_len = 6 + dice() % 60;
    for (size_t i = 0; i < *plain_len; i++)
        plain[i] = dice() % 4 ? (uint8_t)(dice() >> 24) : 0;
    ferry_link_writer_begin(&w, wire, 128, true, FERRY_LINK_CHUNK, 0x1234);
    ferry_link_writer_put(&w, plain, *plain_len);
    return ferry_link_writer_end(&w);
}

static void flip_bits(uint8_t *wire, size_t len, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        wire[dice() % len] ^= (uint8_t)(1u << dice() % 8);
}

// Damages it in one of six ways; its new length.
static size_t damage(uint8_t *wire, size_t len)
{
    size_t at = 1 + dice() % (len - 2), n = 1 + dice() % 6;
    switch (dice() % 6) {
    case 0:
        flip_bits(wire, len, 1 + dice() % 4);
        break;
    case 1:
        flip_bits(wire, len, 1 + dice() % 40);
        break;
    case 2: // a burst
        for (size_t i = at; i < at + n && i < len; i++)
            wire[i] = (uint8_t)(dice() >> 24);
        break;
    case 3: // bytes vanish
        n = n < len - at ? n : len - at;
        memmove(wire + at, wire + at + n, len - at - n);
        return len - n;
    case 4: // a byte comes from nowhere
        memmove(wire + at + 1, wire + at, len - at);
        wire[at] = (uint8_t)(dice() >> 24);
        return len + 1;
    default: { // two change places
        uint8_t t = wire[at];
        size_t other = 1 + dice() % (len - 2);
        wire[at] = wire[other];
        wire[other] = t;
    }
    }
    return len;
}

struct tally {
    double corrupted, wrong, whole;
};

// One frame, damaged in 16 ways, one after the other.
static void corrupt_one(struct ferry_link_reader *reader, struct tally *t)
{
    uint8_t wire[140], sent[128], plain[80];
    size_t plain_len, len = make_frame(sent, plain, &plain_len);
    for (int i = 0; i < 16; i++) {
        memcpy(wire, sent, len);
        size_t now = damage(wire, len), at = 0, used;
        if (now == len && memcmp(sent, wire, len) == 0)
            continue;
        t->corrupted++;
        wire[now++] = 0;
        struct ferry_link_frame f;
        while (at < now && ferry_link_reader_push(reader, wire + at, now - at, &used, &f)) {
            at += used;
            bool same = f.session == 0x1234 && f.type == FERRY_LINK_CHUNK && f.body_len == plain_len &&
                        memcmp(f.body, plain, plain_len) == 0;
            t->whole += same; // only the delimiters were hit
            t->wrong += !same;
        }
    }
}

static void corrupted_frames(void)
{
    const char *asked = getenv("FERRY_LINK_FRAMES");
    double count = asked ? atof(asked) : 1e8;
    struct tally t = {0, 0, 0};
    struct ferry_link_reader reader;
    uint8_t buf[160];
    char bound[32];
    ferry_link_reader_init(&reader, buf, sizeof buf);
    while (t.corrupted < count)
        corrupt_one(&reader, &t);
    snprintf(bound, sizeof bound, ">= %g", count);
    figure("link.corrupted_frames.tried", t.corrupted, "frames", bound, t.corrupted >= count);
    double wrong = t.wrong, whole = t.whole;
    figure("link.corrupted_frames.wrong_accepted", wrong, "frames", "= 0", wrong == 0);
    figure("link.corrupted_frames.still_whole", whole, "frames", "not asked", true);
}

// ---- whole update, resume, memory ----------------------------------------------------------------------------------

static void whole_update(void)
{
    static const struct {
        const char *name;
        uint32_t port;
        bool deaf, bound;
    } cases[] = {{"port_buffer_16KiB", 16384, false, true},
                 {"port_buffer_12KiB", 12288, false, true},
                 {"port_buffer_9KiB", 9216, false, true},
                 {"port_buffer_8KiB", 8192, false, false},
                 {"deaf_while_erasing", 0, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig_cfg c = {.seed = 2,
                            .baud = 921600,
                            .round_trip_us = 2000,
                            .wire_buffer = cases[i].port,
                            .deaf = cases[i].deaf,
                            .withheld = 16};
        struct rig *r = rig_new(&c, image, sizeof image);
        int status = rig_run(r, NULL, 60);
        double s = (double)rig_now_us(r) / 1e6;
        bool good = status == FERRY_OK && rig_selected(r);
        char name[80];
        snprintf(name, sizeof name, "link.update_1MiB_921600.%s", cases[i].name);
        figure(name, s, "s", cases[i].bound ? "<= 13" : "not asked", good && (!cases[i].bound || s <= 13));
        rig_free(r);
    }
}

// Cut when `at` bytes have gone to the target; then everything once more. Bytes of the image that went out twice.
static double resend(uint64_t at, bool host, uint32_t port)
{
    struct rig_cfg c = {.seed = 4, .baud = 921600, .round_trip_us = 4000, .withheld = 16, .deaf = !port};
    c.wire_buffer = port;
    struct rig *r = rig_new(&c, image, 200000);
    rig_start(r, NULL);
    while (!rig_ended(r) && rig_bytes(r, RIG_TO_TARGET) < at)
        rig_turn(r, 60000000);
    if (host)
        rig_reset_host(r);
    else
        rig_reset_target(r);
    uint64_t limit = rig_now_us(r) + 60000000;
    int status = host ? rig_run(r, NULL, 60) : FERRY_OK;
    while (!host && !rig_ended(r) && rig_turn(r, limit))
        ;
    double twice = (double)rig_data_bytes(r) - 200000 - 24 - (host ? 24 : 0); // the head goes into the manifest only
    bool good = status == FERRY_OK && rig_ended(r) && rig_selected(r);
    rig_free(r);
    return good ? twice : 1e9;
}

static void resume(void)
{
    // A window is all that the receiver lets be on its way: its own 4 KiB, and what the port's buffer holds.
    static const uint32_t ports[] = {0, 9216, 12288};
    for (unsigned i = 0; i < 6; i++) {
        uint32_t port = ports[i / 2], host = i % 2;
        double worst = 0, most = 4096 + 4096 + port;
        char name[80], bound[32];
        for (uint64_t k = 0; k < 60; k++) {
            double twice = resend(300 + k * 3373 + k * k % 97, host, port);
            worst = twice > worst ? twice : worst;
        }
        snprintf(name, sizeof name, "link.resume.sent_twice.%s_reset.window_%u", host ? "updater" : "target",
                 4096 + port);
        snprintf(bound, sizeof bound, "<= %.0f", most);
        figure(name, worst, "bytes", bound, worst <= most);
    }
}

int main(int argc, char **argv)
{
    out = fopen(argc > 1 ? argv[1] : "/dev/null", "w");
    if (!out)
        return 1;
    fprintf(out, "[");
    make_image();
    clean_lines();
    noisy_lines();
    bad_lines();
    damaged_frame();
    corrupted_frames();
    whole_update();
    resume();
    double ram = (double)(sizeof(struct ferry_link_receiver) + 4096 + FERRY_LINK_PLAIN_BUFFER(1024));
    figure("link.receiver.ram_with_window_and_frame", ram, "bytes", "<= 8192", ram <= 8192);
    fprintf(out, "\n]\n");
    fclose(out);
    return broken != 0;
}
