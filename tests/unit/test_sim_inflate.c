// The ROMs' inflater: zlib made the streams and is the judge of the good ones; what becomes of bad ones was seen on the
// real ROMs (sim/chip/README.md; tests/vectors/rom: defl_*).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "sim/chip/inflate.h"

#define RAW_MAX 200000u

static uint8_t raw[RAW_MAX], packed[RAW_MAX * 2], window[SIM_INFLATE_WINDOW], out[RAW_MAX + SIM_INFLATE_WINDOW];
static uint32_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static size_t pack(size_t len, int level, unsigned seed)
{
    random_state = seed;
    for (size_t i = 0; i < len; i++) { // runs and noise
        raw[i] = i && next_random() % 4 ? raw[next_random() % i] : (uint8_t)next_random();
        raw[i] = i > 100 && seed % 3 == 0 ? raw[i - 1 - i % 7] : raw[i];
    }
    uLongf size = sizeof packed;
    assert_int_equal(compress2(packed, &size, raw, (uLong)len, level), Z_OK);
    return size;
}

// Feeds pieces as the ROM does, until the input is used up; returns the last status, *got = bytes inflated.
static enum sim_inflate_status inflate_all(const uint8_t *in, size_t len, size_t piece, size_t *got)
{
    struct sim_inflate z;
    size_t at = 0, done = 0;
    enum sim_inflate_status status = SIM_INFLATE_NEEDS_INPUT;
    sim_inflate_init(&z);
    *got = 0;
    while (done < len && status >= 0) {
        size_t end = done + (piece ? piece : 1 + next_random() % 700);
        end = end < len ? end : len;
        do {
            size_t taken = end - done, made = 0;
            status = sim_inflate_run(&z, in + done, &taken, window, at, &made, end == len);
            assert_true(*got + made <= sizeof out);
            memcpy(out + *got, window + at, made);
            *got += made;
            done += taken;
            at = (at + made) % SIM_INFLATE_WINDOW;
        } while (status >= 0 && done < end);
    }
    return status;
}

static void inflates_what_zlib_deflates(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 100, 5000, 32767, 32768, 32769, 65536, 100001};
    for (unsigned seed = 1; seed < 7; seed++) {
        for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
            size_t len = pack(SIZES[i], (int)(seed * 3 % 10), seed), got;
            static const size_t PIECES[] = {1, 0, 0, 1024, 6144, RAW_MAX};
            assert_int_equal(inflate_all(packed, len, PIECES[seed - 1], &got), SIM_INFLATE_DONE);
            assert_int_equal(got, SIZES[i]);
            assert_memory_equal(out, raw, got);
        }
    }
}

static void tells_bad_streams_apart(void **state)
{
    (void)state;
    size_t got, len = pack(5000, 9, 2);
    packed[len - 1] ^= 1;
    assert_int_equal(inflate_all(packed, len, 1024, &got), SIM_INFLATE_BAD_CHECK);
    len = pack(5000, 9, 2);
    packed[0] = 0xff;
    assert_int_equal(inflate_all(packed, len, 1024, &got), SIM_INFLATE_FAILED);
    len = pack(5000, 0, 2); // stored, cut: nothing to make up the rest from
    assert_int_equal(inflate_all(packed, len / 2, 1024, &got), SIM_INFLATE_FAILED);
}

// The end of the last block reads as zero bits for ever: ordinary data that was cut goes on as rubbish.
static void a_cut_stream_goes_on_with_zeros(void **state)
{
    (void)state;
    size_t len = pack(20000, 9, 2), got;
    enum sim_inflate_status status = inflate_all(packed, len - 200, RAW_MAX, &got);
    assert_true(status == SIM_INFLATE_FAILED || got > 19000);
    assert_true(got > 15000);
    assert_memory_equal(out, raw, 15000);
}

// Distances that reach before the beginning find what an older session left in the window.
static void distances_are_not_checked(void **state)
{
    (void)state;
    // fixed block: length 3, distance 1, end of block
    const uint8_t stream[] = {0x78, 0x9c, 0x03, 0x02, 0x00, 0, 0, 0, 0};
    struct sim_inflate z;
    size_t taken = 5, made = 0;
    memset(window, 0x77, sizeof window);
    sim_inflate_init(&z);
    assert_int_equal(sim_inflate_run(&z, stream, &taken, window, 0, &made, false), SIM_INFLATE_NEEDS_INPUT);
    assert_int_equal(made, 3);
    assert_int_equal(window[0], 0x77);
}

// Behind its end a stream neither takes nor gives anything.
static void ends_for_good(void **state)
{
    (void)state;
    size_t len = pack(100, 9, 2), taken = len + 5, made = 0;
    struct sim_inflate z;
    sim_inflate_init(&z);
    assert_int_equal(sim_inflate_run(&z, packed, &taken, window, 0, &made, false), SIM_INFLATE_DONE);
    assert_int_equal(taken, len);
    taken = 5;
    assert_int_equal(sim_inflate_run(&z, packed, &taken, window, made, &made, false), SIM_INFLATE_DONE);
    assert_int_equal(taken, 0);
    assert_int_equal(made, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inflates_what_zlib_deflates),
        cmocka_unit_test(tells_bad_streams_apart),
        cmocka_unit_test(a_cut_stream_goes_on_with_zeros),
        cmocka_unit_test(distances_are_not_checked),
        cmocka_unit_test(ends_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
