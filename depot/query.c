#include "depot/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"

enum { TRIES = 20 };

int ferry_depot_engine_fail(struct ferry_depot *self, int status, const char *hint, const char *format, ...)
{
    struct ferry_depot_error *error = &self->error;
    va_list args;
    memset(error, 0, sizeof *error);
    error->status = status;
    va_start(args, format);
    vsnprintf(error->what, sizeof error->what, format, args);
    va_end(args);
    snprintf(error->where, sizeof error->where, "%s", self->shown);
    snprintf(error->hint, sizeof error->hint, "%s", hint ? hint : ferry_status_hint(status));
    return status;
}

struct ferry_depot_engine_value ferry_depot_engine_text(const char *text)
{
    const char *t = text ? text : "";
    return (struct ferry_depot_engine_value){.kind = FERRY_DEPOT_ENGINE_TEXT, .bytes = t, .len = strlen(t)};
}

// The spelling of the word at `at` (behind its brace, len bytes).
static const char *spelling(const char *at, size_t len, const char *const (*words)[2])
{
    for (; (*words)[0]; words++)
        if (strlen((*words)[0]) == len && memcmp((*words)[0], at, len) == 0)
            return (*words)[1];
    return "";
}

char *ferry_depot_engine_spell(const char *sql, const char *const (*words)[2], bool postgres)
{
    size_t cap = strlen(sql) * 10 + 256, used = 0; // no spelling is longer than ten times its word
    char *out = malloc(cap);
    for (const char *at = sql; out && *at;) {
        size_t plain = strcspn(at, "{");
        const char *word = at + plain + (at[plain] == '{');
        size_t len = at[plain] == '{' ? strcspn(word, "}") : 0;
        bool only = len > 3 && memcmp(word, "pg:", 3) == 0;
        used += (size_t)snprintf(out + used, cap - used, "%.*s", (int)plain, at);
        if (only && postgres)
            used += (size_t)snprintf(out + used, cap - used, "%.*s", (int)(len - 3), word + 3);
        else if (len && !only)
            used += (size_t)snprintf(out + used, cap - used, "%s", spelling(word, len, words));
        at = word + len + (at[plain] == '{');
    }
    return out;
}

int ferry_depot_query_run(struct ferry_depot *self, const char *sql, const struct ferry_depot_engine_value *values,
                          size_t count)
{
    return self->engine->run(self, sql, values, count);
}

int ferry_depot_query_next(struct ferry_depot *self)
{
    int status = self->engine->next(self);
    if (status <= 0)
        self->engine->done(self);
    return status;
}

void ferry_depot_query_done(struct ferry_depot *self)
{
    self->engine->done(self);
}

int ferry_depot_query_changes(struct ferry_depot *self, int run_status)
{
    int status = run_status;
    while (status >= 0 && (status = self->engine->next(self)) > 0)
        ;
    int64_t changes = status < 0 ? 0 : self->engine->changes(self);
    self->engine->done(self);
    return status < 0 ? status : changes > 1000000 ? 1000000 : (int)changes;
}

int ferry_depot_query_number(struct ferry_depot *self, int run_status, int64_t *out)
{
    int status = run_status < 0 ? run_status : self->engine->next(self);
    if (status > 0)
        *out = self->engine->number(self, 0);
    self->engine->done(self);
    return status;
}

int64_t ferry_depot_row_number(struct ferry_depot_row *row)
{
    return row->depot->engine->number(row->depot, row->column++);
}

void ferry_depot_row_text(struct ferry_depot_row *row, char *out, size_t cap)
{
    size_t len;
    const void *text = row->depot->engine->bytes(row->depot, row->column++, &len);
    bool fits = len < cap && (len == 0 || !memchr(text, 0, len));
    if (!fits && row->status >= 0)
        row->status =
            ferry_depot_engine_fail(row->depot, FERRY_ERR_STORAGE_DAMAGED, 0,
                                    "a stored text of %zu bytes is longer than this program takes (%zu)", len, cap - 1);
    if (fits && len)
        memcpy(out, text, len);
    out[fits ? len : 0] = 0;
}

void ferry_depot_row_sha256(struct ferry_depot_row *row, uint8_t out[FERRY_SHA256_SIZE])
{
    size_t len;
    const void *bytes = row->depot->engine->bytes(row->depot, row->column++, &len);
    memset(out, 0, FERRY_SHA256_SIZE);
    if (len == FERRY_SHA256_SIZE)
        memcpy(out, bytes, FERRY_SHA256_SIZE);
}

int ferry_depot_query_transaction(struct ferry_depot *self, enum ferry_depot_engine_how how,
                                  int (*work)(struct ferry_depot *self, void *ctx), void *ctx)
{
    int status = FERRY_DEPOT_ENGINE_AGAIN;
    for (int i = 0; i < TRIES && status == FERRY_DEPOT_ENGINE_AGAIN; i++) {
        status = self->engine->begin(self, how);
        if (status < 0)
            continue;
        status = work(self, ctx);
        self->engine->done(self);
        int committed = status < 0 ? status : self->engine->commit(self);
        if (committed < 0) {
            struct ferry_depot_error error = self->error;
            self->engine->rollback(self);
            self->error = error;
            status = committed;
        }
    }
    if (status == FERRY_DEPOT_ENGINE_AGAIN)
        status =
            ferry_depot_engine_fail(self, FERRY_ERR_BUSY, "try again", "others changed the same things all the time");
    return status;
}

// Bytes of the character at p, 0 = none that is allowed.
static size_t character(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : 4;
    if (p[0] < 0x20 || p[0] == 0x7f || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f) || (p[0] == 0xc2 && p[1] < 0xa0))
        return 0;
    return len;
}

bool ferry_depot_query_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t len = character(p);
        if (len == 0)
            return false;
        p += len;
    }
    return true;
}

int ferry_depot_query_check(struct ferry_depot *self, const char *name, const char *text, size_t cap)
{
    if (!text)
        return FERRY_OK;
    if (strnlen(text, cap) >= cap)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "", "%s is longer than %zu bytes", name, cap - 1);
    if (!ferry_depot_query_utf8(text))
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "",
                                       "%s is not plain text (UTF-8 without control characters)", name);
    return FERRY_OK;
}

int ferry_depot_query_check_some(struct ferry_depot *self, const char *name, const char *text, size_t cap)
{
    if (!text || !*text)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "", "%s is empty", name);
    return ferry_depot_query_check(self, name, text, cap);
}
