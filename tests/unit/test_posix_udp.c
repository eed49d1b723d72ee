// UDP as a packet wire; the anchor is the kernel's own loopback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>

#include "ferry/base/status.h"
#include "ports/posix/udp.h"

struct pair {
    struct ferry_posix_udp target, updater;
    struct ferry_datagram at_target, at_updater;
};

static void open_pair(struct pair *p, unsigned mtu)
{
    struct ferry_posix_error error;
    char name[60];
    snprintf(name, sizeof name, "udp://127.0.0.1:0?mtu=%u", mtu);
    assert_int_equal(ferry_posix_udp_open(&p->target, name, true, &p->at_target, &error), FERRY_OK);
    snprintf(name, sizeof name, "UDP://127.0.0.1:%u/?mtu=%u", ferry_posix_udp_port(&p->target), mtu);
    assert_int_equal(ferry_posix_udp_open(&p->updater, name, false, &p->at_updater, &error), FERRY_OK);
}

static void close_pair(struct pair *p)
{
    ferry_posix_udp_close(&p->target);
    ferry_posix_udp_close(&p->updater);
    ferry_posix_udp_close(&p->updater);
}

// What comes next, waiting for it at most a second.
static int take(const struct ferry_posix_udp *udp, const struct ferry_datagram *d, uint8_t *buf, size_t cap)
{
    struct pollfd fd = {.fd = udp->fd, .events = POLLIN};
    return poll(&fd, 1, 1000) == 1 ? d->recv(d->ctx, buf, cap) : 0;
}

static void packets_go_both_ways(void **state)
{
    struct pair p;
    uint8_t buf[64];
    (void)state;
    open_pair(&p, 250);
    assert_int_equal(p.at_target.mtu, 250);
    assert_int_equal(p.at_updater.mtu, 250);
    assert_int_equal(p.at_target.recv(p.at_target.ctx, buf, sizeof buf), 0);
    assert_int_equal(p.at_updater.send(p.at_updater.ctx, (const uint8_t *)"hello", 5), 5);
    assert_int_equal(p.at_updater.send(p.at_updater.ctx, (const uint8_t *)"again!", 6), 6);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf), 6);
    assert_int_equal(p.at_target.send(p.at_target.ctx, (const uint8_t *)"yes", 3), 3);
    assert_int_equal(take(&p.updater, &p.at_updater, buf, sizeof buf), 3);
    assert_memory_equal(buf, "yes", 3);
    close_pair(&p);
}

static void the_target_answers_who_spoke_last(void **state)
{
    struct pair p, other;
    struct ferry_posix_error error;
    char name[60];
    uint8_t buf[64];
    (void)state;
    open_pair(&p, 100);
    snprintf(name, sizeof name, "udp://127.0.0.1:%u", ferry_posix_udp_port(&p.target));
    assert_int_equal(ferry_posix_udp_open(&other.updater, name, false, &other.at_updater, &error), FERRY_OK);
    assert_int_equal(p.at_updater.send(p.at_updater.ctx, (const uint8_t *)"1", 1), 1);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf), 1);
    assert_int_equal(other.at_updater.send(other.at_updater.ctx, (const uint8_t *)"22", 2), 2);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf), 2);
    assert_int_equal(p.at_target.send(p.at_target.ctx, (const uint8_t *)"333", 3), 3);
    assert_int_equal(take(&other.updater, &other.at_updater, buf, sizeof buf), 3);
    assert_int_equal(p.at_updater.recv(p.at_updater.ctx, buf, sizeof buf), 0);
    ferry_posix_udp_close(&other.updater);
    close_pair(&p);
}

static void what_does_not_fit_is_dropped(void **state)
{
    struct pair p;
    uint8_t buf[64] = {0};
    (void)state;
    open_pair(&p, 1500);
    assert_int_equal(p.at_target.send(p.at_target.ctx, buf, 10), 10); // nobody has spoken: it is gone
    assert_int_equal(p.at_updater.send(p.at_updater.ctx, buf, sizeof buf), (int)sizeof buf);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf - 1), 0);
    assert_int_equal(p.at_updater.send(p.at_updater.ctx, buf, 20), 20);
    assert_int_equal(take(&p.target, &p.at_target, buf, sizeof buf), 20);
    close_pair(&p);
}

static void nobody_there_is_a_lost_packet(void **state)
{
    struct pair p;
    uint8_t buf[8] = {0};
    (void)state;
    open_pair(&p, 1500);
    ferry_posix_udp_close(&p.target);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p.at_updater.send(p.at_updater.ctx, buf, 8), 8);
        assert_int_equal(take(&p.updater, &p.at_updater, buf, sizeof buf), 0);
    }
    close_pair(&p);
}

static void names_that_are_none(void **state)
{
    static const char *const bad[] = {"udp://",        "udp://host",      "udp://host:",          "udp://:5",
                                      "udp://h:65536", "udp://h:5?mtu=1", "udp://h:5?mtu=1501",   "udp://h:5?mtu=",
                                      "udp://h:5x",    "udp://[::1:5",    "udp://h:5?mtu=250&x=", "socket://h:5"};
    struct ferry_posix_udp udp;
    struct ferry_datagram d;
    struct ferry_posix_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ferry_posix_udp_open(&udp, bad[i], false, &d, &error), FERRY_ERR_ARG);
        assert_string_equal(error.where, bad[i]);
        assert_true(error.hint[0]);
    }
    assert_true(ferry_posix_udp_is("udp://x:1"));
    assert_false(ferry_posix_udp_is("udp:/x:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_both_ways),         cmocka_unit_test(the_target_answers_who_spoke_last),
        cmocka_unit_test(what_does_not_fit_is_dropped), cmocka_unit_test(nobody_there_is_a_lost_packet),
        cmocka_unit_test(names_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
