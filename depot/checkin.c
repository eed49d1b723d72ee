// Check-ins: "I am this device and run this: what should I run?"
#include <string.h>

#include "depot/build.h"
#include "depot/device.h"
#include "ferry/base/status.h"

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

struct asking {
    const struct ferry_depot_question *question;
    char mac[FERRY_DEPOT_MAC], chip[FERRY_DEPOT_CHIP];
    struct ferry_depot_verdict *verdict;
    int64_t wanted; // build, 0 = none
};

// The project that counts. A device whose firmware the depot does not have ($4: what it says) counts as what it was
// before, or as what it asks to become ($8).
#define COUNTS                                                                                                         \
    "CASE WHEN EXISTS (SELECT 1 FROM build k WHERE k.project = device.wants) THEN device.wants"                        \
    " WHEN $8 <> '' THEN $8 WHEN $4 <> '' THEN $4 ELSE device.wants END"

// Stores what it says, and finds the build that it should run. One statement, one round trip: a thousand devices a
// second come by here.
static int see(struct ferry_depot *self, void *ctx)
{
    static const char sql[] =
        "INSERT INTO device (mac, chip, name, channel, project, version, running, first_seen, last_seen, wants)"
        " VALUES ($1, $2, '', CASE WHEN $3 <> '' THEN $3 ELSE $7 END, $4, $5, $6, ferry_now(), ferry_now(),"
        " CASE WHEN EXISTS (SELECT 1 FROM build k WHERE k.project = $4) THEN $4 ELSE '' END)"
        " ON CONFLICT (mac) DO UPDATE SET"
        " chip = excluded.chip, version = excluded.version, running = excluded.running, last_seen = excluded.last_seen,"
        " project = CASE WHEN $4 <> '' THEN $4 ELSE device.project END,"
        " wants = CASE WHEN excluded.wants <> '' THEN excluded.wants ELSE device.wants END,"
        " channel = CASE WHEN device.assigned = 1 THEN device.channel WHEN $3 <> '' THEN $3"
        " WHEN device.channel <> '' THEN device.channel ELSE $7 END,"
        " first_seen = CASE WHEN device.first_seen = 0 THEN excluded.first_seen ELSE device.first_seen END"
        " RETURNING COALESCE((SELECT c.build FROM channel c WHERE c.project = " COUNTS " {pg:COLLATE \"C\"}"
        " AND c.chip = device.chip {pg:COLLATE \"C\"} AND c.name = device.channel {pg:COLLATE \"C\"}), 0), " COUNTS
        ", channel" FERRY_DEPOT_ENGINE_RELAXES;
    struct asking *a = ctx;
    const struct ferry_depot_question *q = a->question;
    const struct ferry_depot_device *in = q->device;
    struct ferry_depot_row row = {.depot = self};
    int status =
        FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(a->mac), FERRY_DEPOT_QUERY_TEXT(a->chip),
                          FERRY_DEPOT_QUERY_TEXT(in->channel), FERRY_DEPOT_QUERY_TEXT(in->project),
                          FERRY_DEPOT_QUERY_TEXT(in->version), FERRY_DEPOT_QUERY_SHA256(in->running_sha256),
                          FERRY_DEPOT_QUERY_TEXT(q->default_channel), FERRY_DEPOT_QUERY_TEXT(q->default_project));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        a->wanted = ferry_depot_row_number(&row);
        ferry_depot_row_text(&row, a->verdict->project, sizeof a->verdict->project);
        ferry_depot_row_text(&row, a->verdict->channel, sizeof a->verdict->channel);
    }
    while (status > 0)
        status = ferry_depot_query_next(self);
    return status < 0 ? status : row.status;
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

static int check(struct ferry_depot *self, struct asking *a)
{
    const struct ferry_depot_question *q = a->question;
    const struct {
        const char *name, *text;
    } texts[] = {{"the project", q->device->project},
                 {"the version", q->device->version},
                 {"the channel", q->device->channel},
                 {"the default project", q->default_project},
                 {"the default channel", q->default_channel}};
    int status = ferry_depot_device_mac(self, q->device->mac, a->mac);
    if (status >= 0)
        status = ferry_depot_query_check_some(self, "the chip", q->device->chip, FERRY_DEPOT_CHIP);
    if (status >= 0)
        status = ferry_depot_device_chip(self, q->device->chip, a->chip);
    for (size_t i = 0; status >= 0 && i < sizeof texts / sizeof *texts; i++)
        status = ferry_depot_query_check(self, texts[i].name, texts[i].text, FERRY_DEPOT_TEXT);
    return status;
}

int ferry_depot_ask(struct ferry_depot *self, const struct ferry_depot_question *question,
                    struct ferry_depot_verdict *out)
{
    struct asking a = {.question = question, .verdict = out};
    memset(out, 0, sizeof *out);
    int status = check(self, &a);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_SINGLE, see, &a);
    if (status < 0 || a.wanted == 0)
        return status;
    status = look_up(self, a.wanted, &out->build);
    if (status == FERRY_ERR_STORAGE_MISSING) // removed since
        return FERRY_OK;
    if (status >= 0)
        out->answer = runs(question->device, &out->build) ? FERRY_DEPOT_CURRENT : FERRY_DEPOT_UPDATE;
    return status;
}
