#include "updater/card.h"

#include <cJSON.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/json.h"
#include "updater/path.h"

const char *ferry_card_shown(const struct ferry_card *self, const struct ferry_cargo *cargo)
{
    return ferry_path_shown(self->dir, cargo->path);
}

static bool is_named(const struct ferry_card *self, const struct ferry_cargo *cargo, const char *name)
{
    char folder[FERRY_CARGO_PATH];
    const char *shown = ferry_card_shown(self, cargo);
    ferry_path_folder(folder, sizeof folder, shown);
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/')
        len--;
    bool is_folder = strncmp(folder, name, len) == 0 && folder[len] == 0;
    return strcmp(cargo->name, name) == 0 || strcmp(shown, name) == 0 || is_folder;
}

static bool is_candidate(const struct ferry_card *self, size_t i)
{
    return !self->wanted[0] || is_named(self, &self->list.items[i], self->wanted);
}

static bool serves(const struct ferry_cargo *cargo, uint16_t chip)
{
    if (cargo->chip_count == 0)
        return true; // not known before it is planned
    for (uint8_t i = 0; i < cargo->chip_count; i++)
        if (cargo->chips[i] == chip)
            return true;
    return false;
}

// "blink (blink/flasher_args.json), relay (relay.bin)"; as many as fit.
static void list_candidates(const struct ferry_card *self, bool all, char *out, size_t cap)
{
    size_t at = 0, left = 0;
    out[0] = 0;
    for (size_t i = 0; i < self->list.count; i++) {
        char one[2 * FERRY_CARGO_NAME + FERRY_CARGO_PATH];
        if (!all && !is_candidate(self, i))
            continue;
        const struct ferry_cargo *cargo = &self->list.items[i];
        int n = snprintf(one, sizeof one, "%s%s (%s)", at ? ", " : "", cargo->name, ferry_card_shown(self, cargo));
        if (n < 0 || (size_t)n + 16 > cap - at)
            left++;
        else
            at += (size_t)snprintf(out + at, cap - at, "%s", one);
    }
    if (left)
        snprintf(out + at, cap - at, "%s%zu more", at ? ", " : "", left);
}

static int ambiguous(const struct ferry_card *self, struct ferry_fault *fault)
{
    char names[200];
    list_candidates(self, false, names, sizeof names);
    ferry_fault_set(fault, FERRY_ERR_AMBIGUOUS, self->dir, "several cargoes could be meant: %s", names);
    ferry_fault_hint(fault,
                     "choose one with --cargo NAME (a name or a path on the card), or name it in %s on the card: "
                     "{\"cargo\": \"NAME\"}",
                     FERRY_CARD_JSON);
    return FERRY_ERR_AMBIGUOUS;
}

// ---- opening ----

static int read_route(struct ferry_card *self, const cJSON *json, struct ferry_fault *fault)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "route");
    if (!value)
        return FERRY_OK;
    for (int i = FERRY_JOB_ROUTE_ROM; i <= FERRY_JOB_ROUTE_AUTO; i++)
        if (cJSON_IsString(value) && strcmp(value->valuestring, ferry_job_route_name((enum ferry_job_route)i)) == 0) {
            self->has_route = true;
            self->route = (enum ferry_job_route)i;
            return FERRY_OK;
        }
    ferry_fault_set(fault, FERRY_ERR_MANIFEST, FERRY_CARD_JSON, "\"route\" in %s is no route", FERRY_CARD_JSON);
    ferry_fault_hint(fault, "there are \"auto\", \"link\" (a receiver in the running firmware) and \"rom\" (the serial "
                            "loader)");
    return FERRY_ERR_MANIFEST;
}

// The cargo that is meant and the route: whatever the person has named goes before.
static int read_ferry_json(struct ferry_card *self, bool named, struct ferry_fault *fault)
{
    char path[FERRY_CARGO_PATH];
    struct stat st;
    cJSON *json = NULL;
    if (!ferry_path_under(path, sizeof path, self->dir, FERRY_CARD_JSON) || stat(path, &st) != 0)
        return FERRY_OK;
    int status = ferry_json_load(path, FERRY_CARD_JSON, &json, fault);
    if (status < 0)
        return named ? FERRY_OK : status;
    status = read_route(self, json, fault);
    if (status < 0 || named) {
        cJSON_Delete(json);
        return status;
    }
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "cargo");
    const char *name = ferry_json_text(json, "cargo");
    if (value && (!name || !name[0] || strlen(name) >= sizeof self->wanted))
        status = ferry_fault_set(fault, FERRY_ERR_MANIFEST, FERRY_CARD_JSON,
                                 "\"cargo\" in %s is not the name of a cargo", FERRY_CARD_JSON);
    else if (name) {
        snprintf(self->wanted, sizeof self->wanted, "%s", name);
        self->wanted_by = FERRY_CARD_JSON;
    }
    if (!value && cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "files"))) { // it describes a cargo itself
        snprintf(self->wanted, sizeof self->wanted, "%s", FERRY_CARD_JSON);
        self->wanted_by = FERRY_CARD_JSON;
    }
    cJSON_Delete(json);
    return status;
}

