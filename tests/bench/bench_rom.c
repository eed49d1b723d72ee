// The ROM route's figures in virtual time: 921600 baud, a flash full of old data, a 1 MiB app that deflates to about
// 60 %, from reset to verified, on the virtual chip with typical flash times and a real line. And in CPU time: what one
// thread needs to step 64 targets. usage: bench_rom RESULTS.json
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/bytes.h"
#include "ferry/source/memory.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "tests/support/world.h"
#include "updater/store.h"

#define SIZE (1u << 20)
#define MANY 64

static FILE *out;
static unsigned rows, missed;
static uint8_t image[SIZE];

static void row(const char *name, double value, const char *unit, double bound, bool good)
{
    bool holds = good && value <= bound;
    missed += !holds;
    fprintf(out, "%s\n {\"name\": \"%s\", \"value\": %.4f, \"unit\": \"%s\", \"bound\": %.4f, \"holds\": %s}",
            rows++ ? "," : "[", name, value, unit, bound, holds ? "true" : "false");
    printf("%-44s %8.3f %-6s bound %8.3f  %s\n", name, value, unit, bound, holds ? "holds" : "MISSED");
}

static void timed(struct world *w, const char *name, double bound)
{
    struct world_part part = {0x10000, image, SIZE};
    struct world_result r = world_flash(w, &part, 1);
    row(name, (double)r.us / 1e6, "s", bound, r.status == 0 && r.proved == SIZE && world_holds(w, &part, 1));
}

static struct world *used(const char *chip, uint8_t window, bool plain)
{
    return world_new(
        &(struct world_cfg){.chip = chip, .used_flash = true, .no_deflate = plain, .flasher = {.window = window}});
}

static void one_target(void)
{
    static const char *const chips[] = {"esp32c3", "esp32"};
    for (int i = 0; i < 2; i++) {
        char name[64];
        world_firmware(image, SIZE, 5);
        struct world *w = used(chips[i], 1, false);
        snprintf(name, sizeof name, "rom %s deflate, window 1", chips[i]);
        timed(w, name, 17.0);
        snprintf(name, sizeof name, "rom %s unchanged", chips[i]);
        timed(w, name, 2.0);
        for (size_t at = 400000; at < 400000 + SIZE / 20; at++)
            image[at] ^= 0x5a;
        snprintf(name, sizeof name, "rom %s 5 %% changed in one place", chips[i]);
        timed(w, name, 4.0);
        world_free(w);
        world_firmware(image, SIZE, 5);
        w = used(chips[i], 1, true);
        snprintf(name, sizeof name, "rom %s plain", chips[i]);
        timed(w, name, 22.0);
        world_free(w);
    }
    struct world *w = used("esp32c3", 2, false);
    timed(w, "rom esp32c3 deflate, window 2", 14.0);
    world_free(w);
}

// --- many targets from one store -------------------------------------------------------------------------------------

struct shared {
    struct ferry_posix_digest digest_port;
    struct ferry_posix_deflate deflate_port;
    struct ferry_digest digest;
    struct ferry_deflate deflate;
    struct ferry_source_memory memory;
    struct ferry_store_pool *pool;
    struct ferry_store *store;
    struct ferry_cargo cargo;
    struct ferry_target target;
    struct ferry_supply supply;
};

static void digest_plan(struct shared *self, struct ferry_plan *plan)
{
    uint8_t head[8];
    ferry_store32le(head, plan->regions[0].address);
    ferry_store32le(head + 4, SIZE);
    self->digest.begin(self->digest.ctx, FERRY_DIGEST_SHA256);
    self->digest.update(self->digest.ctx, head, sizeof head);
    self->digest.update(self->digest.ctx, image, SIZE);
    self->digest.finish(self->digest.ctx, plan->sha256, sizeof plan->sha256);
}

static void print_plan(struct ferry_plan *plan)
{
    plan->prints = calloc((SIZE + FERRY_PLAN_BLOCK - 1) / FERRY_PLAN_BLOCK, sizeof *plan->prints);
    if (plan->prints == NULL)
        abort();
    for (uint32_t at = 0; at < SIZE; at += FERRY_PLAN_BLOCK) {
        uint32_t len = SIZE - at < FERRY_PLAN_BLOCK ? SIZE - at : FERRY_PLAN_BLOCK;
        plan->prints[at / FERRY_PLAN_BLOCK] = ferry_plan_fingerprint(FERRY_PLAN_PRINT, image + at, len);
    }
}

