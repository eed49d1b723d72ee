// The panel's button and LED. Anchored outside by the table in panel.h, which is what a person reads: presses are given
// as a person makes them, with bouncing contacts, and the LED is watched millisecond by millisecond.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/panel.h"

static struct ferry_panel panel;
static uint32_t now;
static enum ferry_panel_action acted; // the last one
static unsigned actions;

static int fresh(void **state)
{
    (void)state;
    memset(&panel, 0, sizeof panel);
    now = 0xffffff00u; // the clock wraps on the way
    panel.since_ms = panel.raw_ms = now;
    acted = FERRY_PANEL_NOTHING;
    actions = 0;
    return 0;
}

static void hold(bool pressed, uint32_t ms)
{
    for (uint32_t t = 0; t < ms; t += 10, now += 10) {
        enum ferry_panel_action action = ferry_panel_button(&panel, pressed, now);
        if (action != FERRY_PANEL_NOTHING) {
            acted = action;
            actions++;
        }
    }
}

// Contacts bounce for 20 ms at each end.
static void press(uint32_t ms)
{
    for (int i = 0; i < 2; i++)
        hold(i == 0, 10);
    hold(true, ms);
    for (int i = 0; i < 2; i++)
        hold(i == 1, 10);
    hold(false, 60);
}

static void expect(enum ferry_panel_action action)
{
    hold(false, 1000);
    assert_int_equal(acted, action);
    assert_int_equal(actions, action == FERRY_PANEL_NOTHING ? 0 : 1);
}

static void a_short_press_starts(void **state)
{
    (void)state;
    press(120);
    expect(FERRY_PANEL_START);
}

static void two_presses_choose(void **state)
{
    (void)state;
    press(100);
    hold(false, 150);
    press(100);
    expect(FERRY_PANEL_NEXT);
}

static void two_slow_presses_are_two(void **state)
{
    (void)state;
    press(100);
    hold(false, 600);
    assert_int_equal(actions, 1);
    press(100);
    hold(false, 600);
    assert_int_equal(actions, 2);
    assert_int_equal(acted, FERRY_PANEL_START);
}

static void a_held_press_acts_while_down(void **state)
{
    (void)state;
    ferry_panel_set(&panel, FERRY_PANEL_WORKING, 0, now);
    hold(true, 1490);
    assert_int_equal(actions, 0);
    hold(true, 60);
    assert_int_equal(acted, FERRY_PANEL_ABORT);
    hold(true, 5000); // once
    expect(FERRY_PANEL_ABORT);
}

static void held_in_idle_forgets_the_choice(void **state)
{
    (void)state;
    press(1700);
    expect(FERRY_PANEL_FORGET);
}

static void short_presses_do_nothing_to_a_job(void **state)
{
    (void)state;
    ferry_panel_set(&panel, FERRY_PANEL_WORKING, 0, now);
    press(100);
    hold(false, 150);
    press(100);
    expect(FERRY_PANEL_NOTHING);
    press(100);
    expect(FERRY_PANEL_NOTHING);
}

static void noise_is_no_press(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        hold(true, 20);
        hold(false, 40);
    }
    expect(FERRY_PANEL_NOTHING);
}

// ---- the LED ----

// Counts how often it goes on within ms, and how long it is on.
static unsigned watch(uint32_t ms, uint32_t *lit)
{
    unsigned count = 0;
    bool was = false;
    *lit = 0;
    for (uint32_t t = 0; t < ms; t++) {
        bool is = ferry_panel_led(&panel, now + t);
        count += is && !was;
        *lit += is;
        was = is;
    }
    return count;
}

