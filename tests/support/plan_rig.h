// A target, its flash and a card, for tests of plans.
#ifndef FERRY_TESTS_SUPPORT_PLAN_RIG_H
#define FERRY_TESTS_SUPPORT_PLAN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/card.h"
#include "updater/cargo.h"

extern struct ferry_fault plan_fault;
extern struct ferry_plan plan;
extern struct ferry_target plan_target;
extern struct ferry_cargo_options plan_options;
extern struct ferry_digest plan_digest;
extern uint8_t plan_flash[0x20000]; // the start of the target's flash, for single apps
extern int plan_read_status;        // what reading it gives, 0 = bytes

// A target of this chip: revision v3.0, 4 MB, no security features, erased flash; default options.
void plan_connect(const char *chip);
// The partition table at 0x8000 of the target's flash; frees it.
void plan_put_table(struct card_bytes table);
// Scans dir, which must hold one cargo, and plans it. 0 or the status, with plan_fault.
int plan_try(const char *dir);
// The same, and it must succeed with sound regions / must fail with this status and these words in what.
void plan_ok(const char *dir);
void plan_fails(const char *dir, int expected, const char *what);
bool plan_warned(const char *text);
// Setup and teardown: *state is the card's folder; the target is an ESP32.
int plan_new_card(void **state);
int plan_drop_card(void **state);

#define PLAN_CASE(f) cmocka_unit_test_setup_teardown(f, plan_new_card, plan_drop_card)

#endif
