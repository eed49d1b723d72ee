// Tokens: who may do what over the network. A secret is 192 random bits, so its plain SHA-256 tells nothing about it.
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "depot/query.h"
#include "ferry/base/status.h"

enum { RANDOM = 24, USED_STEP_MS = 3600000 };
#define COLUMNS "id, name, scopes, expires, created, used"

static const char *const names[] = {"read", "write", "device", "work", "admin"};
enum { SCOPES = sizeof names / sizeof names[0] };

bool ferry_depot_scopes_parse(const char *text, unsigned *scopes)
{
    *scopes = 0;
    for (const char *at = text; at && *at;) {
        size_t len = strcspn(at, ", ");
        unsigned found = 0;
        for (unsigned i = 0; i < SCOPES; i++)
            if (strlen(names[i]) == len && memcmp(names[i], at, len) == 0)
                found = 1u << i;
        if (!found)
            return false;
        *scopes |= found;
        at += len;
        at += strspn(at, ", ");
    }
    return *scopes != 0;
}

void ferry_depot_scopes_text(unsigned scopes, char out[FERRY_DEPOT_TEXT])
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned i = 0; i < SCOPES; i++)
        if (scopes & 1u << i)
            used += (size_t)snprintf(out + used, FERRY_DEPOT_TEXT - used, "%s%s", used ? "," : "", names[i]);
}

static int hash(struct ferry_depot *self, const char *secret, uint8_t out[FERRY_SHA256_SIZE])
{
    const struct ferry_digest *digest = self->cfg.digest;
    bool good = digest->begin(digest->ctx, FERRY_DIGEST_SHA256) >= 0 &&
                digest->update(digest->ctx, (const uint8_t *)secret, strlen(secret)) >= 0 &&
                digest->finish(digest->ctx, out, FERRY_SHA256_SIZE) >= 0;
    return good ? FERRY_OK : ferry_depot_engine_fail(self, FERRY_ERR_UNSUPPORTED, 0, "SHA-256 is not available");
}

static int rows(struct ferry_depot *self, int run_status, struct ferry_depot_token *out, size_t cap)
{
    int status = run_status;
    size_t count = 0;
    while (status >= 0 && count < cap && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        struct ferry_depot_token *token = &out[count++];
        token->id = ferry_depot_row_number(&row);
        ferry_depot_row_text(&row, token->name, sizeof token->name);
        token->scopes = (unsigned)ferry_depot_row_number(&row);
        token->expires_ms = ferry_depot_row_number(&row);
        token->created_ms = ferry_depot_row_number(&row);
        token->used_ms = ferry_depot_row_number(&row);
        status = row.status;
    }
    while (status > 0)
        status = ferry_depot_query_next(self);
    ferry_depot_query_done(self);
    return status < 0 ? status : (int)count;
}

struct adding {
    const char *name;
    unsigned scopes;
    int64_t lives_ms;
    uint8_t sha256[FERRY_SHA256_SIZE];
    struct ferry_depot_token *out;
};

static int add(struct ferry_depot *self, void *ctx)
{
    static const char sql[] = "INSERT INTO token (sha256, name, scopes, created, expires, used)"
                              " VALUES ($1, $2, $3, ferry_now(), CASE WHEN $4 = 0 THEN 0 ELSE ferry_now() + $4 END, 0)"
                              " RETURNING " COLUMNS;
    const struct adding *a = ctx;
    return rows(self,
                FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_SHA256(a->sha256), FERRY_DEPOT_QUERY_TEXT(a->name),
                                  FERRY_DEPOT_QUERY_NUMBER(a->scopes), FERRY_DEPOT_QUERY_NUMBER(a->lives_ms)),
                a->out, 1);
}

int ferry_depot_token_add(struct ferry_depot *self, const char *name, unsigned scopes, int64_t lives_ms,
                          char secret[FERRY_DEPOT_SECRET], struct ferry_depot_token *out)
{
    uint8_t random[RANDOM];
    struct adding a = {.name = name, .scopes = scopes, .lives_ms = lives_ms, .out = out};
    secret[0] = 0;
    int status = ferry_depot_query_check_some(self, "the name of the token", name, FERRY_DEPOT_TEXT);
    if (status >= 0 && (scopes == 0 || scopes >= 1u << SCOPES || lives_ms < 0))
        status = ferry_depot_engine_fail(self, FERRY_ERR_ARG, "read, write, device, work, admin",
                                         "a token needs at least one scope, and a life that is not over");
    if (status >= 0 && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        status = ferry_depot_engine_fail(self, FERRY_ERR_UNSUPPORTED, 0, "this computer gives no random numbers");
    if (status < 0)
        return status;
    char *at = secret + snprintf(secret, FERRY_DEPOT_SECRET, "fd_");
    for (size_t i = 0; i < sizeof random; i++)
        at += snprintf(at, 3, "%02x", random[i]);
    status = hash(self, secret, a.sha256);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, add, &a);
    if (status < 0)
        secret[0] = 0;
    return status < 0 ? status : FERRY_OK;
}

static int use(struct ferry_depot *self, void *ctx)
{
    return ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, "UPDATE token SET used = ferry_now() WHERE id = $1",
                                                             FERRY_DEPOT_QUERY_NUMBER(*(const int64_t *)ctx)));
}

int ferry_depot_token_check(struct ferry_depot *self, const char *secret, struct ferry_depot_token *out)
{
    static const char sql[] = "SELECT " COLUMNS " FROM token WHERE sha256 = $1"
                              " AND (expires = 0 OR expires > ferry_now())";
    uint8_t sha256[FERRY_SHA256_SIZE];
    int64_t now_ms = 0;
    int status = hash(self, secret, sha256);
    if (status >= 0)
        status = rows(self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_SHA256(sha256)), out, 1);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "make one with: ferry depot token add",
                                       "this token is not known, or it has expired");
    if (status < 0 || self->cfg.read_only || ferry_depot_now(self, &now_ms) < 0)
        return status < 0 ? status : FERRY_OK;
    if (now_ms - out->used_ms >= USED_STEP_MS || now_ms < out->used_ms) // that this fails is no reason to refuse
        (void)ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_RELAXED, use, &out->id);
    return FERRY_OK;
}

static int drop(struct ferry_depot *self, void *ctx)
{
    return ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, "DELETE FROM token WHERE id = $1",
                                                             FERRY_DEPOT_QUERY_NUMBER(*(const int64_t *)ctx)));
}

int ferry_depot_token_remove(struct ferry_depot *self, int64_t id)
{
    int64_t which = id;
    int status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, drop, &which);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "see: ferry depot token",
                                       "there is no token %lld", (long long)id);
    return status < 0 ? status : FERRY_OK;
}

int ferry_depot_token_list(struct ferry_depot *self, struct ferry_depot_token *out, size_t cap)
{
    return rows(self,
                FERRY_DEPOT_QUERY(self, "SELECT " COLUMNS " FROM token ORDER BY id LIMIT $1",
                                  FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000)),
                out, cap);
}
