// Devices, jobs and tokens of the depot, on SQLite and on a real PostgreSQL: the same cases on both. Anchors: the
// databases' own command lines, which also move the clock.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/depot_rig.h"

// ---- devices ----

static void check_in(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_device device = {.mac = "24:0a:c4:00:01:10", .chip = "esp32", .project = "blink"}, list[4];
    struct ferry_depot_build build, one;
    enum ferry_depot_answer answer;
    int64_t id = depot_rig_build(rig, "blink", "1", "esp32", 1000, 1);
    DEPOT_GOOD(rig->depot, ferry_depot_build_get(rig->depot, id, &one));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", id));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_NOTHING); // it follows no channel
    strcpy(device.channel, "stable");
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_UPDATE);
    assert_int_equal(build.id, id);
    device.channel[0] = 0; // it is remembered
    memcpy(device.running_sha256, one.app_sha256, 32);
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_CURRENT);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, device.mac, "kitchen", 0));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, 0));
    assert_int_equal(ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.after = 0}, list, 4), 1);
    assert_string_equal(list[0].name, "kitchen");
    assert_string_equal(list[0].channel, "stable");
    assert_true(list[0].first_seen_ms > 1600000000000 && list[0].last_seen_ms >= list[0].first_seen_ms);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, device.mac, 0, ""));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, 0));
    assert_int_equal(answer, FERRY_DEPOT_NOTHING);
    assert_int_equal(
        ferry_depot_device_find(rig->depot, &(struct ferry_depot_device_filter){.after = device.mac}, list, 4), 0);
    strcpy(device.mac, "24:0A:C4:00:01:1");
    assert_int_equal(depot_rig_checkin(rig->depot, &device, &answer, 0), FERRY_ERR_ARG);
    strcpy(device.mac, "24:0a:c4:00:01:10");
    DEPOT_GOOD(rig->depot, ferry_depot_device_remove(rig->depot, device.mac));
    assert_int_equal(ferry_depot_device_get(rig->depot, device.mac, &list[0]), FERRY_ERR_STORAGE_MISSING);
}

// ---- jobs ----

static int claim(struct ferry_depot *depot, const char *worker, struct ferry_depot_job *job)
{
    return ferry_depot_job_claim(depot, &(struct ferry_depot_claim){.worker = worker}, job);
}

static int report(struct ferry_depot *depot, const struct ferry_depot_job *job, enum ferry_depot_job_state how)
{
    return ferry_depot_job_report(depot, job->id, job->worker, job->attempt,
                                  &(struct ferry_depot_report){.state = how, .bytes_done = 5, .bytes_total = 10});
}

static void a_job_from_queue_to_done(void **state)
{
    static const uint8_t hash[32] = {1, 2, 3};
    struct depot_rig *rig = *state;
    struct ferry_depot_job job, seen[4];
    struct ferry_depot_device device;
    int64_t build = depot_rig_build(rig, "blink", "1", "esp32", 1000, 1), id;
    assert_int_equal(claim(rig->depot, "a", &job), 0);
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, "24:0a:c4:00:01:10", &id));
    assert_int_equal(claim(rig->depot, "", &job), FERRY_ERR_ARG);
    assert_int_equal(
        ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "a", .chip = "esp32c3"}, &job), 0);
    assert_int_equal(
        ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "a", .mac = "24:0a:c4:00:01:11"}, &job),
        0);
    assert_int_equal(
        ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "a", .mac = "24:0a:c4:00:01:10"}, &job),
        1);
    assert_int_equal(job.id, id);
    assert_int_equal(job.state, FERRY_DEPOT_JOB_CLAIMED);
    assert_true(job.lease_until_ms - job.claimed_ms == FERRY_DEPOT_LEASE_MS);
    assert_int_equal(claim(rig->depot, "b", &job), 0); // it is gone
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, id, &job));
    DEPOT_GOOD(rig->depot, report(rig->depot, &job, FERRY_DEPOT_JOB_RUNNING));
    DEPOT_GOOD(rig->depot,
               ferry_depot_job_list(rig->depot, &(struct ferry_depot_job_filter){.states = 1u << 2}, seen, 4));
    assert_int_equal(seen[0].bytes_done, 5);
    assert_true(seen[0].revision > job.revision);
    DEPOT_GOOD(rig->depot, ferry_depot_job_report(rig->depot, id, "a", job.attempt,
                                                  &(struct ferry_depot_report){.state = FERRY_DEPOT_JOB_DONE,
                                                                               .bytes_written = 900,
                                                                               .bytes_skipped = 100,
                                                                               .running_sha256 = hash}));
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, id, &job));
    assert_int_equal(job.state, FERRY_DEPOT_JOB_DONE);
    assert_string_equal(job.status, "OK");
    assert_int_equal(job.bytes_written, 900);
    assert_true(job.finished_ms >= job.claimed_ms);
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, "24:0a:c4:00:01:10", &device));
    assert_memory_equal(device.running_sha256, hash, 32);
    assert_string_equal(device.version, "1");
    assert_int_equal(report(rig->depot, &job, FERRY_DEPOT_JOB_RUNNING), FERRY_ERR_CANCELLED); // it is over
    assert_int_equal(ferry_depot_job_cancel(rig->depot, id), FERRY_ERR_STATE);
    assert_int_equal(ferry_depot_job_cancel(rig->depot, id + 7), FERRY_ERR_STORAGE_MISSING);
}

