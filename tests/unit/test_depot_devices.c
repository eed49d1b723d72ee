// What devices are told at a check-in, and how people and devices write their names: on SQLite and on a real
// PostgreSQL. Anchors: Arduino's own spellings of MAC and chip (WiFi.macAddress(), ESP.getChipModel()), the databases'
// command lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/depot_rig.h"

#define MAC_A "24:0a:c4:00:01:10"

static struct ferry_depot_verdict ask(struct depot_rig *rig, const char *project, const char *channel,
                                      const char *default_project, const char *default_channel)
{
    struct ferry_depot_device device = {.mac = MAC_A, .chip = "esp32"};
    struct ferry_depot_verdict verdict;
    snprintf(device.project, sizeof device.project, "%s", project);
    snprintf(device.channel, sizeof device.channel, "%s", channel);
    DEPOT_GOOD(rig->depot, ferry_depot_ask(rig->depot,
                                           &(struct ferry_depot_question){.device = &device,
                                                                          .default_project = default_project,
                                                                          .default_channel = default_channel},
                                           &verdict));
    return verdict;
}

static void expect(struct ferry_depot_verdict got, const char *project, const char *channel, int64_t build)
{
    assert_string_equal(got.project, project);
    assert_string_equal(got.channel, channel);
    assert_int_equal(got.build.id, build);
    assert_int_equal(got.answer, build ? FERRY_DEPOT_UPDATE : FERRY_DEPOT_NOTHING);
}

// "keep the lab on beta": what firmware has built in does not undo it.
static void an_operators_channel_wins(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_device device;
    int64_t stable = depot_rig_build(rig, "blink", "1", "esp32", 100, 1);
    int64_t beta = depot_rig_build(rig, "blink", "2", "esp32", 100, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", stable));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "beta", beta));
    expect(ask(rig, "blink", "stable", 0, 0), "blink", "stable", stable);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, MAC_A, 0, "beta"));
    expect(ask(rig, "blink", "stable", 0, "stable"), "blink", "beta", beta);
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
    assert_true(device.assigned);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, MAC_A, "a name", 0)); // which says nothing about the channel
    expect(ask(rig, "blink", "stable", 0, 0), "blink", "beta", beta);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, MAC_A, 0, "")); // none: leave it alone
    expect(ask(rig, "blink", "stable", 0, "beta"), "blink", "", 0);
    DEPOT_GOOD(rig->depot, ferry_depot_device_change(rig->depot, MAC_A,
                                                     &(struct ferry_depot_device_change){.release_channel = true}));
    expect(ask(rig, "blink", "stable", 0, 0), "blink", "stable", stable);
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
    assert_false(device.assigned);
    assert_string_equal(device.name, "a name");
}

static void defaults_are_for_who_has_none(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_device device;
    int64_t blink = depot_rig_build(rig, "blink", "1", "esp32", 100, 1);
    int64_t other = depot_rig_build(rig, "other", "1", "esp32", 100, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", blink));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", other));
    expect(ask(rig, "", "", 0, 0), "", "", 0);
    // Blank, or with firmware that the depot has never heard of: what it is to become.
    expect(ask(rig, "", "", "blink", "stable"), "blink", "stable", blink);
    expect(ask(rig, "arduino-lib-builder", "", "blink", 0), "blink", "stable", blink); // the channel was stored
    expect(ask(rig, "arduino-lib-builder", "", 0, 0), "arduino-lib-builder", "stable", 0);
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
    assert_string_equal(device.project, "arduino-lib-builder"); // what it runs, all the same
    // One with a project of its own is never moved to another one.
    expect(ask(rig, "other", "", "blink", "beta"), "other", "stable", other);
    expect(ask(rig, "", "", "blink", "beta"), "other", "stable", other);
    expect(ask(rig, "arduino-lib-builder", "", "blink", "beta"), "other", "stable", other);
    DEPOT_GOOD(rig->depot,
               ferry_depot_device_change(rig->depot, MAC_A, &(struct ferry_depot_device_change){.project = "blink"}));
    expect(ask(rig, "", "", 0, 0), "blink", "stable", blink);
}

