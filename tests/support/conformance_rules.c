// Cases: hello, refusals, two updaters, trial boot, the line test, rates.
#include "tests/support/conformance.h"

#define SIZE 6000u

// ---- hello
// ---------------------------------------------------------------------------------------------------------------

static void hello_tells_what_it_is(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_OK);
    const struct ferry_target_info *t = &rig_sender(c->rig)->target;
    assert_int_equal(t->chip, 5);
    assert_int_equal(t->revision, 4);
    assert_string_equal(t->version, "1.0");
    assert_int_equal(t->slot_count, 2);
    assert_string_equal(t->slots[1].label, "ota_1");
    assert_int_equal(rig_sender(c->rig)->limits.window, c->cfg.window ? c->cfg.window : 4096);
    conf_untouched(c);
}

static void hello_to_a_target_that_comes_later(struct conf *c)
{
    conf_open(c, SIZE);
    rig_stop(c->rig, 1, 2000000);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_OK);
}

static void hello_to_nobody(struct conf *c)
{
    conf_open(c, SIZE);
    rig_stop(c->rig, 1, 100000000);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_ERR_NO_ANSWER);
    assert_true(rig_now_us(c->rig) < 8000000);
}

static void cut_hello(struct conf *c, bool to_target, bool to_host)
{
    conf_open(c, SIZE);
    conf_cut(c, to_target, to_host);
    int status = conf_do(c, FERRY_LINK_SENDER_CONNECT);
    if (to_host)
        assert_int_equal(status, FERRY_ERR_NO_ANSWER);
    else
        assert_true(status == FERRY_ERR_NO_ANSWER || status == FERRY_ERR_TX_PATH);
    conf_cut(c, false, false);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_OK);
}

// clang-format off
static void hello_cut_to_target(struct conf *c) { cut_hello(c, true, false); }
static void hello_cut_to_host(struct conf *c) { cut_hello(c, false, true); }
static void hello_cut_both_ways(struct conf *c) { cut_hello(c, true, true); }
// clang-format on

static void several_operations_in_one_session(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_OK);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_STATUS), FERRY_OK);
    assert_int_equal(rig_sender(c->rig)->status.state, FERRY_LINK_RECEIVER_IDLE);
    assert_int_equal(conf_send(c), FERRY_OK);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_STATUS), FERRY_OK);
    assert_int_equal(rig_sender(c->rig)->status.state, FERRY_LINK_RECEIVER_SELECTED);
    conf_arrived(c);
}