static void a_dead_updaters_claim_runs_out(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job first, second;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    assert_int_equal(claim(rig->depot, "a", &first), 1);
    depot_rig_jump(rig, 50000);
    assert_int_equal(claim(rig->depot, "b", &second), 0);
    DEPOT_GOOD(rig->depot, report(rig->depot, &first, FERRY_DEPOT_JOB_RUNNING)); // renews
    depot_rig_jump(rig, 50000);
    assert_int_equal(claim(rig->depot, "b", &second), 0);
    depot_rig_jump(rig, 11000);
    assert_int_equal(claim(rig->depot, "b", &second), 1);
    assert_int_equal(second.id, id);
    assert_int_equal(second.attempt, first.attempt + 1);
    assert_int_equal(report(rig->depot, &first, FERRY_DEPOT_JOB_DONE), FERRY_ERR_CANCELLED); // it comes back too late
    DEPOT_GOOD(rig->depot, report(rig->depot, &second, FERRY_DEPOT_JOB_DONE));
}

// An updater that was restarted has its old name; what its former life still says does not count.
static void the_same_worker_again(void **state)
{
    static const enum ferry_depot_job_state all[] = {FERRY_DEPOT_JOB_RUNNING, FERRY_DEPOT_JOB_QUEUED,
                                                     FERRY_DEPOT_JOB_DONE, FERRY_DEPOT_JOB_FAILED};
    struct depot_rig *rig = *state;
    struct ferry_depot_job before, now;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    assert_int_equal(claim(rig->depot, "a", &before), 1);
    depot_rig_jump(rig, 61000);
    assert_int_equal(claim(rig->depot, "a", &now), 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(report(rig->depot, &before, all[i]), FERRY_ERR_CANCELLED);
    strcpy(before.worker, "b"); // nor what another says with the right number
    before.attempt = now.attempt;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(report(rig->depot, &before, all[i]), FERRY_ERR_CANCELLED);
    DEPOT_GOOD(rig->depot, report(rig->depot, &now, FERRY_DEPOT_JOB_DONE));
}

static void a_late_report_counts_while_nobody_else_has_it(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job job, other;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    assert_int_equal(claim(rig->depot, "a", &job), 1);
    depot_rig_jump(rig, 3600000); // the server's clock was set right: an hour
    DEPOT_GOOD(rig->depot, report(rig->depot, &job, FERRY_DEPOT_JOB_RUNNING));
    assert_int_equal(claim(rig->depot, "b", &other), 0);
    DEPOT_GOOD(rig->depot, report(rig->depot, &job, FERRY_DEPOT_JOB_DONE));
}

// Back by a year: the claim of a dead updater must not last that long.
static void a_clock_that_goes_back_does_not_block(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job job, other;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    assert_int_equal(claim(rig->depot, "a", &job), 1);
    depot_rig_jump(rig, -30000); // a little back: still held
    assert_int_equal(claim(rig->depot, "b", &other), 0);
    depot_rig_jump(rig, -365ll * 86400 * 1000);
    assert_int_equal(claim(rig->depot, "b", &other), 1);
    assert_int_equal(report(rig->depot, &job, FERRY_DEPOT_JOB_RUNNING), FERRY_ERR_CANCELLED);
    DEPOT_GOOD(rig->depot, report(rig->depot, &other, FERRY_DEPOT_JOB_DONE));
}

static void a_job_that_kills_updaters_ends(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job job;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    for (int i = 0; i < FERRY_DEPOT_ATTEMPTS; i++) {
        assert_int_equal(claim(rig->depot, "a", &job), 1);
        depot_rig_jump(rig, 61000);
    }
    assert_int_equal(claim(rig->depot, "a", &job), 0);
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, id, &job));
    assert_int_equal(job.state, FERRY_DEPOT_JOB_FAILED);
    assert_string_equal(job.status, "TIMEOUT");
}

