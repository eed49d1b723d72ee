// Devices: who was seen, what it runs, and what it should run.
#include <string.h>

#include "depot/device.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"

// ---- names ----

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int ferry_depot_device_mac(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_MAC])
{
    const char *p = given ? given : "";
    char between = strlen(p) == FERRY_DEPOT_MAC - 1 && p[2] == '-' ? '-' : ':';
    bool plain = strlen(p) == 12;
    size_t used = 0;
    for (; *p && used < FERRY_DEPOT_MAC - 1; p++) {
        char c = lower(*p);
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (used % 3 == 2) {
            out[used++] = ':';
            if (!plain && c == between)
                continue;
        }
        if (!digit || (used % 3 == 0 && used && !plain && p[-1] != between))
            break;
        out[used++] = c;
    }
    out[used] = 0;
    return *p == 0 && used == FERRY_DEPOT_MAC - 1
               ? FERRY_OK
               : ferry_depot_engine_fail(self, FERRY_ERR_ARG, "six bytes: 24:0a:c4:00:01:10",
                                         "'%.40s' is no MAC address", given ? given : "");
}

int ferry_depot_device_mac_or_none(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_MAC])
{
    out[0] = 0;
    return given && *given ? ferry_depot_device_mac(self, given, out) : FERRY_OK;
}

// Lower case, without what stands between.
static void squeeze(const char *text, char *out, size_t cap)
{
    size_t used = 0;
    for (; text && *text && used + 1 < cap; text++)
        if (*text != '-' && *text != '_' && *text != ' ')
            out[used++] = lower(*text);
    out[used] = 0;
}

// What may follow the chip's name in the name of a model: a package or a flash ("s2fh4", "c3fn4", "s3r8"). The first
// ESP32 alone is called after its die.
static bool is_model(const char *chip, const char *rest)
{
    static const char *const dies[] = {"d0wd", "d2wd", "u4wdh", "pico", "s0wd"};
    if (strcmp(chip, "esp32") != 0)
        return *rest == 0 || *rest == 'f' || *rest == 'r' || *rest == 'n';
    for (size_t i = 0; i < sizeof dies / sizeof *dies; i++)
        if (strncmp(rest, dies[i], strlen(dies[i])) == 0)
            return true;
    return *rest == 0;
}

int ferry_depot_device_chip(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_CHIP])
{
    char name[32];
    size_t count, best = 0;
    const struct ferry_chip *table = ferry_chip_table(&count);
    squeeze(given, name, sizeof name);
    out[0] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(table[i].name);
        if (len > best && strncmp(name, table[i].name, len) == 0 && is_model(table[i].name, name + len)) {
            best = len;
            memcpy(out, table[i].name, len + 1);
        }
    }
    return best ? FERRY_OK
                : ferry_depot_engine_fail(self, FERRY_ERR_UNKNOWN_CHIP, "esp32, esp32s3, esp32c3 and so on",
                                          "'%.40s' is no chip that this program knows", given ? given : "");
}

// ---- looking ----

#define COLUMNS "mac, chip, name, channel, assigned, project, wants, version, running, first_seen, last_seen"

static int rows(struct ferry_depot *self, int run_status, struct ferry_depot_device *out, size_t cap)
{
    int status = run_status;
    size_t count = 0;
    while (status >= 0 && count < cap && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        struct ferry_depot_device *device = &out[count++];
        ferry_depot_row_text(&row, device->mac, sizeof device->mac);
        ferry_depot_row_text(&row, device->chip, sizeof device->chip);
        ferry_depot_row_text(&row, device->name, sizeof device->name);
        ferry_depot_row_text(&row, device->channel, sizeof device->channel);
        device->assigned = ferry_depot_row_number(&row) == 1;
        ferry_depot_row_text(&row, device->project, sizeof device->project);
        ferry_depot_row_text(&row, device->wants, sizeof device->wants);
        ferry_depot_row_text(&row, device->version, sizeof device->version);
        ferry_depot_row_sha256(&row, device->running_sha256);
        device->first_seen_ms = ferry_depot_row_number(&row);
        device->last_seen_ms = ferry_depot_row_number(&row);
        status = row.status;
    }
    ferry_depot_query_done(self);
    return status < 0 ? status : (int)count;
}

static int no_device(struct ferry_depot *self, const char *mac)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING,
                                   "see: ferry depot devices; with its chip one is made: devices set MAC --chip CHIP",
                                   "the depot has never seen a device %s", mac);
}

