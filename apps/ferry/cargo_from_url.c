#include "apps/ferry/cargo_from_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cargo_from_cache.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ports/posix/clock.h"
#include "ports/posix/digest.h"
#include "ports/posix/http_client.h"
#include "updater/download.h"

#define SLICE_MS 100u // of a pause between trials, after which stop is asked

struct fetching {
    const struct cargo_from_url_teller *teller;
    struct ferry_clock clock;
};

static bool stop(void *ctx)
{
    const struct fetching *f = ctx;
    return f->teller && f->teller->stop && f->teller->stop(f->teller->ctx);
}

static uint32_t now_ms(void *ctx)
{
    const struct fetching *f = ctx;
    return f->clock.now_ms(f->clock.ctx);
}

static void wait_ms(void *ctx, uint32_t ms)
{
    const struct fetching *f = ctx;
    for (; ms > 0 && !stop(ctx); ms -= ms < SLICE_MS ? ms : SLICE_MS)
        f->clock.wait(f->clock.ctx, ms < SLICE_MS ? ms : SLICE_MS);
}

static bool is_depot(const char *url)
{
    return strncmp(url, "depot:", 6) == 0;
}

// The token is the depot's. Whoever else firmware is fetched from is not told it.
static void take_token(const char *url, struct ferry_download_cfg *cfg)
{
    if (is_depot(url))
        cfg->token = getenv("FERRY_TOKEN");
    else
        cfg->token_name = "the address, as in https://NAME:PASSWORD@host/... (FERRY_TOKEN is sent to depot: alone)";
}

static int fetch(const char *url, uint16_t chip, const struct ferry_http_client *client, struct fetching *f,
                 struct ferry_download *got, struct ferry_fault *fault)
{
    struct ferry_posix_digest digest_state;
    struct ferry_posix_clock clock_state;
    struct ferry_digest digest = ferry_posix_digest_init(&digest_state);
    struct ferry_clock clock = {f, now_ms, wait_ms};
    struct cargo_from_cache cache = {.stop = stop, .stop_ctx = f};
    const struct ferry_chip *known = ferry_chip_by_id(chip);
    struct ferry_download_cfg cfg = {
        .client = client,
        .digest = &digest,
        .clock = &clock,
        .chip = known ? known->name : NULL,
        .progress = f->teller ? f->teller->progress : NULL,
        .progress_ctx = f->teller ? f->teller->ctx : NULL,
        .offline = f->teller && f->teller->offline,
    };
    f->clock = ferry_posix_clock_init(&clock_state);
    take_token(url, &cfg);
    int status = cargo_from_cache(&cache, &cfg, fault);
    if (status >= 0)
        status = ferry_download(&cfg, url, got, fault);
    cargo_from_cache_done(&cache);
    ferry_posix_digest_close(&digest_state);
    return status;
}

// As if the path had been named on the command line.
static int take(const struct ferry_download *got, struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    int status = ferry_cargo_scan(got->path, list, fault);
    if (status < 0)
        return status;
    if (list->count > 0)
        return FERRY_OK;
    if (list->refused_count > 0) {
        *fault = list->refused[0];
        return fault->status;
    }
    return ferry_fault_set(fault, FERRY_ERR_NO_CARGO, got->path, "nothing that can be flashed was found there");
}

// ---- what is said when it fails ----

// From at on, len bytes become "...".
static void cut_out(char *text, size_t cap, size_t at, size_t len)
{
    size_t rest = strlen(text + at + len), room = cap - at - 4;
    rest = rest < room ? rest : room;
    memmove(text + at + 3, text + at + len, rest);
    memcpy(text + at, "...", 3);
    text[at + 3 + rest] = 0;
}

static void hide(char *text, size_t cap)
{
    for (char *at = text; (at = strstr(at, "//")) != NULL;) {
        at += 2;
        size_t name = strcspn(at, ":@/?# '\""), all = strcspn(at, "@/?# '\"");
        if (*at == '[' || at[name] != ':' || strspn(at + name + 1, "0123456789") == all - name - 1)
            continue; // no password; an IPv6 address, or a port
        // What was cut off before its '@' is taken for a password too.
        if ((at[all] == '@' || at[all] == '\'' || !at[all]) && (size_t)(at - text) + name + 5 < cap)
            cut_out(text, cap, (size_t)(at - text) + name + 1, all - name - 1);
    }
    for (char *at = text; (at = strstr(at, "password=")) != NULL;) {
        at += strlen("password=");
        size_t len = *at == '\'' ? 1 + strcspn(at + 1, "'") : strcspn(at, "& '\"");
        if ((size_t)(at - text) + 4 < cap)
            cut_out(text, cap, (size_t)(at - text), len);
    }
}