static void cancelled_and_given_back(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job job, again;
    int64_t id;
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "1", "esp32", 100, 1), "", &id));
    assert_int_equal(claim(rig->depot, "a", &job), 1);
    DEPOT_GOOD(rig->depot, report(rig->depot, &job, FERRY_DEPOT_JOB_QUEUED));
    assert_int_equal(claim(rig->depot, "b", &again), 1);
    assert_int_equal(again.id, id);
    DEPOT_GOOD(rig->depot, ferry_depot_job_cancel(rig->depot, id));
    assert_int_equal(report(rig->depot, &again, FERRY_DEPOT_JOB_RUNNING), FERRY_ERR_CANCELLED);
    assert_int_equal(claim(rig->depot, "c", &again), 0);
    assert_int_equal(report(rig->depot, &again, FERRY_DEPOT_JOB_CANCELLED), FERRY_ERR_ARG);
}

// ---- one device, one claim ----

#define MAC_A "24:0a:c4:00:01:10"
#define MAC_B "24:0a:c4:00:01:11"

static int claim_for(struct ferry_depot *depot, const char *worker, const char *mac, struct ferry_depot_job *job)
{
    return ferry_depot_job_claim(depot, &(struct ferry_depot_claim){.worker = worker, .mac = mac}, job);
}

static void a_device_is_worked_on_by_one(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job one, two, three;
    int64_t first, second, any, build = depot_rig_build(rig, "p", "1", "esp32", 100, 1);
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, MAC_A, &first));
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, MAC_A, &second));
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, "", &any));
    assert_int_equal(claim_for(rig->depot, "a", 0, &one), 1);
    assert_int_equal(one.id, first);
    assert_int_equal(claim_for(rig->depot, "b", MAC_A, &two), 0); // neither its second job nor the one for any
    assert_int_equal(claim_for(rig->depot, "b", MAC_B, &two), 1);
    assert_int_equal(two.id, any);
    assert_int_equal(claim_for(rig->depot, "c", 0, &three), 0); // only the second one is left, and its device is held
    DEPOT_GOOD(rig->depot, report(rig->depot, &one, FERRY_DEPOT_JOB_DONE));
    assert_int_equal(claim_for(rig->depot, "c", 0, &three), 1);
    assert_int_equal(three.id, second);
}

// A job for any device, claimed for one: that one is held.
static void a_job_for_any_holds_what_it_was_claimed_for(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job one, two;
    struct ferry_depot_device device;
    int64_t any, named, build = depot_rig_build(rig, "p", "1", "esp32", 100, 1);
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, "", &any));
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, MAC_A, &named));
    assert_int_equal(claim_for(rig->depot, "a", MAC_A, &one), 1);
    assert_int_equal(one.id, any);
    assert_int_equal(claim_for(rig->depot, "b", MAC_A, &two), 0);
    assert_int_equal(claim_for(rig->depot, "b", 0, &two), 0);
    depot_rig_jump(rig, 61000); // the first one has died: it lets go of the device as well
    assert_int_equal(claim_for(rig->depot, "b", MAC_A, &two), 1);
    assert_int_equal(two.id, any); // the older one first
    assert_int_equal(report(rig->depot, &one, FERRY_DEPOT_JOB_RUNNING), FERRY_ERR_CANCELLED);
    DEPOT_GOOD(rig->depot, report(rig->depot, &two, FERRY_DEPOT_JOB_DONE)); // which device, the claim has said
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
    assert_string_equal(device.project, "p");
    assert_int_equal(claim_for(rig->depot, "b", MAC_A, &two), 1);
    assert_int_equal(two.id, named);
}

