#include "tests/support/web_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"

const char *const web_rig_ports[3] = {"/dev/ttyUSB0", "socket://<script>alert(1)</script>:1", "\xff\x01\"\\"};

static int64_t utc(void *ctx)
{
    const struct web_rig *rig = ctx;
    return rig->utc;
}

static void wake(void *ctx)
{
    struct web_rig *rig = ctx;
    assert_int_equal(rig->depth, 0); // never under the lock: the server may come back at once
    rig->wakes++;
}

static void lock(void *ctx)
{
    struct web_rig *rig = ctx;
    assert_int_equal(rig->depth++, 0);
}

static void unlock(void *ctx)
{
    struct web_rig *rig = ctx;
    assert_int_equal(--rig->depth, 0);
}

static int space(void *ctx, uint64_t *free_bytes, uint64_t *total)
{
    const struct web_rig *rig = ctx;
    *free_bytes = rig->room;
    *total = 1u << 30;
    return rig->room == UINT64_MAX ? FERRY_ERR_UNSUPPORTED : FERRY_OK;
}

static void start(struct web_rig *rig, const struct ferry_web_cfg *given)
{
    struct ferry_web_cfg cfg = {0};
    if (given)
        cfg = *given;
    cfg.card = &rig->card;
    cfg.log_path = rig->log.path;
    cfg.waker = (struct ferry_http_waker){rig, wake};
    cfg.lock = lock;
    cfg.unlock = unlock;
    cfg.space = space;
    cfg.ctx = rig;
    rig->web = ferry_web_new(&cfg);
    assert_non_null(rig->web);
}

struct web_rig *web_rig_new(const struct ferry_web_cfg *cfg, const char *json)
{
    struct web_rig *rig = calloc(1, sizeof *rig);
    struct ferry_fault fault;
    rig->dir = card_new();
    if (json)
        card_put_text(rig->dir, "ferry.json", json);
    ferry_card_open(&rig->card, rig->dir, NULL, &fault);
    ferry_log_init(&rig->log, rig->dir);
    rig->log.utc = utc;
    rig->log.utc_ctx = rig;
    rig->utc = 1777636800;
    rig->room = UINT64_MAX;
    start(rig, cfg);
    return rig;
}

struct web_rig *web_rig_bench(const char *token)
{
    struct ferry_web_cfg cfg = {
        .name = "bench <1>", .token = token, .port_count = 3, .port_names = web_rig_ports, .rom = true, .start = true};
    return web_rig_new(&cfg, NULL);
}

void web_rig_restart(struct web_rig *rig, const struct ferry_web_cfg *cfg)
{
    ferry_web_free(rig->web);
    start(rig, cfg);
}

void web_rig_free(struct web_rig *rig)
{
    assert_int_equal(rig->depth, 0);
    ferry_web_free(rig->web);
    card_remove(rig->dir);
    free(rig);
}

void web_rig_look(struct web_rig *rig)
{
    struct ferry_fault fault = {0};
    ferry_web_lock(rig->web);
    int status = ferry_card_open(&rig->card, rig->dir, NULL, &fault);
    ferry_web_unlock(rig->web);
    ferry_web_tell_card(rig->web, status < 0 ? &fault : NULL);
}

void web_rig_tell(struct web_rig *rig, unsigned port, enum ferry_job_state state)
{
    static struct ferry_job job;
    memset(&job, 0, sizeof job);
    job.state = state;
    ferry_web_tell_job(rig->web, port, &job);
}
