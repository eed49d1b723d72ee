// The language of `ferry vchip --fault`, as its help describes it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/serve/faults.h"

static struct sim_serve_faults faults;
static char error[600];

static bool parse(const char *spec)
{
    error[0] = 0;
    return sim_serve_faults_parse(&faults, spec, error, sizeof error);
}

static void single_faults(void **state)
{
    (void)state;
    assert_true(parse("drop@10,flip@20:0x80,flip@21>,double@30<,stall@40>:2000ms") == false); // suffix comes last
    assert_true(parse("drop@10,flip@20:0x80,flip@21>,double@30<,stall@40:2000ms>"));
    assert_int_equal(faults.line.fault_count, 5);
    assert_ptr_equal(faults.line.faults, faults.list);
    const struct sim_fault want[] = {
        {SIM_FAULT_DROP, false, 10, 0, 0},   {SIM_FAULT_FLIP, false, 20, 0, 0x80},    {SIM_FAULT_FLIP, true, 21, 0, 0},
        {SIM_FAULT_DOUBLE, false, 30, 0, 0}, {SIM_FAULT_STALL, true, 40, 2000000, 0},
    };
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(faults.list[i].kind, want[i].kind);
        assert_int_equal(faults.list[i].to_host, want[i].to_host);
        assert_int_equal(faults.list[i].at_byte, want[i].at_byte);
        assert_int_equal(faults.list[i].stall_us, want[i].stall_us);
        assert_int_equal(faults.list[i].flip_mask, want[i].flip_mask);
    }
}

static void chances_and_times(void **state)
{
    (void)state;
    assert_true(parse("ber=1e-5,loss=0.25>,latency=2ms,jitter=150us"));
    assert_true(faults.line.ber_to_chip == 1e-5 && faults.line.ber_to_host == 1e-5);
    assert_true(faults.line.drop_to_chip == 0 && faults.line.drop_to_host == 0.25);
    assert_int_equal(faults.line.latency_us, 2000);
    assert_int_equal(faults.line.jitter_us, 150);
}

static void resets_and_power(void **state)
{
    (void)state;
    assert_true(parse("reset@5,reset@0x10>,power-cut@op=7:torn@250"));
    assert_int_equal(faults.reset_count, 2);
    assert_true(!faults.resets[0].to_host && faults.resets[0].at_byte == 5);
    assert_true(faults.resets[1].to_host && faults.resets[1].at_byte == 16);
    assert_true(faults.power_cut && faults.cut_op == 7 && faults.cut_kind == SIM_FLASH_CUT_TORN);
    assert_int_equal(faults.cut_permille, 250);
    assert_true(parse("power-cut@op=0:before") && faults.cut_kind == SIM_FLASH_CUT_BEFORE);
    assert_true(parse("power-cut@op=1:after") && faults.cut_kind == SIM_FLASH_CUT_AFTER);
    assert_true(parse("power-cut@op=1") && faults.cut_permille == 500);
}

static void errors_name_the_words(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "dorp@5",
        "drop",
        "drop@",
        "drop@x",
        "drop@-1",
        "drop@5x",
        "flip@5:0",
        "flip@5:256",
        "flip@5:",
        "stall@5",
        "stall@5:2",
        "stall@5:2h",
        "stall@5:9999999s",
        "ber=2",
        "ber=",
        "ber=x",
        "latency=5",
        "reset@",
        "reset@5:1",
        "power-cut@5",
        "power-cut@op=",
        "power-cut@op=1:half",
        "power-cut@op=1:torn@1000",
        "drop@5,,",
        ",drop@5",
        "drop@99999999999999999999999",
        "loss=1e-4<>",
        "power-cut@op=1:tornado",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (parse(BAD[i]))
            fail_msg("'%s' was taken", BAD[i]);
        assert_non_null(strstr(error, "--fault"));
        assert_non_null(strstr(error, "the words are: drop@N flip@N"));
    }
}

static void too_many(void **state)
{
    (void)state;
    char spec[4096];
    size_t n = 0;
    for (int i = 0; i < 65; i++)
        n += (size_t)snprintf(spec + n, sizeof spec - n, "%sdrop@%d", i ? "," : "", i);
    assert_false(parse(spec));
    assert_non_null(strstr(error, "too many"));
    *strrchr(spec, ',') = 0;
    assert_true(parse(spec));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_faults),    cmocka_unit_test(chances_and_times),
        cmocka_unit_test(resets_and_power), cmocka_unit_test(errors_name_the_words),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
