// Channels: names that point at a build, for each project and chip.
#include <ctype.h>
#include <string.h>

#include "depot/build.h"
#include "ferry/base/status.h"

static int check_name(struct ferry_depot *self, const char *name)
{
    int status = ferry_depot_query_check_some(self, "the channel", name, FERRY_DEPOT_TEXT);
    bool good = status >= 0 && !isdigit((unsigned char)name[0]) && strcmp(name, "latest") != 0;
    for (const char *c = name; good && *c; c++)
        good = (unsigned char)*c < 0x80 && (isalnum((unsigned char)*c) || *c == '-' || *c == '_' || *c == '.');
    if (status < 0 || good)
        return status;
    return ferry_depot_engine_fail(
        self, FERRY_ERR_ARG,
        "letters, digits, - _ and .; not a digit first (that is a version), not 'latest' (that is the newest)",
        "'%.63s' is no name for a channel", name);
}

struct setting {
    const char *name;
    int64_t build;
};

static int set(struct ferry_depot *self, void *ctx)
{
    static const char sql[] =
        "INSERT INTO channel (project, chip, name, build, changed) VALUES ($1, $2, $3, $4, ferry_now())"
        " ON CONFLICT (project, chip, name) DO UPDATE SET build = excluded.build, changed = excluded.changed";
    const struct setting *s = ctx;
    struct ferry_depot_build build;
    int status = ferry_depot_build_get(self, s->build, &build);
    if (status < 0)
        return status;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(build.project), FERRY_DEPOT_QUERY_TEXT(build.chip),
                                FERRY_DEPOT_QUERY_TEXT(s->name), FERRY_DEPOT_QUERY_NUMBER(s->build)));
}

int ferry_depot_channel_set(struct ferry_depot *self, const char *name, int64_t build)
{
    struct setting s = {.name = name, .build = build};
    int status = check_name(self, name);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, set, &s);
    return status < 0 ? status : FERRY_OK;
}

struct which {
    const char *name, *project, *chip;
};

static int drop(struct ferry_depot *self, void *ctx)
{
    const struct which *w = ctx;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, "DELETE FROM channel WHERE project = $1 AND chip = $2 AND name = $3",
                                FERRY_DEPOT_QUERY_TEXT(w->project), FERRY_DEPOT_QUERY_TEXT(w->chip),
                                FERRY_DEPOT_QUERY_TEXT(w->name)));
}

int ferry_depot_channel_remove(struct ferry_depot *self, const char *name, const char *project, const char *chip)
{
    struct which w = {.name = name, .project = project, .chip = chip};
    int status = ferry_depot_query_check(self, "the channel", name, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the project", project, FERRY_DEPOT_TEXT);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the chip", chip, FERRY_DEPOT_CHIP);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, drop, &w);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "see: ferry depot channel",
                                       "there is no channel %.63s of %.63s for this chip", name ? name : "",
                                       project ? project : "");
    return status < 0 ? status : FERRY_OK;
}

int ferry_depot_channel_list(struct ferry_depot *self, const char *project, size_t skip,
                             struct ferry_depot_channel *out, size_t cap)
{
    static const char sql[] = "SELECT c.name, c.project, c.chip, c.build, b.version, c.changed FROM channel c"
                              " JOIN build b ON b.id = c.build WHERE ($1 = '' OR c.project = $1)"
                              " ORDER BY c.project, c.chip, c.name LIMIT $2 OFFSET $3";
    int status = ferry_depot_query_check(self, "the project", project, FERRY_DEPOT_TEXT);
    size_t count = 0;
    if (status >= 0)
        status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(project),
                                   FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000), FERRY_DEPOT_QUERY_NUMBER(skip));
    while (status >= 0 && count < cap && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        struct ferry_depot_channel *channel = &out[count++];
        ferry_depot_row_text(&row, channel->name, sizeof channel->name);
        ferry_depot_row_text(&row, channel->project, sizeof channel->project);
        ferry_depot_row_text(&row, channel->chip, sizeof channel->chip);
        channel->build = ferry_depot_row_number(&row);
        ferry_depot_row_text(&row, channel->version, sizeof channel->version);
        channel->changed_ms = ferry_depot_row_number(&row);
        status = row.status;
    }
    ferry_depot_query_done(self);
    return status < 0 ? status : (int)count;
}
