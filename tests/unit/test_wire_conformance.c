// The conformance suite: every case of tests/support/conformance_*.c on every wire, in virtual time. What has to be
// true comes from docs/protocol/link.md; what is in flash is compared byte by byte with what was sent.
//
//   test_wire_conformance [WIRE [CASE]]   only wires and cases with these words in their names
#include "tests/support/conformance.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST 2048

struct one {
    const struct conf_wire *wire;
    const struct conf_case *test;
    char name[120];
};

static struct one ones[MOST];
static struct CMUnitTest tests[MOST];
static size_t count, cases, everywhere;

static void run(void **state)
{
    static struct conf c;
    const struct one *o = *state;
    conf_init(&c, o->wire);
    o->test->run(&c);
    conf_close(&c);
}

static void add(const struct conf_wire *wire, const struct conf_case *test, const char *only)
{
    struct one *o = &ones[count];
    if ((test->needs & ~wire->traits) || (only && !strstr(test->name, only)) || count == MOST)
        return;
    *o = (struct one){.wire = wire, .test = test};
    snprintf(o->name, sizeof o->name, "%s: %s", wire->name, test->name);
    tests[count++] = (struct CMUnitTest){.name = o->name, .test_func = run, .initial_state = o};
}

static void add_all(const struct conf_case *list, size_t n, const char *wire, const char *only)
{
    for (size_t w = 0; w < conf_wire_count; w++)
        for (size_t i = 0; i < n && (!wire || strstr(conf_wires[w].name, wire)); i++)
            add(&conf_wires[w], &list[i], only);
    for (size_t i = 0; i < n; i++)
        everywhere += list[i].needs == 0;
    cases += n;
}

int main(int argc, char **argv)
{
    const char *wire = argc > 1 ? argv[1] : NULL, *only = argc > 2 ? argv[2] : NULL;
    add_all(conf_transfer_cases, conf_transfer_count, wire, only);
    add_all(conf_trouble_cases, conf_trouble_count, wire, only);
    add_all(conf_rule_cases, conf_rule_count, wire, only);
    int failed = _cmocka_run_group_tests("wire conformance", tests, count, NULL, NULL);
    printf("%zu cases (%zu of them on every wire), %zu wires: %zu runs, %d failed\n", cases, everywhere,
           conf_wire_count, count, failed);
    return failed || everywhere < 60;
}