void cargo_from_url_hide(struct ferry_fault *fault)
{
    hide(fault->what, sizeof fault->what);
    hide(fault->where, sizeof fault->where);
}

// The statuses' own hints are about cards.
static void fit_hint(struct ferry_fault *fault)
{
    if (strcmp(fault->hint, ferry_status_hint(fault->status)) != 0)
        return;
    if (fault->status == FERRY_ERR_STORAGE_MISSING)
        ferry_fault_hint(fault, "is the address right? a browser, or curl -I, shows what is there");
    else if (fault->status == FERRY_ERR_STORAGE_READ)
        ferry_fault_hint(fault, "the trouble is the server's: its log may say more; nothing was written to a target");
}

// What was kept of several chips' builds is known by the chip alone.
static bool several(int status, const struct cargo_from_url_teller *teller)
{
    return status == FERRY_ERR_AMBIGUOUS || (status == FERRY_ERR_STORAGE_MISSING && teller && teller->offline);
}

// none: what it is when there is none for any chip.
// The depot has builds for several chips, and which one is connected is not known yet: all of them, as a depot on this
// computer gives them.
static int take_each(const char *url, const struct ferry_http_client *io, struct fetching *fetching, int none,
                     struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    struct ferry_cargo_list *one = calloc(1, sizeof *one);
    struct ferry_download got;
    size_t count;
    const struct ferry_chip *chips = ferry_chip_table(&count);
    int status = one ? FERRY_OK : ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    for (size_t i = 0; status >= 0 && i < count; i++) {
        status = fetch(url, chips[i].id, io, fetching, &got, fault);
        if (status >= 0)
            status = take(&got, one, fault);
        else
            one->count = 0;
        if (status == FERRY_ERR_STORAGE_MISSING) // not for this chip
            status = FERRY_OK;
        for (size_t k = 0; status >= 0 && k < one->count && list->count < FERRY_CARGO_LISTED; k++)
            list->items[list->count++] = one->items[k];
    }
    free(one);
    return status >= 0 && list->count == 0 ? none : status;
}

int cargo_from_url_telling(const char *url, uint16_t chip, const struct cargo_from_url_teller *teller,
                           struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    struct ferry_posix_http_client *client;
    struct ferry_posix_error error;
    struct ferry_download got;
    struct fetching fetching = {.teller = teller};
    struct ferry_posix_http_client_cfg cfg = {.ca_file = getenv("FERRY_CA"), .stop = stop, .stop_ctx = &fetching};
    memset(list, 0, sizeof *list);
    int status = ferry_posix_http_client_new(&client, &cfg, &error);
    if (status < 0)
        return ferry_fault_set(fault, status, "", "%s", error.what);
    struct ferry_http_client io = ferry_posix_http_client(client);
    status = fetch(url, chip, &io, &fetching, &got, fault);
    if (status >= 0)
        status = take(&got, list, fault);
    else if (several(status, fetching.teller) && is_depot(url) && !ferry_chip_by_id(chip))
        status = take_each(url, &io, &fetching, status, list, fault);
    ferry_posix_http_client_free(client);
    if (status < 0) {
        fit_hint(fault);
        cargo_from_url_hide(fault);
    }
    return status;
}

int cargo_from_url(const char *url, uint16_t chip, bool offline, struct ferry_cargo_list *list,
                   struct ferry_fault *fault)
{
    const struct cargo_from_url_teller teller = {.offline = offline};
    int status = cargo_from_url_telling(url, chip, &teller, list, fault);
    if (status == FERRY_ERR_WIRE_OPEN || status == FERRY_ERR_WIRE_IO || status == FERRY_ERR_TIMEOUT) {
        size_t len = strlen(fault->hint);
        snprintf(fault->hint + len, sizeof fault->hint - len, "%s--offline takes what was fetched before",
                 len ? "; " : "");
    }
    return status;
}
