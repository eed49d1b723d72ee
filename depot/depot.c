#include "depot/depot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/query.h"
#include "depot/schema.h"
#include "ferry/base/status.h"

// libpq's other form: "host=db.example dbname=ferry".
static bool is_keywords(const char *url)
{
    static const char *const keys[] = {"host", "hostaddr", "dbname", "user", "service", "port", "password", "sslmode"};
    size_t len = strcspn(url, "= /");
    for (size_t i = 0; url[len] == '=' && i < sizeof keys / sizeof *keys; i++)
        if (strlen(keys[i]) == len && memcmp(url, keys[i], len) == 0)
            return true;
    return false;
}

bool ferry_depot_is_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0 || is_keywords(url);
}

// The bytes of a value that ends at one of these; libpq's quotes and backslashes count.
static size_t value_len(const char *at, const char *ends)
{
    size_t len = 0;
    bool quoted = *at == '\'';
    for (len = quoted; at[len]; len++) {
        if (at[len] == '\\' && at[len + 1] && *ends == ' ')
            len++;
        else if (quoted ? at[len] == '\'' : strchr(ends, at[len]) != 0)
            break;
    }
    return len + (quoted && at[len] == '\'');
}

// Drops the values of password=... and sslpassword=..., and what stands between ':' and '@' before the host.
void ferry_depot_shown_url(const char *url, char *shown, size_t cap)
{
    const char *host = strstr(url, "://");
    bool words = !host && is_keywords(url);
    size_t used = 0;
    if (!host && !words) {
        snprintf(shown, cap, "%s", url);
        return;
    }
    host = words ? url : host + 3;
    const char *end = host + (words ? 0 : strcspn(host, "?"));
    const char *at = host;
    for (const char *c = host; c < end; c++)
        at = *c == '@' ? c : at; // the last one: a password may have one that nobody has escaped
    const char *colon = at > host ? memchr(host, ':', (size_t)(at - host)) : 0;
    used = (size_t)snprintf(shown, cap, "%.*s", (int)((colon ? colon : host) - url), url);
    for (const char *p = colon ? at : host; *p && used + 1 < cap; p++) {
        bool begins = p == url || strchr(words ? " " : "?&", p[-1]);
        if (begins && (strncmp(p, "password", 8) == 0 || strncmp(p, "sslpassword", 11) == 0)) {
            size_t key = strcspn(p, "=");
            key += strspn(p + key, words ? "= " : "=");
            used += (size_t)snprintf(shown + used, cap - used, "%.*s...", (int)key, p);
            p += key + value_len(p + key, words ? " " : "&");
            if (!*p || used + 1 >= cap)
                break;
        }
        shown[used++] = *p;
        shown[used] = 0;
    }
}

static int check_cfg(struct ferry_depot *self, const struct ferry_depot_cfg *cfg)
{
    if (!cfg->digest || !cfg->url || !*cfg->url)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "name a file or postgresql://...", "no depot is named");
    if (strncmp(cfg->url, "file:", 5) == 0 || (!ferry_depot_is_url(cfg->url) && strstr(cfg->url, "://")))
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG,
                                       strncmp(cfg->url, "http", 4) == 0
                                           ? "a database here: a path, or postgresql://USER@HOST/NAME; from a served "
                                             "depot: ferry flash --from depot:URL/BUILD"
                                           : "a path, or postgresql://USER@HOST/NAME",
                                       "a depot of this kind is not known");
    return FERRY_OK;
}

static int start(struct ferry_depot *self, const struct ferry_depot_cfg *cfg)
{
    self->cfg = *cfg;
    self->cfg.busy_ms = cfg->busy_ms ? cfg->busy_ms : 5000;
    self->url = cfg->url ? strdup(cfg->url) : 0;
    int status = check_cfg(self, cfg);
    if (status < 0)
        return status;
    if (!self->url)
        return ferry_depot_engine_fail(self, FERRY_ERR_NO_MEMORY, 0, "out of memory");
    self->cfg.url = self->url;
    self->engine = ferry_depot_is_url(cfg->url) ? &ferry_depot_engine_postgres : &ferry_depot_engine_sqlite;
    status = self->engine->open(self);
    return status < 0 ? status : ferry_depot_schema_migrate(self, FERRY_DEPOT_SCHEMA_VERSION);
}

int ferry_depot_open(struct ferry_depot **out, const struct ferry_depot_cfg *cfg, struct ferry_depot_error *error)
{
    struct ferry_depot *self = calloc(1, sizeof *self);
    *out = 0;
    memset(error, 0, sizeof *error);
    if (!self) {
        error->status = FERRY_ERR_NO_MEMORY;
        snprintf(error->what, sizeof error->what, "out of memory");
        return FERRY_ERR_NO_MEMORY;
    }
    if (cfg->url)
        ferry_depot_shown_url(cfg->url, self->shown, sizeof self->shown);
    int status = start(self, cfg);
    if (status < 0) {
        *error = self->error;
        ferry_depot_close(self);
        return status;
    }
    *out = self;
    return FERRY_OK;
}

void ferry_depot_close(struct ferry_depot *self)
{
    if (!self)
        return;
    if (self->state)
        self->engine->close(self);
    free(self->url);
    free(self);
}

const struct ferry_depot_error *ferry_depot_error(const struct ferry_depot *self)
{
    return &self->error;
}

int ferry_depot_schema(const struct ferry_depot *self, int *was)
{
    *was = self->schema_was;
    return FERRY_DEPOT_SCHEMA_VERSION;
}

const char *ferry_depot_engine(const struct ferry_depot *self)
{
    return self->engine->name;
}

int ferry_depot_now(struct ferry_depot *self, int64_t *now_ms)
{
    int status = ferry_depot_query_number(self, ferry_depot_query_run(self, "SELECT ferry_now()", 0, 0), now_ms);
    return status < 0 ? status : FERRY_OK;
}

int ferry_depot_stats(struct ferry_depot *self, struct ferry_depot_stats *out)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM build), (SELECT count(*) FROM blob WHERE whole = 1),"
        " (SELECT CAST(COALESCE(sum(size), 0) AS BIGINT) FROM blob WHERE whole = 1), (SELECT count(*) FROM device),"
        " (SELECT count(*) FROM channel), (SELECT count(*) FROM job WHERE state = 0),"
        " (SELECT count(*) FROM job WHERE state IN (1, 2)), (SELECT count(*) FROM job WHERE state = 3),"
        " (SELECT count(*) FROM job WHERE state = 4)";
    struct ferry_depot_row row = {.depot = self};
    int status = ferry_depot_query_run(self, sql, 0, 0);
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        uint64_t *const places[] = {&out->builds,      &out->blobs,     &out->bytes,
                                    &out->devices,     &out->channels,  &out->jobs_queued,
                                    &out->jobs_active, &out->jobs_done, &out->jobs_failed};
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
            *places[i] = (uint64_t)ferry_depot_row_number(&row);
    }
    ferry_depot_query_done(self);
    return status < 0 ? status : FERRY_OK;
}

int ferry_depot_compact(struct ferry_depot *self, uint64_t *before, uint64_t *after)
{
    int64_t size = 0;
    int status = ferry_depot_query_number(self, ferry_depot_query_run(self, self->engine->size_sql, 0, 0), &size);
    *before = *after = (uint64_t)size;
    if (status >= 0)
        status = self->engine->compact(self, true);
    if (status >= 0)
        status = ferry_depot_query_number(self, ferry_depot_query_run(self, self->engine->size_sql, 0, 0), &size);
    *after = (uint64_t)size;
    return status < 0 ? status : FERRY_OK;
}
