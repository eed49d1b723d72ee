#include "tests/support/plan_rig.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"

static struct ferry_cargo_list list;
struct ferry_fault plan_fault;
struct ferry_plan plan;
struct ferry_target plan_target;
struct ferry_cargo_options plan_options;
static struct ferry_posix_digest digest_port;
struct ferry_digest plan_digest;

uint8_t plan_flash[0x20000];
int plan_read_status;

static int read_target(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    (void)ctx;
    if (plan_read_status < 0)
        return plan_read_status;
    assert_true(address + len <= sizeof plan_flash);
    memcpy(buf, plan_flash + address, len);
    return 0;
}

void plan_connect(const char *chip)
{
    memset(&plan_target, 0, sizeof plan_target);
    memset(&plan_options, 0, sizeof plan_options);
    memset(plan_flash, 0xFF, sizeof plan_flash);
    plan_target.chip = ferry_chip_by_name(chip);
    plan_target.revision = 300;
    plan_target.flash_size = 4 << 20;
    plan_target.security_known = true;
    plan_digest = ferry_posix_digest_init(&digest_port);
    plan_options.digest = &plan_digest;
    plan_options.read_target = read_target;
    plan_read_status = 0;
}

int plan_new_card(void **state)
{
    *state = card_new();
    plan_connect("esp32");
    return 0;
}

int plan_drop_card(void **state)
{
    ferry_plan_close(&plan);
    ferry_posix_digest_close(&digest_port);
    card_remove(*state);
    return 0;
}

int plan_try(const char *dir)
{
    ferry_plan_close(&plan);
    assert_int_equal(ferry_cargo_scan(dir, &list, &plan_fault), 0);
    if (list.count != 1)
        fail_msg("%zu cargoes, %zu refused: %s", list.count, list.refused_count, list.refused[0].what);
    int status = ferry_cargo_plan(&list.items[0], &plan_target, &plan_options, &plan, &plan_fault);
    if (status < 0)
        assert_null(plan.files); // nothing stays open
    return status;
}

void plan_ok(const char *dir)
{
    int status = plan_try(dir);
    if (status < 0)
        fail_msg("%s: %s (%s)", ferry_status_name(status), plan_fault.what, plan_fault.where);
    for (size_t i = 0; i < plan.count; i++) {
        assert_int_equal(plan.regions[i].size, plan.sources[i].size);
        assert_int_equal(plan.regions[i].address % 4096, 0);
        assert_true(i == 0 || plan.regions[i].address >= plan.regions[i - 1].address + plan.regions[i - 1].size);
    }
}

void plan_fails(const char *dir, int expected, const char *what)
{
    int status = plan_try(dir);
    if (status != expected || !strstr(plan_fault.what, what) || !*plan_fault.hint || plan_fault.status != expected)
        fail_msg("%s instead of %s: %s (%s) hint: %s", ferry_status_name(status), ferry_status_name(expected),
                 plan_fault.what, plan_fault.where, plan_fault.hint);
}

bool plan_warned(const char *text)
{
    for (size_t i = 0; i < plan.warning_count; i++)
        if (strstr(plan.warnings[i], text))
            return true;
    return false;
}

void plan_put_table(struct card_bytes table)
{
    memcpy(plan_flash + 0x8000, table.bytes, table.len);
    card_free(&table);
}