static void abort_in_the_middle(struct conf *c)
{
    conf_open(c, SIZE);
    conf_send_until(c, 3000);
    rig_reset_host(c->rig);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_ABORT), FERRY_OK);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_STATUS), FERRY_OK);
    assert_int_equal(rig_sender(c->rig)->status.state, FERRY_LINK_RECEIVER_IDLE);
    assert_false(rig_selected(c->rig));
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void abort_of_nothing(struct conf *c)
{
    conf_open(c, SIZE);
    conf_do(c, FERRY_LINK_SENDER_ABORT);
    conf_untouched(c);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// ---- refusals: named, before anything is erased; then a good update goes through
// -----------------------------------------

static void refused(struct conf *c, const struct ferry_manifest *m, int status)
{
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .manifest = *m};
    assert_int_equal(rig_run(c->rig, &job, 60), status);
    assert_true(conf_cause(c).detail[0] != 0);
    conf_untouched(c);
    rig_refuse(c->rig, 0);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static struct ferry_manifest good(struct conf *c)
{
    struct ferry_manifest m;
    conf_open(c, SIZE);
    rig_manifest(c->rig, &m);
    return m;
}

#define REFUSED(name, change, status)                                                                                  \
    static void name(struct conf *c)                                                                                   \
    {                                                                                                                  \
        struct ferry_manifest m = good(c);                                                                             \
        change;                                                                                                        \
        refused(c, &m, status);                                                                                        \
    }
REFUSED(other_chip, m.chip = 9, FERRY_ERR_IMAGE_CHIP)
REFUSED(too_large, m.size = 0x200001, FERRY_ERR_TOO_LARGE_PARTITION)
REFUSED(unknown_kind, m.kind = 9, FERRY_ERR_UNSUPPORTED)
REFUSED(unknown_codec, m.codec = 1, FERRY_ERR_UNSUPPORTED)
REFUSED(a_signature, m.signature_len = 64, FERRY_ERR_UNSUPPORTED)
REFUSED(unknown_option, m.options = 0x100, FERRY_ERR_UNSUPPORTED)
REFUSED(file_without_name, m.kind = FERRY_MANIFEST_FILE, FERRY_ERR_MANIFEST)
REFUSED(no_second_slot, rig_refuse(c->rig, FERRY_ERR_NO_SLOT), FERRY_ERR_NO_SLOT)
REFUSED(itself_on_trial, rig_refuse(c->rig, FERRY_ERR_STATE), FERRY_ERR_STATE)
REFUSED(no_such_partition, rig_refuse(c->rig, FERRY_ERR_NO_PLACE), FERRY_ERR_NO_PLACE)

static void another_hash_than_its_bytes(struct conf *c)
{
    struct ferry_manifest m = good(c);
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND};
    m.sha256[7] ^= 1;
    job.manifest = m;
    assert_int_equal(rig_run(c->rig, &job, 300), FERRY_ERR_VERIFY);
    assert_false(c->rig == NULL || rig_selected(c->rig));
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// ---- two updaters
// ----------------------------------------------------------------------------------------------------------

static void second_updater_is_told_busy(struct conf *c)
{
    conf_open(c, SIZE);
    conf_send_until(c, 2000);
    conf_other_updater(c, 78, false);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_ERR_BUSY);
    conf_other_updater(c, 77, false); // the first goes on
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void second_updater_takes_over(struct conf *c)
{
    conf_open(c, SIZE);
    conf_send_until(c, 2000);
    conf_other_updater(c, 78, true);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

static void second_updater_after_the_session(struct conf *c)
{
    c->cfg.session_ms = 3000;
    conf_open(c, SIZE);
    conf_send_until(c, 2000);
    rig_stop(c->rig, 0, 8000000);
    rig_let_run(c->rig, 7900000);
    conf_other_updater(c, 78, false);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
}

// ---- trial boot
// --------------------------------------------------------------------------------------------------------------

static int send_and_reboot(struct conf *c, bool confirm)
{
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true, .confirm = confirm};
    rig_manifest(c->rig, &job.manifest);
    return rig_run(c->rig, &job, 300);
}

static void trial_confirmed(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(send_and_reboot(c, true), FERRY_OK);
    assert_int_equal(rig_reboots(c->rig), 1);
    assert_true(rig_confirmed(c->rig));
    rig_let_run(c->rig, 70000000);
    assert_false(rig_reverted(c->rig));
}

static void trial_not_confirmed(struct conf *c)
{
    c->cfg.confirm_ms = 5000;
    conf_open(c, SIZE);
    assert_int_equal(send_and_reboot(c, false), FERRY_OK);
    assert_int_equal(rig_info(c->rig)->boot_state, FERRY_BOOT_TRIAL);
    rig_let_run(c->rig, 8000000);
    assert_true(rig_reverted(c->rig));
    assert_int_equal(rig_info(c->rig)->give_up, FERRY_GIVE_UP_NOT_CONFIRMED);
    assert_int_equal(rig_reboots(c->rig), 2);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONNECT), FERRY_OK);
    assert_int_equal(rig_sender(c->rig)->target.boot_state, FERRY_BOOT_REVERTED);
}

static void trial_confirmed_later(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(send_and_reboot(c, false), FERRY_OK);
    rig_reset_host(c->rig);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_CONFIRM), FERRY_OK);
    assert_true(rig_confirmed(c->rig));
}

static void trial_given_up_by_the_updater(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(send_and_reboot(c, false), FERRY_OK);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_REVERT), FERRY_OK);
    assert_true(rig_reverted(c->rig));
    assert_int_equal(rig_info(c->rig)->give_up, FERRY_GIVE_UP_ASKED);
}

static void give_up_what_is_confirmed(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_REVERT), FERRY_ERR_STATE);
    assert_false(rig_reverted(c->rig));
}

static void reboot_alone(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_REBOOT), FERRY_OK);
    assert_int_equal(rig_reboots(c->rig), 1);
    conf_untouched(c);
}

// ---- the line
// ------------------------------------------------------------------------------------------------------------------

static void test_of_a_good_line(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_TEST), FERRY_OK);
    const struct ferry_link_line_report *t = &rig_sender(c->rig)->report;
    assert_true(t->sent > 0 && t->arrived == t->sent);
    assert_true(t->asked > 0 && t->received == t->asked);
    conf_untouched(c);
}

static void test_of_a_noisy_line(struct conf *c)
{
    conf_open(c, SIZE);
    conf_noise(c, 1, 1);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_TEST), FERRY_ERR_NOISE);
    const struct ferry_link_line_report *t = &rig_sender(c->rig)->report;
    assert_true(t->arrived < t->sent || t->received < t->asked);
    conf_untouched(c);
}