int ferry_depot_device_get(struct ferry_depot *self, const char *mac, struct ferry_depot_device *out)
{
    char stored[FERRY_DEPOT_MAC];
    int status = ferry_depot_device_mac(self, mac, stored);
    if (status < 0)
        return status;
    status = rows(
        self, FERRY_DEPOT_QUERY(self, "SELECT " COLUMNS " FROM device WHERE mac = $1", FERRY_DEPOT_QUERY_TEXT(stored)),
        out, 1);
    return status == 0 ? no_device(self, stored) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_device_find(struct ferry_depot *self, const struct ferry_depot_device_filter *filter,
                            struct ferry_depot_device *out, size_t cap)
{
    static const char sql[] = "SELECT " COLUMNS " FROM device WHERE mac > $1 AND ($2 = '' OR project = $2)"
                              " AND ($3 = '' OR version = $3) AND ($4 = '' OR chip = $4) AND ($5 = '' OR channel = $5)"
                              " AND last_seen < $6 ORDER BY mac LIMIT $7";
    const struct ferry_depot_device_filter *f = filter;
    const char *const texts[] = {f->project, f->version, f->chip, f->channel, f->after};
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < sizeof texts / sizeof *texts; i++)
        status = ferry_depot_query_check(self, "a filter", texts[i], FERRY_DEPOT_TEXT);
    if (status < 0)
        return status;
    return rows(self,
                FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(f->after), FERRY_DEPOT_QUERY_TEXT(f->project),
                                  FERRY_DEPOT_QUERY_TEXT(f->version), FERRY_DEPOT_QUERY_TEXT(f->chip),
                                  FERRY_DEPOT_QUERY_TEXT(f->channel),
                                  FERRY_DEPOT_QUERY_NUMBER(f->seen_before_ms ? f->seen_before_ms : INT64_MAX),
                                  FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000)),
                out, cap);
}

// ---- changing ----

struct change {
    char mac[FERRY_DEPOT_MAC], chip[FERRY_DEPOT_CHIP];
    const struct ferry_depot_device_change *to;
};

static int change(struct ferry_depot *self, void *ctx)
{
    static const char update[] = "UPDATE device SET name = CASE WHEN $1 = 1 THEN $2 ELSE name END,"
                                 " channel = CASE WHEN $3 = 1 THEN $4 ELSE channel END,"
                                 " assigned = CASE WHEN $5 = 1 THEN 0 WHEN $3 = 1 THEN 1 ELSE assigned END,"
                                 " project = CASE WHEN $6 = 1 THEN $7 ELSE project END,"
                                 " wants = CASE WHEN $6 = 1 THEN $7 ELSE wants END,"
                                 " chip = CASE WHEN $8 <> '' THEN $8 ELSE chip END WHERE mac = $9";
    static const char insert[] = "INSERT INTO device (mac, chip, name, channel, project, wants, version, running,"
                                 " first_seen, last_seen, assigned) VALUES ($1, $2, $3, $4, $5, $5, '', $6, 0, 0, $7)";
    static const uint8_t none[FERRY_SHA256_SIZE];
    const struct change *c = ctx;
    const struct ferry_depot_device_change *to = c->to;
    int status = ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, update, FERRY_DEPOT_QUERY_NUMBER(to->name != 0), FERRY_DEPOT_QUERY_TEXT(to->name),
                                FERRY_DEPOT_QUERY_NUMBER(to->channel != 0), FERRY_DEPOT_QUERY_TEXT(to->channel),
                                FERRY_DEPOT_QUERY_NUMBER(to->release_channel),
                                FERRY_DEPOT_QUERY_NUMBER(to->project != 0), FERRY_DEPOT_QUERY_TEXT(to->project),
                                FERRY_DEPOT_QUERY_TEXT(c->chip), FERRY_DEPOT_QUERY_TEXT(c->mac)));
    if (status != 0 || !*c->chip)
        return status;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, insert, FERRY_DEPOT_QUERY_TEXT(c->mac), FERRY_DEPOT_QUERY_TEXT(c->chip),
                                FERRY_DEPOT_QUERY_TEXT(to->name), FERRY_DEPOT_QUERY_TEXT(to->channel),
                                FERRY_DEPOT_QUERY_TEXT(to->project), FERRY_DEPOT_QUERY_SHA256(none),
                                FERRY_DEPOT_QUERY_NUMBER(to->channel && !to->release_channel)));
}

static int drop(struct ferry_depot *self, void *ctx)
{
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, "DELETE FROM device WHERE mac = $1", FERRY_DEPOT_QUERY_TEXT(ctx)));
}

int ferry_depot_device_change(struct ferry_depot *self, const char *mac, const struct ferry_depot_device_change *to)
{
    struct change c = {.to = to};
    int status = ferry_depot_device_mac(self, mac, c.mac);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the name", to->name, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the channel", to->channel, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the project", to->project, FERRY_DEPOT_TEXT);
    if (status >= 0 && to->chip && *to->chip)
        status = ferry_depot_device_chip(self, to->chip, c.chip);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, change, &c);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_device_remove(struct ferry_depot *self, const char *mac)
{
    char copy[FERRY_DEPOT_MAC];
    int status = ferry_depot_device_mac(self, mac, copy);
    if (status < 0)
        return status;
    status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, drop, copy);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
}