static void share(struct shared *self)
{
    memset(self, 0, sizeof *self);
    self->digest = ferry_posix_digest_init(&self->digest_port);
    self->deflate = ferry_posix_deflate_init(&self->deflate_port, NULL);
    self->pool = ferry_store_pool_new(&(struct ferry_store_cfg){.digest = &self->digest, .deflate = &self->deflate});
    self->target.chip = ferry_chip_by_name("esp32c3");
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    if (self->pool == NULL || plan == NULL)
        abort();
    plan->chip = self->target.chip;
    plan->count = 1;
    plan->regions[0] = (struct ferry_region){.address = 0x10000, .size = SIZE};
    plan->sources[0] = ferry_source_memory(&self->memory, image, SIZE);
    digest_plan(self, plan);
    print_plan(plan);
    struct ferry_store_key key = {.cargo = &self->cargo, .target = &self->target};
    self->store = ferry_store_open(self->pool, plan, &key, 0);
    if (self->store == NULL)
        abort();
    self->supply = ferry_store_supply(self->store);
}

static void unshare(struct shared *self)
{
    ferry_store_release(self->store);
    ferry_store_pool_free(self->pool);
    ferry_posix_digest_close(&self->digest_port);
    ferry_posix_deflate_close(&self->deflate_port);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Steps count worlds to the end of an operation, all of them every millisecond, as one thread does that polls its
// ports; *cpu = seconds in the engines, pumps, store and ports (not in the virtual chips).
static bool run_all(struct world **w, unsigned count, const struct ferry_rom_job *job, double *cpu)
{
    static struct world_part part;
    part = (struct world_part){0x10000, image, SIZE};
    bool open[MANY], good = true;
    unsigned left = count;
    for (unsigned i = 0; i < count; i++) {
        world_begin(w[i], job, &part, job->op == FERRY_ROM_WRITE);
        open[i] = true;
    }
    for (uint64_t now = world_now_us(w[0]); left > 0; now += 1000) {
        for (unsigned i = 0; i < count; i++)
            if (open[i] && world_now_us(w[i]) < now)
                world_advance(w[i], now);
        double before = cpu_s();
        for (unsigned i = 0; i < count; i++) {
            uint64_t next;
            if (open[i] && !world_step(w[i], &next)) {
                open[i] = false;
                left--;
            }
        }
        *cpu += cpu_s() - before;
    }
    for (unsigned i = 0; i < count; i++)
        good = world_finish(w[i]).status == 0 && good;
    return good && (job->op != FERRY_ROM_WRITE || world_holds(w[count - 1], &part, 1));
}

// Virtual seconds until the last of count targets is verified.
static double targets(unsigned count, double *cpu, bool *good)
{
    struct world *w[MANY];
    struct shared shared;
    share(&shared);
    for (unsigned i = 0; i < count; i++)
        w[i] = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true, .supply = &shared.supply});
    *cpu = 0;
    *good = run_all(w, count, &(struct ferry_rom_job){.op = FERRY_ROM_CONNECT}, cpu) &&
            run_all(w, count, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, cpu);
    uint64_t last = 0;
    for (unsigned i = 0; i < count; i++) {
        last = world_now_us(w[i]) > last ? world_now_us(w[i]) : last;
        world_free(w[i]);
    }
    unshare(&shared);
    return (double)last / 1e6;
}

static void many_targets(void)
{
    double cpu;
    bool good1, good8, good64;
    world_firmware(image, SIZE, 5);
    double one = targets(1, &cpu, &good1), eight = targets(8, &cpu, &good8);
    row("rom 8 targets from one read", eight / one, "x one", 1.05, good1 && good8);
    double all = targets(MANY, &cpu, &good64);
    row("rom 64 targets by one thread", cpu / all, "core", 0.5, good64);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (out = fopen(argv[1], "w")) == NULL) {
        fprintf(stderr, "usage: bench_rom RESULTS.json\n");
        return 2;
    }
    one_target();
    many_targets();
    fprintf(out, "\n]\n");
    fclose(out);
    return missed != 0;
}