static void a_mac_as_people_write_it(void **state)
{
    static const char *const good[] = {"24:0A:C4:00:01:10", "240ac4000110", "24-0a-C4-00-01-10", "240AC4000110"};
    static const char *const bad[] = {"",
                                      "24:0a:c4:00:01",
                                      "24:0a:c4:00:01:1",
                                      "24:0a:c4:00:01:100",
                                      "24:0a:c4:00:01:1g",
                                      "24:0a-c4:00-01:10",
                                      "24 0a c4 00 01 10",
                                      "24:0ac4000110",
                                      "240a:c400:0110",
                                      ":24:0a:c4:00:01:1",
                                      "24::a:c4:00:01:10",
                                      "24:0a:c4:00:01:10:",
                                      "240ac400011",
                                      "24:0a:c4:00:01:1\n"};
    struct depot_rig *rig = *state;
    struct ferry_depot_device device = {.chip = "esp32"};
    struct ferry_depot_job job;
    enum ferry_depot_answer answer;
    int64_t id, build = depot_rig_build(rig, "blink", "1", "esp32", 100, 1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(device.mac, sizeof device.mac, "%s", good[i]);
        DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, 0));
        DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, good[i], &id));
        DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, id, &job));
        assert_string_equal(job.mac, MAC_A);
        assert_int_equal(
            ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "w", .mac = good[i]}, &job), 1);
        DEPOT_GOOD(rig->depot, ferry_depot_job_cancel(rig->depot, id));
        assert_int_equal(ferry_depot_job_list(rig->depot, &(struct ferry_depot_job_filter){.mac = good[i]}, &job, 1),
                         1);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ferry_depot_device_get(rig->depot, bad[i], &device), FERRY_ERR_ARG);
        if (*bad[i])
            assert_int_equal(ferry_depot_job_add(rig->depot, build, bad[i], &id), FERRY_ERR_ARG);
    }
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM device WHERE mac = '" MAC_A "'"), 1);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM device"), 1);
}

static void a_chip_as_its_own_library_says_it(void **state)
{
    static const struct {
        const char *said, *chip;
    } table[] = {{"ESP32-C3", "esp32c3"},
                 {"ESP32-D0WDQ6", "esp32"},
                 {"ESP32-D0WD-V3", "esp32"},
                 {"ESP32-PICO-D4", "esp32"},
                 {"ESP32-S3", "esp32s3"},
                 {"ESP32-S2FH32", "esp32s2"},
                 {"esp32_c6", "esp32c6"},
                 {"ESP32-P4", "esp32p4"},
                 {"ESP32-U4WDH", "esp32"},
                 {"ESP32-PICO-V3", "esp32"},
                 {"esp8266", "esp8266"},
                 {"ESP32-C61", "esp32c61"},
                 {"ESP32-C3FH4", "esp32c3"},
                 {"ESP32-C99", 0},
                 {"ESP99", 0},
                 {"ESP32-C3 or so", 0},
                 {"Unknown", 0},
                 {"esp", 0}};
    struct depot_rig *rig = *state;
    struct ferry_depot_device device = {.mac = MAC_A};
    enum ferry_depot_answer answer;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(device.chip, sizeof device.chip, "%s", table[i].said);
        int status = depot_rig_checkin(rig->depot, &device, &answer, 0);
        if (status != (table[i].chip ? FERRY_OK : FERRY_ERR_UNKNOWN_CHIP))
            fail_msg("%s gave %s", table[i].said, ferry_status_name(status));
        if (status < 0)
            continue;
        DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
        assert_string_equal(device.chip, table[i].chip);
    }
}

static void which_devices_still_run_that(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_device device = {.chip = "esp32", .project = "blink"}, found[8];
    enum ferry_depot_answer answer;
    int64_t now;
    for (unsigned i = 0; i < 6; i++) {
        snprintf(device.mac, sizeof device.mac, "24:0a:c4:00:01:%02x", i);
        snprintf(device.version, sizeof device.version, "1.%u", i % 2);
        snprintf(device.channel, sizeof device.channel, "%s", i == 3 ? "beta" : "");
        DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, 0));
        depot_rig_jump(rig, 1000000);
    }
    assert_int_equal(
        ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.version = "1.1"}, found, 8), 3);
    assert_int_equal(
        ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.channel = "beta"}, found, 8), 1);
    assert_string_equal(found[0].mac, "24:0a:c4:00:01:03");
    assert_int_equal(ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.project = "x"}, found, 8),
                     0);
    assert_int_equal(
        ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.after = found[0].mac}, found, 8), 2);
    DEPOT_GOOD(rig->depot, ferry_depot_now(rig->depot, &now));
    assert_int_equal(ferry_depot_device_find(
                         rig->depot, &(struct ferry_depot_device_filter){.seen_before_ms = now - 3500000}, found, 8),
                     3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, depot_rig_fresh, depot_rig_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_operators_channel_wins),         CASE(defaults_are_for_who_has_none), CASE(a_mac_as_people_write_it),
        CASE(a_chip_as_its_own_library_says_it), CASE(which_devices_still_run_that),
    };
    int failed = cmocka_run_group_tests_name("devices on sqlite", tests, depot_rig_sqlite, depot_rig_end);
    return failed + cmocka_run_group_tests_name("devices on postgresql", tests, depot_rig_postgres, depot_rig_end);
}