static int nothing_there(const struct ferry_card *self, struct ferry_fault *fault)
{
    const struct ferry_fault *first = self->list.refused;
    if (self->list.refused_count == 0)
        return ferry_fault_set(fault, FERRY_ERR_NO_CARGO, self->dir, "nothing that can be flashed was found");
    size_t more = self->list.refused_count - 1 + self->list.refused_more;
    ferry_fault_set(fault, self->list.refused_count == 1 ? first->status : FERRY_ERR_NO_CARGO, first->where,
                    "nothing that can be flashed was found; %.120s%s", first->what,
                    more ? " (and more, see above)" : "");
    if (first->hint[0])
        ferry_fault_hint(fault, "%s", first->hint);
    return fault ? fault->status : FERRY_ERR_NO_CARGO;
}

static int check_wanted(const struct ferry_card *self, struct ferry_fault *fault)
{
    char names[160];
    size_t count = 0;
    for (size_t i = 0; i < self->list.count; i++)
        count += is_candidate(self, i);
    if (count > 0)
        return FERRY_OK;
    list_candidates(self, true, names, sizeof names);
    ferry_fault_set(fault, FERRY_ERR_NO_CARGO, self->dir, "there is no cargo \"%.40s\" (named by %s)", self->wanted,
                    self->wanted_by);
    ferry_fault_hint(fault, "there is: %s", names);
    return FERRY_ERR_NO_CARGO;
}

int ferry_card_open(struct ferry_card *self, const char *dir, const char *cargo, struct ferry_fault *fault)
{
    memset(self, 0, sizeof *self);
    int n = snprintf(self->dir, sizeof self->dir, "%s", dir);
    if (n <= 0 || (size_t)n >= sizeof self->dir)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, NULL, "the card's path is empty or too long");
    int status = ferry_cargo_scan(dir, &self->list, fault);
    if (status < 0)
        return status;
    if (cargo && cargo[0]) {
        snprintf(self->wanted, sizeof self->wanted, "%s", cargo);
        self->wanted_by = "--cargo";
    }
    status = read_ferry_json(self, self->wanted[0] != 0, fault);
    if (status < 0)
        return status;
    return self->list.count == 0 ? nothing_there(self, fault) : check_wanted(self, fault);
}

// ---- picking ----

static int no_build(const struct ferry_card *self, const struct ferry_target *target, struct ferry_fault *fault)
{
    char names[200];
    list_candidates(self, false, names, sizeof names);
    ferry_fault_set(fault, FERRY_ERR_NO_BUILD_FOR_CHIP, self->dir, "nothing on the card is for the %s",
                    target->chip->label);
    ferry_fault_hint(fault, "there is: %s", names);
    return FERRY_ERR_NO_BUILD_FOR_CHIP;
}

int ferry_card_pick(const struct ferry_card *self, const struct ferry_target *target, size_t *index,
                    struct ferry_fault *fault)
{
    size_t candidates = 0, fitting = 0, any = 0;
    for (size_t i = 0; i < self->list.count; i++) {
        if (!is_candidate(self, i))
            continue;
        any = i;
        candidates++;
        if (target && target->chip && serves(&self->list.items[i], target->chip->id)) {
            *index = i;
            fitting++;
        }
    }
    if (candidates == 1) { // the only one: whether it fits is the plan's to say, with the reason
        *index = any;
        return FERRY_OK;
    }
    if (fitting == 1)
        return FERRY_OK;
    return target && target->chip && fitting == 0 ? no_build(self, target, fault) : ambiguous(self, fault);
}

size_t ferry_card_named(const struct ferry_card *self, const char *name, size_t *index)
{
    size_t count = 0;
    for (size_t i = self->list.count; i-- > 0;)
        if (is_named(self, &self->list.items[i], name)) {
            *index = i;
            count++;
        }
    return count;
}

static bool share_a_chip(const struct ferry_cargo *a, const struct ferry_cargo *b)
{
    if (a->chip_count == 0 || b->chip_count == 0)
        return true;
    for (uint8_t i = 0; i < a->chip_count; i++)
        if (serves(b, a->chips[i]))
            return true;
    return false;
}

bool ferry_card_ambiguous(const struct ferry_card *self)
{
    for (size_t i = 0; i < self->list.count; i++)
        for (size_t k = 0; k < i; k++)
            if (is_candidate(self, i) && is_candidate(self, k) &&
                share_a_chip(&self->list.items[i], &self->list.items[k]))
                return true;
    return false;
}

void ferry_card_want(struct ferry_card *self, size_t index)
{
    snprintf(self->wanted, sizeof self->wanted, "%s", ferry_card_shown(self, &self->list.items[index]));
    self->wanted_by = "--cargo";
}

int ferry_card_choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    const struct ferry_card *self = ctx;
    size_t index = 0;
    int status = ferry_card_pick(self, target, &index, fault);
    if (status == FERRY_OK)
        *out = self->list.items[index];
    return status;
}
