// One fault (a byte lost, flipped, doubled, or followed by two seconds of silence) at every byte of a whole session, in
// both directions. The peer is the virtual chip; what the flash holds in the end is compared here, not by the client.
//
// Alone it runs a share, every n-th position beginning at a seeded one. Environment:
//     FERRY_FAULTS_EVERY=1       every position (make faults)
//     FERRY_FAULTS_SHARE=k/n     the k-th of n shares of that (processes side by side)
//     FERRY_FAULTS_SEED=number   where the positions begin
//     FERRY_FAULTS_SETUP=text    only setups whose name has it ("32-", "-hand")
//     FERRY_FAULTS_CASE=id       one case, as a failing one was printed
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

#define EVERY 101u // of the share that every test run does
#define MAX_PRINTED 40u

static unsigned every, share, shares, seed;

static struct {
    unsigned long cases, verified, named, bad, outside, printed;
    unsigned long by_status[128];
    uint64_t longest_us;
    struct faults_case longest;
} sum;

static unsigned number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void count(const struct faults_case *c, const struct faults_outcome *out)
{
    sum.cases++;
    sum.verified += out->verified;
    sum.outside += out->outside;
    if (out->result.us > sum.longest_us) {
        sum.longest_us = out->result.us;
        sum.longest = *c;
    }
    if (out->bad[0] != '\0') {
        sum.bad++;
    } else if (out->result.status != 0) {
        sum.named++;
        sum.by_status[-out->result.status]++;
    }
}

static void tell(const struct faults_case *c, const struct faults_outcome *out)
{
    char id[FAULTS_ID_SIZE];
    faults_id(c, id);
    print_message("FERRY_FAULTS_CASE=%s: %s, %s at \"%s\" (%s), %.3f s, %u repetitions%s%s%s\n", id,
                  out->verified ? "verified" : "not verified", ferry_status_name(out->result.status),
                  out->result.error.step != NULL ? out->result.error.step : "",
                  out->result.error.detail != NULL ? out->result.error.detail : "", (double)out->result.us / 1e6,
                  (unsigned)out->result.retries, out->outside ? ", bytes outside of the image changed" : "",
                  out->bad[0] != '\0' ? "; BAD: " : "", out->bad);
}

// With lines one fault never ends in an error: whatever state it leaves the chip in, a reset brings it back.
static bool worth_telling(const struct faults_case *c, const struct faults_outcome *out)
{
    return out->bad[0] != '\0' || (!out->verified && !faults_setup(c->setup)->no_lines);
}

static void run(const struct faults_case *c)
{
    struct faults_outcome out = faults_run(c);
    if (worth_telling(c, &out) && out.bad[0] == '\0')
        snprintf(out.bad, sizeof out.bad, "an error although the lines could have brought it back");
    count(c, &out);
    if (getenv("FERRY_FAULTS_CASE") != NULL || getenv("FERRY_FAULTS_ALL") != NULL
            ? out.result.status != 0 || getenv("FERRY_FAULTS_CASE") != NULL
            : out.bad[0] != '\0' && sum.printed < MAX_PRINTED) {
        sum.printed++;
        tell(c, &out);
    }
}

static void run_direction(size_t setup, bool to_host, uint64_t bytes)
{
    unsigned step = every * shares;
    for (int kind = SIM_FAULT_DROP; kind <= SIM_FAULT_STALL; kind++) {
        // Another beginning for every row, so that the share of one run looks at many different places.
        unsigned first = (seed + (unsigned)setup * 37u + (unsigned)kind * 83u + to_host * 17u) % every;
        for (uint64_t at = first + share * every; at < bytes; at += step)
            run(&(struct faults_case){.setup = setup, .kind = (enum sim_fault_kind)kind, .to_host = to_host, .at = at});
    }
}

static void one_fault_at_a_byte_of_the_session(void **state)
{
    (void)state;
    const char *only = getenv("FERRY_FAULTS_CASE");
    struct faults_case one;
    if (only != NULL) {
        assert_true(faults_parse(only, &one));
        run(&one);
    }
    const char *like = getenv("FERRY_FAULTS_SETUP");
    for (size_t setup = 0; only == NULL && setup < faults_setup_count(); setup++) {
        uint64_t to_chip, to_host;
        if (like != NULL && strstr(faults_setup(setup)->name, like) == NULL)
            continue;
        faults_lengths(setup, &to_chip, &to_host);
        print_message("%-20s %6llu bytes to the chip, %6llu to the host\n", faults_setup(setup)->name,
                      (unsigned long long)to_chip, (unsigned long long)to_host);
        run_direction(setup, false, to_chip);
        run_direction(setup, true, to_host);
    }
    print_message("%lu cases (every %u., seed %u, share %u of %u): %lu verified, %lu in a named error, %lu bad\n",
                  sum.cases, every, seed, share, shares, sum.verified, sum.named, sum.bad);
    for (int i = 0; i < 128; i++)
        if (sum.by_status[i] > 0)
            print_message("    %6lu %s\n", sum.by_status[i], ferry_status_name(-i));
    char id[FAULTS_ID_SIZE];
    faults_id(&sum.longest, id);
    print_message("longest: %.1f s of virtual time (%s); %lu changed bytes outside of the image\n",
                  (double)sum.longest_us / 1e6, id, sum.outside);
    assert_true(sum.cases > 0);
    assert_int_equal(sum.bad, 0);
}

static void every_id_names_its_case(void **state)
{
    (void)state;
    for (size_t setup = 0; setup < faults_setup_count(); setup++) {
        struct faults_case c = {.setup = setup, .kind = SIM_FAULT_FLIP, .to_host = setup % 2, .at = 70 + setup}, got;
        char id[FAULTS_ID_SIZE];
        faults_id(&c, id);
        assert_true(faults_parse(id, &got));
        assert_true(got.setup == c.setup && got.kind == c.kind && got.to_host == c.to_host && got.at == c.at);
    }
    struct faults_case got;
    assert_false(faults_parse("c3-deflate-w1:drop:chip", &got));
    assert_false(faults_parse("c3-deflate-w9:drop:chip:1", &got));
    assert_false(faults_parse("c3-deflate-w1:lose:chip:1", &got));
    assert_false(faults_parse("c3-deflate-w1:drop:both:1", &got));
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_names_its_case),
        cmocka_unit_test(one_fault_at_a_byte_of_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
