// Devices: who was seen, what it runs, and what it should run.
#include <string.h>

#include "depot/build.h"
#include "depot/device.h"
#include "ferry/base/status.h"

int ferry_depot_device_check_mac(struct ferry_depot *self, const char *mac)
{
    bool good = mac && strlen(mac) == FERRY_DEPOT_MAC - 1;
    for (size_t i = 0; good && i < FERRY_DEPOT_MAC - 1; i++)
        good = i % 3 == 2 ? mac[i] == ':' : (mac[i] >= '0' && mac[i] <= '9') || (mac[i] >= 'a' && mac[i] <= 'f');
    return good ? FERRY_OK
                : ferry_depot_engine_fail(self, FERRY_ERR_ARG, "six bytes in lower case: 24:0a:c4:00:01:10",
                                          "'%.40s' is no MAC address", mac ? mac : "");
}

// ---- check-in ----

struct checkin {
    const struct ferry_depot_device *in;
    int64_t wanted; // build
};

static bool known(const uint8_t hash[FERRY_SHA256_SIZE])
{
    static const uint8_t none[FERRY_SHA256_SIZE];
    return memcmp(hash, none, sizeof none) != 0;
}

static bool runs(const struct ferry_depot_device *device, const struct ferry_depot_build *build)
{
    const uint8_t *mine = device->running_sha256;
    return known(mine) && (memcmp(mine, build->app_sha256, FERRY_SHA256_SIZE) == 0 ||
                           memcmp(mine, build->app_image_sha256, FERRY_SHA256_SIZE) == 0 ||
                           memcmp(mine, build->app_elf_sha256, FERRY_SHA256_SIZE) == 0);
}

// Stores what it says; *build: the one that it should run, 0 = none. One statement, one round trip: a thousand devices
// a second come by here.
static int see(struct ferry_depot *self, const struct ferry_depot_device *in, int64_t *build)
{
    static const char sql[] =
        "INSERT INTO device (mac, chip, name, channel, project, version, running, first_seen, last_seen)"
        " VALUES ($1, $2, '', $3, $4, $5, $6, ferry_now(), ferry_now()) ON CONFLICT (mac) DO UPDATE SET"
        " chip = excluded.chip, version = excluded.version, running = excluded.running, last_seen = excluded.last_seen,"
        " project = CASE WHEN excluded.project = '' THEN device.project ELSE excluded.project END,"
        " channel = CASE WHEN excluded.channel = '' THEN device.channel ELSE excluded.channel END,"
        " first_seen = CASE WHEN device.first_seen = 0 THEN excluded.first_seen ELSE device.first_seen END"
        " RETURNING COALESCE((SELECT c.build FROM channel c WHERE c.project = device.project {pg:COLLATE \"C\"}"
        " AND c.chip = device.chip {pg:COLLATE \"C\"} AND c.name = device.channel {pg:COLLATE \"C\"}), "
        "0)" FERRY_DEPOT_ENGINE_RELAXES;
    int status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(in->mac), FERRY_DEPOT_QUERY_TEXT(in->chip),
                                   FERRY_DEPOT_QUERY_TEXT(in->channel), FERRY_DEPOT_QUERY_TEXT(in->project),
                                   FERRY_DEPOT_QUERY_TEXT(in->version), FERRY_DEPOT_QUERY_SHA256(in->running_sha256));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0)
        *build = self->engine->number(self, 0);
    while (status > 0)
        status = ferry_depot_query_next(self);
    return status;
}

static int see_one(struct ferry_depot *self, void *ctx)
{
    struct checkin *c = ctx;
    return see(self, c->in, &c->wanted);
}

// From the builds that were asked for lately, or the database.
static int look_up(struct ferry_depot *self, int64_t id, struct ferry_depot_build *out)
{
    for (unsigned i = 0; i < FERRY_DEPOT_ENGINE_BUILDS; i++)
        if (self->builds[i].id == id) {
            *out = self->builds[i];
            return FERRY_OK;
        }
    int status = ferry_depot_build_get(self, id, out);
    if (status >= 0)
        self->builds[self->builds_next++ % FERRY_DEPOT_ENGINE_BUILDS] = *out;
    return status;
}

static int check_device(struct ferry_depot *self, const struct ferry_depot_device *in)
{
    int status = ferry_depot_device_check_mac(self, in->mac);
    if (status >= 0)
        status = ferry_depot_query_check_some(self, "the chip", in->chip, sizeof in->chip);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the project", in->project, sizeof in->project);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the version", in->version, sizeof in->version);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the channel", in->channel, sizeof in->channel);
    return status;
}

