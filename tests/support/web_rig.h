// A web API over a card in a temporary folder, for the tests of its parts: they say what they need beyond that.
#ifndef TESTS_SUPPORT_WEB_RIG_H
#define TESTS_SUPPORT_WEB_RIG_H

#include "tests/support/card.h"
#include "tests/support/web_probe.h"
#include "updater/card.h"
#include "updater/log.h"
#include "updater/web.h"

struct web_rig {
    char *dir;
    struct ferry_card card;
    struct ferry_log log; // of the card; its clock says `utc`
    int64_t utc;
    uint64_t room; // what the card has free; UINT64_MAX (as at first) = not known
    struct ferry_web *web;
    unsigned wakes, depth; // how often the server was woken; the lock is held
};

// cfg says what the test is about, or is NULL; card, log, waker, lock and space are the rig's. json, if not NULL, is
// the card's ferry.json. A lock that is taken twice, and a wake under the lock, fail the test.
struct web_rig *web_rig_new(const struct ferry_web_cfg *cfg, const char *json);
// One with three ports, whose names are not all harmless.
extern const char *const web_rig_ports[3];
struct web_rig *web_rig_bench(const char *token);
void web_rig_free(struct web_rig *rig);
// The same card and settings in a program that was started anew.
void web_rig_restart(struct web_rig *rig, const struct ferry_web_cfg *cfg);
// What an updater does when it is asked to look at the card again.
void web_rig_look(struct web_rig *rig);
// A job of a port has come to this state.
void web_rig_tell(struct web_rig *rig, unsigned port, enum ferry_job_state state);

#endif