// A claim that ran out may go on, but not on a device that somebody else holds by now.
static void a_late_one_finds_its_device_taken(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job late, other, again;
    int64_t first, second, build = depot_rig_build(rig, "p", "1", "esp32", 100, 1);
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, MAC_A, &first));
    assert_int_equal(claim_for(rig->depot, "a", 0, &late), 1);
    depot_rig_jump(rig, 61000);
    assert_int_equal(claim_for(rig->depot, "b", MAC_B, &other), 0); // the job is seen to have run out
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, first, &again));
    assert_int_equal(again.state, FERRY_DEPOT_JOB_QUEUED);
    DEPOT_GOOD(rig->depot, report(rig->depot, &late, FERRY_DEPOT_JOB_RUNNING)); // nobody else has begun
    assert_int_equal(claim_for(rig->depot, "b", 0, &other), 0);
    depot_rig_jump(rig, 61000);
    DEPOT_GOOD(rig->depot,
               ferry_depot_job_add(rig->depot, depot_rig_build(rig, "p", "2", "esp32c3", 100, 2), MAC_A, &second));
    assert_int_equal(
        ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "b", .chip = "esp32c3"}, &other), 1);
    assert_int_equal(report(rig->depot, &late, FERRY_DEPOT_JOB_RUNNING), FERRY_ERR_CANCELLED);
    assert_non_null(strstr(ferry_depot_error(rig->depot)->what, "another updater is at work on the device"));
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, first, &again));
    assert_int_equal(again.state, FERRY_DEPOT_JOB_QUEUED);
    DEPOT_GOOD(rig->depot, report(rig->depot, &other, FERRY_DEPOT_JOB_FAILED));
    assert_int_equal(claim_for(rig->depot, "a", 0, &again), 1);
    assert_int_equal(again.id, first);
}

// Which device it is can turn out when the updater has connected to it.
static void a_report_takes_hold_of_its_device(void **state)
{
    static const struct ferry_depot_report running = {.state = FERRY_DEPOT_JOB_RUNNING, .mac = MAC_A};
    struct depot_rig *rig = *state;
    struct ferry_depot_job one, two, three;
    int64_t id, build = depot_rig_build(rig, "p", "1", "esp32", 100, 1);
    for (int i = 0; i < 2; i++)
        DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, "", &id));
    assert_int_equal(claim_for(rig->depot, "a", 0, &one), 1);
    assert_int_equal(claim_for(rig->depot, "b", 0, &two), 1);
    DEPOT_GOOD(rig->depot, ferry_depot_job_report(rig->depot, one.id, "a", one.attempt, &running));
    DEPOT_GOOD(rig->depot, ferry_depot_job_report(rig->depot, one.id, "a", one.attempt, &running)); // its own
    assert_int_equal(ferry_depot_job_report(rig->depot, two.id, "b", two.attempt, &running), FERRY_ERR_CANCELLED);
    assert_int_equal(claim_for(rig->depot, "c", MAC_A, &three), 0);
    assert_int_equal(claim_for(rig->depot, "c", MAC_B, &three), 1); // it was given back
    assert_int_equal(three.id, two.id);
}

