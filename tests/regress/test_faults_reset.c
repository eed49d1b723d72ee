// The target resets, or loses its power for a moment, at every step of a session (connect, write, leave): with lines it
// ends verified, without them verified or in a named error. The peer is the virtual chip, whose flash is left torn by a
// power cut in the middle of an erase or a program.
//
// Environment as in test_faults_matrix.c: FERRY_FAULTS_EVERY, _SHARE, _SEED, and _CASE ("c3-deflate-w1:brownout:123").
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/faults.h"

#define EVERY 401u
#define NEVER UINT64_MAX

struct shock_kind {
    const char *name;
    bool power; // taken away and given back; else the reset pin
    uint32_t off_us;
};

static const struct shock_kind kinds[] = {
    {"reset", false, 0},         // somebody presses RESET, a watchdog bites
    {"brownout", true, 3000},    // the supply dips
    {"power-on", true, 1500000}, // the plug is pulled and put back
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct shock {
    const struct shock_kind *kind;
    uint64_t at_step, steps;
    uint64_t on_us; // power comes back then
};

static unsigned every, share, shares, seed;
static unsigned long cases, verified, named, bad;

static void strike(void *ctx, struct world *w)
{
    struct shock *self = ctx;
    struct sim_chip *chip = world_chip(w);
    if (self->steps++ == self->at_step && self->kind != NULL) {
        if (self->kind->power) {
            sim_chip_power(chip, false);
            self->on_us = world_now_us(w) + self->kind->off_us;
        } else {
            sim_chip_lines(chip, true, false);
            sim_chip_lines(chip, false, false);
        }
    } else if (world_now_us(w) >= self->on_us) {
        self->on_us = NEVER;
        sim_flash_power_on(world_flash_chip(w));
        sim_chip_power(chip, true);
    }
}

static struct faults_outcome session(const struct faults_setup *setup, struct shock *shock)
{
    struct world_cfg cfg = faults_world(setup);
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    shock->on_us = NEVER;
    cfg.each_step = strike;
    cfg.ctx = shock;
    struct world *w = world_new(&cfg);
    struct world_result r = world_flash(w, parts, count);
    struct faults_outcome out = faults_judge(w, &r);
    world_free(w);
    return out;
}

static void run(size_t setup, const struct shock_kind *kind, uint64_t at)
{
    const struct faults_setup *s = faults_setup(setup);
    struct shock shock = {.kind = kind, .at_step = at};
    struct faults_outcome out = session(s, &shock);
    if (!out.verified && out.bad[0] == '\0' && !s->no_lines)
        snprintf(out.bad, sizeof out.bad, "an error although the lines could have brought it back");
    cases++;
    verified += out.verified;
    named += !out.verified && out.bad[0] == '\0';
    bad += out.bad[0] != '\0';
    if (out.bad[0] != '\0' || getenv("FERRY_FAULTS_CASE") != NULL || (!out.verified && getenv("FERRY_FAULTS_ALL")))
        print_message("FERRY_FAULTS_CASE=%s:%s:%llu: %s, %s at \"%s\" (%s), %.3f s; %s\n", s->name, kind->name,
                      (unsigned long long)at, out.verified ? "verified" : "not verified",
                      ferry_status_name(out.result.status), out.result.error.step, out.result.error.detail,
                      (double)out.result.us / 1e6, out.bad);
}

// "c3-deflate-w1:brownout:123"
static bool run_id(const char *id)
{
    char setup[FAULTS_ID_SIZE], kind[16];
    unsigned long long at;
    if (sscanf(id, "%63[^:]:%15[^:]:%llu", setup, kind, &at) != 3)
        return false;
    for (size_t s = 0; s < faults_setup_count(); s++)
        for (size_t k = 0; k < KINDS; k++)
            if (strcmp(faults_setup(s)->name, setup) == 0 && strcmp(kinds[k].name, kind) == 0) {
                run(s, &kinds[k], at);
                return true;
            }
    return false;
}

static void a_reset_at_a_step_of_the_session(void **state)
{
    (void)state;
    const char *only = getenv("FERRY_FAULTS_CASE");
    if (only != NULL)
        assert_true(run_id(only));
    for (size_t s = 0; only == NULL && s < faults_setup_count(); s++) {
        struct shock none = {.at_step = NEVER};
        struct faults_outcome clean = session(faults_setup(s), &none);
        assert_true(clean.verified);
        for (size_t k = 0; k < KINDS; k++) {
            uint64_t first = (seed + s * 37u + k * 53u) % every;
            for (uint64_t at = first + share * every; at < none.steps; at += (uint64_t)every * shares)
                run(s, &kinds[k], at);
        }
    }
    print_message("%lu cases (every %u., seed %u, share %u of %u): %lu verified, %lu in a named error, %lu bad\n",
                  cases, every, seed, share, shares, verified, named, bad);
    assert_true(cases > 0);
    assert_int_equal(bad, 0);
}

static unsigned number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

int main(void)
{
    every = number("FERRY_FAULTS_EVERY", EVERY);
    every = every > 0 ? every : 1;
    seed = number("FERRY_FAULTS_SEED", 1);
    shares = 1;
    const char *text = getenv("FERRY_FAULTS_SHARE");
    if (text != NULL && (sscanf(text, "%u/%u", &share, &shares) != 2 || shares == 0 || share >= shares)) {
        fprintf(stderr, "FERRY_FAULTS_SHARE is k/n with k < n\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_reset_at_a_step_of_the_session)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