static void led_says_the_state(void **state)
{
    (void)state;
    static const struct {
        enum ferry_panel_state state;
        uint32_t ms, lit;
        unsigned count;
    } rows[] = {{FERRY_PANEL_READY, 3000, 50, 1},
                {FERRY_PANEL_NO_CARD, 3000, 200, 2},
                {FERRY_PANEL_SEEKING, 2000, 1000, 1},
                {FERRY_PANEL_WORKING, 2000, 1000, 10},
                {FERRY_PANEL_DONE, 10000, 10000, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t lit;
        ferry_panel_set(&panel, rows[i].state, 0, now);
        assert_int_equal(watch(rows[i].ms, &lit), rows[i].count);
        assert_int_equal(lit, rows[i].lit);
    }
}

// The blinks are the exit code of the command line for the same failure.
static void led_counts_the_failure(void **state)
{
    (void)state;
    static const int failures[] = {FERRY_ERR_AMBIGUOUS,   FERRY_ERR_NO_ANSWER,       FERRY_ERR_VERIFY,
                                   FERRY_ERR_IMAGE_CHIP,  FERRY_ERR_STORAGE_MISSING, FERRY_ERR_WIRE_IO,
                                   FERRY_ERR_STORAGE_READ};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        uint32_t lit, number = (uint32_t)ferry_status_exit_code(failures[i]);
        ferry_panel_set(&panel, FERRY_PANEL_FAILED, failures[i], now);
        assert_in_range(number, 2, 6);
        assert_int_equal(watch(number * 1200 + 2000, &lit), number);
        assert_int_equal(lit, number * 600);
    }
}

static void led_shows_the_choice(void **state)
{
    (void)state;
    uint32_t lit;
    ferry_panel_choose(&panel, 3, now);
    assert_int_equal(watch(2200, &lit), 3);
    now += FERRY_PANEL_CHOSEN_MS;
    assert_int_equal(watch(3000, &lit), 1);
    ferry_panel_choose(&panel, 3, now);
    ferry_panel_set(&panel, FERRY_PANEL_WORKING, 0, now); // a job has begun: that is what matters
    assert_int_equal(watch(2000, &lit), 10);
}

static void an_empty_port_does_not_spoil_the_other(void **state)
{
    (void)state;
    int status;
    struct ferry_panel_port ports[2] = {0};
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_READY);
    assert_int_equal(ferry_panel_sum(ports, 2, false, &status), FERRY_PANEL_NO_CARD);
    ports[0].running = true;
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_SEEKING);
    ports[0].connected = true;
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_WORKING);
    ports[0] = (struct ferry_panel_port){.ended = true, .answered = true};
    ports[1] = (struct ferry_panel_port){.ended = true, .status = FERRY_ERR_NO_ANSWER};
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_DONE);
    ports[0].status = FERRY_ERR_VERIFY;
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_FAILED);
    assert_int_equal(status, FERRY_ERR_VERIFY);
    ports[0] = ports[1];
    assert_int_equal(ferry_panel_sum(ports, 2, true, &status), FERRY_PANEL_FAILED);
    assert_int_equal(status, FERRY_ERR_NO_ANSWER);
    ports[0] = (struct ferry_panel_port){.ended = true, .answered = true, .status = FERRY_ERR_STORAGE_READ};
    assert_int_equal(ferry_panel_sum(ports, 2, false, &status), FERRY_PANEL_FAILED); // the card went: say so first
    assert_int_equal(status, FERRY_ERR_STORAGE_READ);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_short_press_starts, fresh),
        cmocka_unit_test_setup(two_presses_choose, fresh),
        cmocka_unit_test_setup(two_slow_presses_are_two, fresh),
        cmocka_unit_test_setup(a_held_press_acts_while_down, fresh),
        cmocka_unit_test_setup(held_in_idle_forgets_the_choice, fresh),
        cmocka_unit_test_setup(short_presses_do_nothing_to_a_job, fresh),
        cmocka_unit_test_setup(noise_is_no_press, fresh),
        cmocka_unit_test_setup(led_says_the_state, fresh),
        cmocka_unit_test_setup(led_counts_the_failure, fresh),
        cmocka_unit_test_setup(led_shows_the_choice, fresh),
        cmocka_unit_test_setup(an_empty_port_does_not_spoil_the_other, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