// What a done report leaves in the device's row.
static void done_says_what_runs(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job job;
    struct ferry_depot_build build;
    struct ferry_depot_device device;
    enum ferry_depot_answer answer;
    int64_t id, which = depot_rig_build(rig, "blink", "1", "esp32", 100, 1);
    DEPOT_GOOD(rig->depot, ferry_depot_build_get(rig->depot, which, &build));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", which));
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, which, MAC_A, &id));
    assert_int_equal(claim_for(rig->depot, "a", 0, &job), 1);
    DEPOT_GOOD(rig->depot, report(rig->depot, &job, FERRY_DEPOT_JOB_DONE));
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_A, &device));
    assert_string_equal(device.project, "blink");
    assert_string_equal(device.chip, "esp32");
    assert_memory_equal(device.running_sha256, build.app_sha256, 32);
    DEPOT_GOOD(rig->depot, depot_rig_assign(rig->depot, MAC_A, 0, "stable"));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &device, &answer, 0));
    assert_int_equal(answer, FERRY_DEPOT_CURRENT);
    // A job for any device, whose report says the device and what it runs in words of its own.
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, which, "", &id));
    assert_int_equal(claim_for(rig->depot, "a", 0, &job), 1);
    DEPOT_GOOD(rig->depot, ferry_depot_job_report(
                               rig->depot, id, "a", job.attempt,
                               &(struct ferry_depot_report){
                                   .state = FERRY_DEPOT_JOB_DONE, .mac = MAC_B, .project = "blonk", .version = "7"}));
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_B, &device));
    assert_string_equal(device.project, "blonk");
    assert_string_equal(device.version, "7");
}

// ---- blank chips ----

static void a_blank_chip_is_told_what_it_was(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_device blank = {.mac = MAC_A, .chip = "esp32"}, got;
    struct ferry_depot_build build;
    enum ferry_depot_answer answer;
    int64_t old = depot_rig_build(rig, "blink", "1", "esp32", 100, 1), id;
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", old));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_NOTHING); // nobody knows
    DEPOT_GOOD(rig->depot,
               ferry_depot_device_change(rig->depot, MAC_A,
                                         &(struct ferry_depot_device_change){.project = "blink", .channel = "stable"}));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_UPDATE);
    assert_int_equal(build.id, old);
    // Written down before it was ever seen: its chip has to be said.
    assert_int_equal(ferry_depot_device_change(rig->depot, MAC_B, &(struct ferry_depot_device_change){.name = "x"}),
                     FERRY_ERR_STORAGE_MISSING);
    DEPOT_GOOD(rig->depot, ferry_depot_device_change(rig->depot, MAC_B,
                                                     &(struct ferry_depot_device_change){
                                                         .chip = "esp32", .project = "blink", .channel = "stable"}));
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_B, &got));
    assert_true(got.first_seen_ms == 0 && got.last_seen_ms == 0);
    strcpy(blank.mac, MAC_B);
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_UPDATE);
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_B, &got));
    assert_true(got.first_seen_ms > 0 && got.first_seen_ms == got.last_seen_ms);
    assert_string_equal(got.project, "blink");
    // The channel moves on, and the answer with it; then the build goes.
    id = depot_rig_build(rig, "blink", "2", "esp32", 100, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", id));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    assert_string_equal(build.version, "2");
    DEPOT_GOOD(rig->depot, ferry_depot_build_remove(rig->depot, id, true));
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    assert_int_equal(answer, FERRY_DEPOT_NOTHING);
    strcpy(blank.project, "blank"); // what it says goes before
    DEPOT_GOOD(rig->depot, depot_rig_checkin(rig->depot, &blank, &answer, &build));
    DEPOT_GOOD(rig->depot, ferry_depot_device_get(rig->depot, MAC_B, &got));
    assert_string_equal(got.project, "blank");
}

static void live_view_misses_nothing(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_job jobs[8];
    int64_t id, build = depot_rig_build(rig, "p", "1", "esp32", 100, 1), since;
    for (int i = 0; i < 3; i++)
        DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build, "", &id));
    depot_rig_jump(rig, 5000);
    DEPOT_GOOD(rig->depot, ferry_depot_now(rig->depot, &since));
    assert_int_equal(
        ferry_depot_job_list(rig->depot, &(struct ferry_depot_job_filter){.changed_since = since}, jobs, 8), 0);
    DEPOT_GOOD(rig->depot, ferry_depot_job_cancel(rig->depot, id));
    assert_int_equal(
        ferry_depot_job_list(rig->depot, &(struct ferry_depot_job_filter){.changed_since = since}, jobs, 8), 1);
    assert_int_equal(jobs[0].id, id);
    assert_int_equal(ferry_depot_job_list(rig->depot, &(struct ferry_depot_job_filter){.before = id}, jobs, 8), 2);
}