int ferry_depot_checkin(struct ferry_depot *self, const struct ferry_depot_device *in, enum ferry_depot_answer *out,
                        struct ferry_depot_build *build)
{
    struct ferry_depot_build own, *answer = build ? build : &own;
    struct checkin c = {.in = in};
    *out = FERRY_DEPOT_NOTHING;
    int status = check_device(self, in);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_SINGLE, see_one, &c);
    if (status < 0 || c.wanted == 0)
        return status;
    status = look_up(self, c.wanted, answer);
    if (status == FERRY_ERR_STORAGE_MISSING) // removed since
        return FERRY_OK;
    if (status >= 0)
        *out = runs(in, answer) ? FERRY_DEPOT_CURRENT : FERRY_DEPOT_UPDATE;
    return status;
}

// ---- the rest ----

#define COLUMNS "mac, chip, name, channel, project, version, running, first_seen, last_seen"

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
        ferry_depot_row_text(&row, device->project, sizeof device->project);
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
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "", "the depot has never seen a device %s", mac);
}

int ferry_depot_device_get(struct ferry_depot *self, const char *mac, struct ferry_depot_device *out)
{
    int status = ferry_depot_device_check_mac(self, mac);
    if (status < 0)
        return status;
    status = rows(self,
                  FERRY_DEPOT_QUERY(self, "SELECT " COLUMNS " FROM device WHERE mac = $1", FERRY_DEPOT_QUERY_TEXT(mac)),
                  out, 1);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_device_list(struct ferry_depot *self, const char *after, struct ferry_depot_device *out, size_t cap)
{
    int status = ferry_depot_query_check(self, "the MAC", after, FERRY_DEPOT_MAC);
    if (status < 0)
        return status;
    return rows(self,
                FERRY_DEPOT_QUERY(self, "SELECT " COLUMNS " FROM device WHERE mac > $1 ORDER BY mac LIMIT $2",
                                  FERRY_DEPOT_QUERY_TEXT(after), FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000)),
                out, cap);
}

struct change {
    const char *mac;
    const struct ferry_depot_device_change *to;
};

static int change(struct ferry_depot *self, void *ctx)
{
    static const char update[] = "UPDATE device SET name = CASE WHEN $1 = 1 THEN $2 ELSE name END,"
                                 " channel = CASE WHEN $3 = 1 THEN $4 ELSE channel END,"
                                 " project = CASE WHEN $5 = 1 THEN $6 ELSE project END,"
                                 " chip = CASE WHEN $7 <> '' THEN $7 ELSE chip END WHERE mac = $8";
    static const char insert[] =
        "INSERT INTO device (mac, chip, name, channel, project, version, running, first_seen, last_seen)"
        " VALUES ($1, $2, $3, $4, $5, '', $6, 0, 0)";
    static const uint8_t none[FERRY_SHA256_SIZE];
    const struct change *c = ctx;
    const struct ferry_depot_device_change *to = c->to;
    int status = ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, update, FERRY_DEPOT_QUERY_NUMBER(to->name != 0), FERRY_DEPOT_QUERY_TEXT(to->name),
                                FERRY_DEPOT_QUERY_NUMBER(to->channel != 0), FERRY_DEPOT_QUERY_TEXT(to->channel),
                                FERRY_DEPOT_QUERY_NUMBER(to->project != 0), FERRY_DEPOT_QUERY_TEXT(to->project),
                                FERRY_DEPOT_QUERY_TEXT(to->chip), FERRY_DEPOT_QUERY_TEXT(c->mac)));
    if (status != 0 || !to->chip || !*to->chip)
        return status;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, insert, FERRY_DEPOT_QUERY_TEXT(c->mac), FERRY_DEPOT_QUERY_TEXT(to->chip),
                                FERRY_DEPOT_QUERY_TEXT(to->name), FERRY_DEPOT_QUERY_TEXT(to->channel),
                                FERRY_DEPOT_QUERY_TEXT(to->project), FERRY_DEPOT_QUERY_SHA256(none)));
}

static int drop(struct ferry_depot *self, void *ctx)
{
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, "DELETE FROM device WHERE mac = $1", FERRY_DEPOT_QUERY_TEXT(ctx)));
}

int ferry_depot_device_change(struct ferry_depot *self, const char *mac, const struct ferry_depot_device_change *to)
{
    struct change c = {.mac = mac, .to = to};
    int status = ferry_depot_device_check_mac(self, mac);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the name", to->name, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the channel", to->channel, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the project", to->project, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the chip", to->chip, FERRY_DEPOT_CHIP);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, change, &c);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_device_set(struct ferry_depot *self, const char *mac, const char *name, const char *channel)
{
    return ferry_depot_device_change(self, mac, &(struct ferry_depot_device_change){.name = name, .channel = channel});
}

int ferry_depot_device_remove(struct ferry_depot *self, const char *mac)
{
    char copy[FERRY_DEPOT_MAC];
    int status = ferry_depot_device_check_mac(self, mac);
    if (status < 0)
        return status;
    memcpy(copy, mac, sizeof copy);
    status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, drop, copy);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
}