static void test_without_a_way_back(struct conf *c)
{
    conf_open(c, SIZE);
    conf_cut(c, false, true);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_TEST), FERRY_ERR_NO_ANSWER);
}

static void test_without_a_way_to(struct conf *c)
{
    c->cfg.beacon_ms = 300;
    conf_open(c, SIZE);
    conf_cut(c, true, false);
    assert_int_equal(conf_do(c, FERRY_LINK_SENDER_TEST), FERRY_ERR_TX_PATH);
}

static void rate_steps_up(struct conf *c)
{
    conf_open(c, SIZE);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
    if (c->wire->traits & CONF_RATE) {
        assert_int_equal(rig_sender(c->rig)->baud, c->cfg.baud);
        assert_int_equal(rig_receiver(c->rig)->baud, c->cfg.baud);
    }
}

static void rate_falls_back(struct conf *c)
{
    c->cfg.line_max_baud = 300000;
    conf_open(c, SIZE);
    assert_int_equal(conf_send(c), FERRY_OK);
    conf_arrived(c);
    assert_int_equal(rig_sender(c->rig)->baud, 230400);
}

static void rate_after_a_reset(struct conf *c, bool host)
{
    conf_open(c, 40000);
    conf_send_until(c, 20000);
    assert_int_equal(rig_receiver(c->rig)->baud, c->cfg.baud);
    if (host) {
        rig_reset_host(c->rig);
        assert_int_equal(rig_start(c->rig, NULL), FERRY_OK);
    } else {
        rig_reset_target(c->rig);
    }
    assert_int_equal(conf_finish(c), FERRY_OK);
    conf_arrived(c);
    assert_true(rig_receiver(c->rig)->baud > c->cfg.start_baud); // the one before may have been too much
    assert_int_equal(rig_receiver(c->rig)->baud, rig_sender(c->rig)->baud);
}

// clang-format off
static void rate_after_the_targets_reset(struct conf *c) { rate_after_a_reset(c, false); }
static void rate_after_the_updaters_reset(struct conf *c) { rate_after_a_reset(c, true); }
// clang-format on

const struct conf_case conf_rule_cases[] = {
    {"hello tells what it is", 0, hello_tells_what_it_is},
    {"hello to a target that comes later", 0, hello_to_a_target_that_comes_later},
    {"hello to nobody", 0, hello_to_nobody},
    {"hello, way to the target cut", CONF_TWO_WAYS, hello_cut_to_target},
    {"hello, way to the updater cut", CONF_TWO_WAYS, hello_cut_to_host},
    {"hello, both ways cut", 0, hello_cut_both_ways},
    {"several operations in one session", 0, several_operations_in_one_session},
    {"abort in the middle", 0, abort_in_the_middle},
    {"abort of nothing", 0, abort_of_nothing},
    {"refused: another chip", 0, other_chip},
    {"refused: too large", 0, too_large},
    {"refused: unknown kind", 0, unknown_kind},
    {"refused: unknown codec", 0, unknown_codec},
    {"refused: a signature", 0, a_signature},
    {"refused: unknown option", 0, unknown_option},
    {"refused: a file without a name", 0, file_without_name},
    {"refused: no second slot", 0, no_second_slot},
    {"refused: itself on trial", 0, itself_on_trial},
    {"refused: no such partition", 0, no_such_partition},
    {"refused at the end: another hash", 0, another_hash_than_its_bytes},
    {"second updater is told busy", 0, second_updater_is_told_busy},
    {"second updater takes over", 0, second_updater_takes_over},
    {"second updater after the session", 0, second_updater_after_the_session},
    {"trial boot confirmed", 0, trial_confirmed},
    {"trial boot not confirmed", 0, trial_not_confirmed},
    {"trial boot confirmed later", 0, trial_confirmed_later},
    {"trial boot given up by the updater", 0, trial_given_up_by_the_updater},
    {"give up what is confirmed", 0, give_up_what_is_confirmed},
    {"reboot alone", 0, reboot_alone},
    {"line test: good", CONF_LOSSLESS, test_of_a_good_line},
    {"line test: noise", CONF_NOISY, test_of_a_noisy_line},
    {"line test: no way back", CONF_TWO_WAYS, test_without_a_way_back},
    {"line test: no way to the target", CONF_TWO_WAYS, test_without_a_way_to},
    {"rate steps up where there is one", 0, rate_steps_up},
    {"rate falls back", CONF_RATE, rate_falls_back},
    {"rate after the target's reset", CONF_RATE, rate_after_the_targets_reset},
    {"rate after the updater's reset", CONF_RATE, rate_after_the_updaters_reset},
};
const size_t conf_rule_count = sizeof conf_rule_cases / sizeof conf_rule_cases[0];