// ---- tokens ----

static void tokens(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_token token, got, list[4];
    char secret[FERRY_DEPOT_SECRET], short_lived[FERRY_DEPOT_SECRET], text[FERRY_DEPOT_TEXT];
    unsigned scopes;
    assert_true(ferry_depot_scopes_parse("read,work", &scopes));
    assert_false(ferry_depot_scopes_parse("read,everything", &scopes));
    assert_false(ferry_depot_scopes_parse("", &scopes));
    assert_true(ferry_depot_scopes_parse("read,work", &scopes));
    ferry_depot_scopes_text(scopes, text);
    assert_string_equal(text, "read,work");
    DEPOT_GOOD(rig->depot, ferry_depot_token_add(rig->depot, "bench", scopes, 0, secret, &token));
    DEPOT_GOOD(rig->depot, ferry_depot_token_add(rig->depot, "guest", scopes, 60000, short_lived, &got));
    assert_string_not_equal(secret, short_lived);
    assert_int_equal(strlen(secret), FERRY_DEPOT_SECRET - 2);
    DEPOT_GOOD(rig->depot, ferry_depot_token_check(rig->depot, secret, &got));
    assert_int_equal(got.id, token.id);
    assert_int_equal(got.scopes, scopes);
    DEPOT_GOOD(rig->depot, ferry_depot_token_check(rig->depot, short_lived, &got));
    depot_rig_jump(rig, 61000);
    assert_int_equal(ferry_depot_token_check(rig->depot, short_lived, &got), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_depot_token_check(rig->depot, "", &got), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_depot_token_check(rig->depot, "fd_0", &got), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_depot_token_list(rig->depot, list, 4), 2);
    assert_true(list[0].used_ms > 0);
    // The secret is nowhere in the database, only its SHA-256.
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM token WHERE name LIKE '%%%s%%'", secret);
    assert_int_equal(depot_rig_count(rig, sql), 0);
    DEPOT_GOOD(rig->depot, ferry_depot_token_remove(rig->depot, token.id));
    assert_int_equal(ferry_depot_token_check(rig->depot, secret, &got), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_depot_token_add(rig->depot, "", scopes, 0, secret, &token), FERRY_ERR_ARG);
    assert_int_equal(ferry_depot_token_add(rig->depot, "x", 0, 0, secret, &token), FERRY_ERR_ARG);
}

static void figures(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_stats stats;
    int64_t id = depot_rig_build(rig, "p", "1", "esp32", 100, 1), job;
    depot_rig_build(rig, "p", "2", "esp32", 200, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", id));
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, id, "", &job));
    DEPOT_GOOD(rig->depot, ferry_depot_stats(rig->depot, &stats));
    assert_int_equal(stats.builds, 2);
    assert_int_equal(stats.bytes, 300);
    assert_int_equal(stats.channels, 1);
    assert_int_equal(stats.jobs_queued, 1);
    assert_int_equal(stats.jobs_active, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, depot_rig_fresh, depot_rig_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(check_in),
        CASE(a_job_from_queue_to_done),
        CASE(a_dead_updaters_claim_runs_out),
        CASE(the_same_worker_again),
        CASE(a_late_report_counts_while_nobody_else_has_it),
        CASE(a_clock_that_goes_back_does_not_block),
        CASE(a_job_that_kills_updaters_ends),
        CASE(cancelled_and_given_back),
        CASE(a_device_is_worked_on_by_one),
        CASE(a_job_for_any_holds_what_it_was_claimed_for),
        CASE(a_late_one_finds_its_device_taken),
        CASE(a_report_takes_hold_of_its_device),
        CASE(done_says_what_runs),
        CASE(a_blank_chip_is_told_what_it_was),
        CASE(live_view_misses_nothing),
        CASE(tokens),
        CASE(figures),
    };
    int failed = cmocka_run_group_tests_name("fleet on sqlite", tests, depot_rig_sqlite, depot_rig_end);
    return failed + cmocka_run_group_tests_name("fleet on postgresql", tests, depot_rig_postgres, depot_rig_end);
}
