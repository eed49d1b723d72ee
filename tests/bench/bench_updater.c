// Figures of the updater: what 8 targets cost against one, and how much processor time 64 take. Virtual time, 921600
// baud, ESP32-C3 with used flash, 1 MiB app that deflates to about 60 %; the card gives 600 KB/s (SD over SPI) to the
// one thread, which stands still meanwhile.
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/bench_rig.h"
#include "tests/support/card.h"

#define CARD_RATE 600000u
#define APP_SIZE (1u << 20)

struct figure {
    const char *name;
    double value;
    const char *unit, *bound;
    bool holds;
};

static struct figure figures[8];
static unsigned figure_count;

static void add(const char *name, double value, const char *unit, const char *bound, bool holds)
{
    figures[figure_count++] = (struct figure){name, value, unit, bound, holds};
}

// An app image of about 1 MiB; its content deflates to about 60 %, as firmware does.
static char *make_card(void)
{
    char *dir = card_new();
    struct card_image cfg = {.chip_id = FERRY_CHIP_ESP32C3, .data_size = APP_SIZE - 1024};
    struct card_bytes app = card_make_image(&cfg);
    card_put_idf_build(dir, NULL, "esp32c3");
    card_put_bytes(dir, "demo.bin", app);
    return dir;
}

struct outcome {
    double seconds, cpu_share, plan_and_card_s;
    uint64_t card_bytes;
    unsigned well;
};

static struct outcome run(const char *dir, unsigned targets, uint32_t quantum_us, bool measure_cpu)
{
    struct bench_rig *rig = bench_rig_new(dir, targets);
    rig->card_rate = CARD_RATE;
    rig->quantum_us = quantum_us;
    rig->measure_cpu = measure_cpu;
    rig->cfg.job.journal_dir = NULL; // the computer's disk is not what is measured here
    rig->cfg.job.log = NULL;
    for (unsigned i = 0; i < targets; i++)
        bench_rig_plug(rig, i, "esp32c3", (uint8_t)i, NULL, NULL, true);
    bool ended = bench_rig_run(rig, 600000);
    struct ferry_store_stats stats;
    ferry_store_pool_stats(rig->stores, &stats);
    struct outcome o = {.seconds = (double)rig->us / 1e6, .card_bytes = stats.bytes_read, .well = 0};
    o.cpu_share = rig->step_cpu_s / o.seconds;
    o.plan_and_card_s = (double)rig->card_us / 1e6;
    for (unsigned i = 0; i < targets; i++)
        o.well += rig->sockets[i].held && rig->sockets[i].outcome.result.verified;
    if (!ended || o.well != targets) {
        fprintf(stderr, "bench_updater: %u of %u targets ended well\n", o.well, targets);
        for (unsigned i = 0; i < targets; i++)
            if (rig->sockets[i].outcome.fault.status < 0)
                fprintf(stderr, "  %u: %s\n", i, rig->sockets[i].outcome.fault.what);
        o.seconds = 1e9;
    }
    bench_rig_free(rig);
    return o;
}

static int write_results(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        return 1;
    }
    fputs("[\n", f);
    for (unsigned i = 0; i < figure_count; i++)
        fprintf(f, " {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"bound\": \"%s\", \"holds\": %s}%s\n",
                figures[i].name, figures[i].value, figures[i].unit, figures[i].bound,
                figures[i].holds ? "true" : "false", i + 1 < figure_count ? "," : "");
    fputs("]\n", f);
    return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s RESULTS.json\n", argv[0]);
        return 2;
    }
    char *dir = make_card();
    struct outcome one = run(dir, 1, 0, false), eight = run(dir, 8, 0, false), many = run(dir, 64, 1000, true);
    card_remove(dir);
    printf("1 target %.2f s (card %.2f s), 8 targets %.2f s, 64 targets %.2f s at %.0f %% of a core\n", one.seconds,
           one.plan_and_card_s, eight.seconds, many.seconds, 100 * many.cpu_share);
    double ratio = eight.seconds / one.seconds, bytes = (double)eight.card_bytes / (double)one.card_bytes;
    add("rom updater: 8 targets from one read, time against 1", ratio, "x", "<= 1.05", ratio <= 1.05);
    add("rom updater: 8 targets, bytes read from card against 1", bytes, "x", "<= 1", bytes <= 1.0);
    add("rom updater: 64 targets on one thread, share of a core", many.cpu_share, "cores", "<= 0.5",
        many.cpu_share <= 0.5 && many.well == 64);
    return write_results(argv[1]);
}
