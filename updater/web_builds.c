// What is on the card: what can be flashed, and what looks like firmware and cannot.
#include <stdio.h>
#include <string.h>

#include "ferry/chip/chip.h"
#include "updater/web_work.h"

#define PATIENCE 8 // "none now" answers, about a second each, while the card is looked at

void ferry_web_build_id(const struct ferry_card *card, const struct ferry_cargo *cargo, char out[FERRY_WEB_ID])
{
    const char *path = ferry_card_shown(card, cargo);
    uint64_t print = ferry_plan_fingerprint(FERRY_PLAN_PRINT, (const uint8_t *)path, strlen(path));
    snprintf(out, FERRY_WEB_ID, "%08x%08x", (unsigned)(print >> 32), (unsigned)print);
}

const struct ferry_cargo *ferry_web_build(const struct ferry_web *self, const char *id)
{
    const struct ferry_card *card = self->cfg.card;
    char found[FERRY_WEB_ID];
    for (size_t i = 0; i < card->list.count; i++) {
        ferry_web_build_id(card, &card->list.items[i], found);
        if (strcmp(found, id) == 0)
            return &card->list.items[i];
    }
    return NULL;
}

static const char *kind_name(enum ferry_cargo_kind kind)
{
    switch (kind) {
    case FERRY_CARGO_IDF_BUILD:
        return "idf-build";
    case FERRY_CARGO_WEB_MANIFEST:
        return "web-manifest";
    case FERRY_CARGO_ARDUINO:
        return "arduino";
    case FERRY_CARGO_MERGED:
        return "merged";
    case FERRY_CARGO_APP:
        return "app";
    case FERRY_CARGO_ADDRESSED:
        return "addressed";
    default:
        return "data";
    }
}

static void build_json(const struct ferry_card *card, const struct ferry_cargo *cargo, struct ferry_web_json *json)
{
    char id[FERRY_WEB_ID];
    const char *path = ferry_card_shown(card, cargo);
    ferry_web_build_id(card, cargo, id);
    ferry_web_json_open(json, NULL, '{');
    ferry_web_json_text(json, "id", id);
    ferry_web_json_text(json, "name", cargo->name);
    ferry_web_json_text(json, "version", cargo->version);
    ferry_web_json_text(json, "kind", kind_name(cargo->kind));
    ferry_web_json_text(json, "path", path);
    ferry_web_json_number(json, "size", cargo->total_size);
    ferry_web_json_open(json, "chips", '[');
    for (uint8_t i = 0; i < cargo->chip_count; i++) {
        const struct ferry_chip *chip = ferry_chip_by_id(cargo->chips[i]);
        char number[24];
        snprintf(number, sizeof number, "chip id %u", (unsigned)cargo->chips[i]);
        ferry_web_json_text(json, NULL, chip ? chip->name : number);
    }
    ferry_web_json_close(json, ']');
    ferry_web_json_bool(json, "wanted",
                        card->wanted[0] && (strcmp(card->wanted, cargo->name) == 0 || strcmp(card->wanted, path) == 0));
    ferry_web_json_close(json, '}');
}

static void tail_json(const struct ferry_web *self, struct ferry_web_json *json)
{
    const struct ferry_cargo_list *list = &self->cfg.card->list;
    uint64_t free_bytes = 0, total = 0;
    ferry_web_json_raw(json, "]");
    json->comma = true;
    ferry_web_json_number(json, "more", (int64_t)(list->more + list->refused_more));
    ferry_web_json_bool(json, "stale", self->stale);
    ferry_web_json_text(json, "wanted", self->cfg.card->wanted);
    if (self->cfg.space && self->cfg.space(self->cfg.ctx, &free_bytes, &total) >= 0) {
        ferry_web_json_open(json, "space", '{');
        ferry_web_json_number(json, "free", (int64_t)free_bytes);
        ferry_web_json_number(json, "total", (int64_t)total);
        ferry_web_json_close(json, '}');
    }
    if (self->card_fault.status < 0) {
        ferry_web_json_open(json, "fault", '{');
        ferry_web_json_fault(json, &self->card_fault);
        ferry_web_json_close(json, '}');
    }
    ferry_web_json_raw(json, "}");
}

enum { PHASE_WAIT, PHASE_BUILDS, PHASE_REFUSED, PHASE_TAIL, PHASE_OVER };

static void next_phase(struct ferry_web_stream *self)
{
    self->phase++;
    self->index = 0;
}

static void row(struct ferry_web_stream *self, struct ferry_web_json *json)
{
    const struct ferry_card *card = self->web->cfg.card;
    const struct ferry_cargo_list *list = &card->list;
    json->comma = self->index > 0;
    if (self->phase == PHASE_WAIT) {
        ferry_web_json_raw(json, "{\"builds\":[");
        next_phase(self);
    } else if (self->phase == PHASE_BUILDS && self->index < list->count) {
        build_json(card, &list->items[self->index++], json);
    } else if (self->phase == PHASE_BUILDS) {
        ferry_web_json_raw(json, "],\"refused\":[");
        next_phase(self);
    } else if (self->phase == PHASE_REFUSED && self->index < list->refused_count) {
        ferry_web_json_open(json, NULL, '{');
        ferry_web_json_fault(json, &list->refused[self->index++]);
        ferry_web_json_close(json, '}');
    } else if (self->phase == PHASE_REFUSED) {
        tail_json(self->web, json);
        self->phase = PHASE_OVER;
    }
}

static int builds_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    if (self->phase == PHASE_OVER)
        return FERRY_HTTP_OVER;
    ferry_web_lock(self->web);
    bool wait = self->phase == PHASE_WAIT && self->web->stale && self->tries++ < PATIENCE;
    if (!wait)
        row(self, &json);
    ferry_web_unlock(self->web);
    return json.full ? -1 : (int)json.len;
}

void ferry_web_builds(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                      struct ferry_http_answer *answer)
{
    (void)request, (void)rest;
    ferry_web_stream(self, "application/json", builds_row, answer);
}

// POST: look at the card again (it was changed, or another one, in a way that nobody could see).
void ferry_web_look(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                    struct ferry_http_answer *answer)
{
    ferry_web_lock(self);
    ferry_web_touched(self);
    ferry_web_unlock(self);
    ferry_web_builds(self, request, rest, answer);
}
