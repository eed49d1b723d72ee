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
    struct ferry_depot_build *build;
    enum ferry_depot_answer answer;
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

// Stores what it says; channel: the one that counts from now on.
static int see(struct ferry_depot *self, const struct ferry_depot_device *in, char channel[FERRY_DEPOT_TEXT])
{
    static const char sql[] =
        "INSERT INTO device (mac, chip, name, channel, project, version, running, first_seen, last_seen)"
        " VALUES ($1, $2, '', $3, $4, $5, $6, ferry_now(), ferry_now()) ON CONFLICT (mac) DO UPDATE SET"
        " chip = excluded.chip, project = excluded.project, version = excluded.version, running = excluded.running,"
        " last_seen = excluded.last_seen,"
        " channel = CASE WHEN excluded.channel = '' THEN device.channel ELSE excluded.channel END RETURNING channel";
    struct ferry_depot_row row = {.depot = self};
    int status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(in->mac), FERRY_DEPOT_QUERY_TEXT(in->chip),
                                   FERRY_DEPOT_QUERY_TEXT(in->channel), FERRY_DEPOT_QUERY_TEXT(in->project),
                                   FERRY_DEPOT_QUERY_TEXT(in->version), FERRY_DEPOT_QUERY_SHA256(in->running_sha256));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0)
        ferry_depot_row_text(&row, channel, FERRY_DEPOT_TEXT);
    while (status > 0)
        status = ferry_depot_query_next(self);
    return status < 0 ? status : row.status;
}

static int answer(struct ferry_depot *self, void *ctx)
{
    static const char sql[] = "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM channel c JOIN build b ON b.id = c.build"
                              " WHERE c.project = $1 AND c.chip = $2 AND c.name = $3";
    struct checkin *c = ctx;
    char channel[FERRY_DEPOT_TEXT] = "";
    c->answer = FERRY_DEPOT_NOTHING;
    int status = see(self, c->in, channel);
    if (status < 0 || !*channel)
        return status;
    status =
        ferry_depot_build_rows(self,
                               FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(c->in->project),
                                                 FERRY_DEPOT_QUERY_TEXT(c->in->chip), FERRY_DEPOT_QUERY_TEXT(channel)),
                               c->build, 1);
    if (status > 0)
        c->answer = runs(c->in, c->build) ? FERRY_DEPOT_CURRENT : FERRY_DEPOT_UPDATE;
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
    struct ferry_depot_build own;
    struct checkin c = {.in = in, .build = build ? build : &own};
    int status = check_device(self, in);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_RELAXED, answer, &c);
    *out = c.answer;
    return status < 0 ? status : FERRY_OK;
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
    const char *mac, *name, *channel;
};

static int set(struct ferry_depot *self, void *ctx)
{
    static const char sql[] = "UPDATE device SET name = CASE WHEN $1 = 1 THEN $2 ELSE name END,"
                              " channel = CASE WHEN $3 = 1 THEN $4 ELSE channel END WHERE mac = $5";
    const struct change *c = ctx;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(c->name ? 1 : 0), FERRY_DEPOT_QUERY_TEXT(c->name),
                                FERRY_DEPOT_QUERY_NUMBER(c->channel ? 1 : 0), FERRY_DEPOT_QUERY_TEXT(c->channel),
                                FERRY_DEPOT_QUERY_TEXT(c->mac)));
}

static int drop(struct ferry_depot *self, void *ctx)
{
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, "DELETE FROM device WHERE mac = $1", FERRY_DEPOT_QUERY_TEXT(ctx)));
}

int ferry_depot_device_set(struct ferry_depot *self, const char *mac, const char *name, const char *channel)
{
    struct change c = {.mac = mac, .name = name, .channel = channel};
    int status = ferry_depot_device_check_mac(self, mac);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the name", name, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the channel", channel, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, set, &c);
    return status == 0 ? no_device(self, mac) : status < 0 ? status : FERRY_OK;
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
