// The log on the card, newest first, a page at a time; and as a file for a spreadsheet.
//
// The file may be long and is never in memory: it is read backwards in blocks, a line at a time. A request looks at
// SCAN_MAX bytes at most and then says where the next one goes on, found enough or not.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "updater/web_csv.h"
#include "updater/web_work.h"

#define SCAN_MAX (256u << 10)
#define BLOCK 1024
#define LINE (FERRY_LOG_LINE + 2)
#define LIMIT_MAX 200
#define FILTER 48

struct history {
    FILE *file;
    long at;           // lines that end here are next (backwards); or where the next line begins (forwards)
    long stop;         // backwards: as far as this request looks
    unsigned left;     // rows still wanted
    char result[16];   // only these; "" = all
    char text[FILTER]; // only lines that have this in them, in any case; "" = all
    struct ferry_web_csv csv;
    char line[LINE];
};

static bool contains(const char *line, const char *text)
{
    size_t len = strlen(text);
    for (; *line; line++)
        if (strncasecmp(line, text, len) == 0)
            return true;
    return len == 0;
}

static bool wanted(struct history *h)
{
    if (!contains(h->line, h->text))
        return false;
    if (!ferry_web_csv_parse(&h->csv, h->line) || strcmp(h->csv.fields[0], "time") == 0)
        return false;
    const char *result = h->csv.fields[FERRY_WEB_CSV_RESULT];
    return *result && (!h->result[0] || strcmp(result, h->result) == 0);
}

// The start of the line that ends (with its LF) at h->at, -1 = reading failed.
static long line_start(struct history *h)
{
    char block[BLOCK];
    long end = h->at - 1; // its LF
    while (end > 0) {
        long from = end > BLOCK ? end - BLOCK : 0;
        size_t len = (size_t)(end - from);
        if (fseek(h->file, from, SEEK_SET) != 0 || fread(block, 1, len, h->file) != len)
            return -1;
        while (len && block[len - 1] != '\n')
            len--;
        if (len)
            return from + (long)len;
        end = from;
    }
    return 0;
}

// Takes the line before h->at. 1 = it is in h->line, 0 = there is none, -1 = cannot be read.
static int previous(struct history *h)
{
    if (h->at <= h->stop)
        return 0;
    long start = line_start(h);
    size_t len = start < 0 ? 0 : (size_t)(h->at - start);
    if (start < 0)
        return -1;
    h->at = start;
    h->line[0] = 0;
    if (len >= LINE) // nothing that we have written
        return 1;
    if (fseek(h->file, start, SEEK_SET) != 0 || fread(h->line, 1, len, h->file) != len)
        return -1;
    h->line[len] = 0;
    h->line[strcspn(h->line, "\r\n")] = 0;
    return 1;
}

static void entry_json(struct ferry_web_json *json, const struct ferry_web_csv *csv)
{
    ferry_web_json_open(json, NULL, '{');
    for (unsigned i = 0; i < FERRY_WEB_CSV_FIELDS; i++)
        ferry_web_json_text(json, ferry_web_csv_names[i], csv->fields[i]);
    ferry_web_json_close(json, '}');
}

static int history_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct history *h = self->extra;
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    int got = 0;
    if (self->phase == 2)
        return FERRY_HTTP_OVER;
    if (self->phase == 0) {
        self->phase = 1;
        return snprintf(out, cap, "{\"history\":[");
    }
    while (h->left && (got = previous(h)) > 0 && !wanted(h))
        continue;
    if (got > 0 && h->left) {
        json.comma = self->index++ > 0;
        entry_json(&json, &h->csv);
        h->left--;
        return (int)json.len;
    }
    self->phase = 2;
    return snprintf(out, cap, "],\"next\":%ld}", got < 0 ? 0L : h->at);
}

static void history_end(struct ferry_web_stream *self)
{
    struct history *h = self->extra;
    if (h->file)
        fclose(h->file);
    free(h);
}

// A whole number in its bounds; `none` when it is not there. False: anything else.
static bool number(const struct ferry_http_request *request, const char *name, long least, long most, long none,
                   long *out)
{
    const char *text = request->query(request->ctx, name);
    char *end = NULL;
    *out = text ? strtol(text, &end, 10) : none;
    return !text || (text[0] >= '0' && text[0] <= '9' && !*end && *out >= least && *out <= most);
}

static void take_filter(struct history *h, const struct ferry_http_request *request)
{
    const char *result = request->query(request->ctx, "result"), *text = request->query(request->ctx, "q");
    snprintf(h->result, sizeof h->result, "%s", result ? result : "");
    snprintf(h->text, sizeof h->text, "%s", text ? text : "");
}

static bool filter_makes_sense(const struct ferry_http_request *request)
{
    static const char *const results[] = {"", "ok", "unverified", "verified", "planned", "failed"};
    const char *result = request->query(request->ctx, "result");
    for (size_t i = 0; i < sizeof results / sizeof results[0] && result; i++)
        if (strcmp(result, results[i]) == 0)
            return true;
    return !result;
}

// The log may be missing: then there is no history.
static struct history *open_log(const struct ferry_web *self, const struct ferry_http_request *request)
{
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    take_filter(h, request);
    h->file = self->cfg.log_path ? fopen(self->cfg.log_path, "rb") : NULL;
    if (h->file && fseek(h->file, 0, SEEK_END) == 0)
        h->at = ftell(h->file);
    h->at = h->at < 0 ? 0 : h->at;
    return h;
}

static struct history *attach(struct ferry_web *self, const struct ferry_http_request *request, const char *type,
                              int (*row)(struct ferry_web_stream *, char *, size_t), struct ferry_http_answer *answer)
{
    if (!filter_makes_sense(request)) {
        ferry_web_answer_error(answer, 422, "ARG", "there is no such result", NULL,
                               "ok, unverified, verified, planned or failed");
        return NULL;
    }
    struct history *h = open_log(self, request);
    struct ferry_web_stream *stream = h ? ferry_web_stream(self, type, row, answer) : NULL;
    if (!h)
        ferry_web_answer_error(answer, 503, "NO_MEMORY", "no memory for the answer", NULL, "try again in a moment");
    if (!stream) {
        if (h && h->file)
            fclose(h->file);
        free(h);
        return NULL;
    }
    stream->extra = h;
    stream->end = history_end;
    return h;
}

void ferry_web_history(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                       struct ferry_http_answer *answer)
{
    (void)rest;
    long before = 0, limit = 0;
    if (!number(request, "before", 0, LONG_MAX, LONG_MAX, &before) ||
        !number(request, "limit", 1, LIMIT_MAX, 50, &limit)) {
        ferry_web_answer_error(answer, 422, "ARG", "before and limit are whole numbers", NULL, "limit is 1 to 200");
        return;
    }
    struct history *h = attach(self, request, "application/json", history_row, answer);
    if (!h)
        return;
    h->at = before < h->at ? before : h->at;
    h->stop = h->at > (long)SCAN_MAX ? h->at - (long)SCAN_MAX : 0;
    h->left = (unsigned)limit;
}

// ---- CSV ----

// What a spreadsheet would take for a formula is kept from being one.
static size_t put_cell(char *out, size_t cap, const char *text, bool first)
{
    size_t len = 0;
    bool formula = text[0] && strchr("=+-@\t\r", text[0]) != NULL;
    bool quoted = formula || strpbrk(text, ",\"") != NULL;
    if (!first && len < cap)
        out[len++] = ',';
    if (quoted && len < cap)
        out[len++] = '"';
    if (formula && len < cap)
        out[len++] = '\'';
    for (; *text && len + 3 < cap; text++) {
        if (*text == '"')
            out[len++] = '"';
        out[len++] = *text;
    }
    if (quoted && len < cap)
        out[len++] = '"';
    return len;
}

static int csv_line(const struct ferry_web_csv *csv, char *out, size_t cap)
{
    size_t len = 0;
    for (unsigned i = 0; i < FERRY_WEB_CSV_FIELDS; i++)
        len += put_cell(out + len, cap - len - 2, csv->fields[i], i == 0);
    out[len++] = '\n';
    return (int)len;
}

static int csv_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct history *h = self->extra;
    if (self->phase == 0) {
        int len = 0;
        self->phase = 1;
        for (unsigned i = 0; i < FERRY_WEB_CSV_FIELDS; i++)
            len += snprintf(out + len, cap - (size_t)len, "%s%s", i ? "," : "", ferry_web_csv_names[i]);
        out[len++] = '\n';
        return len;
    }
    while (h->file && fgets(h->line, sizeof h->line, h->file)) {
        size_t len = strcspn(h->line, "\r\n");
        bool whole = h->line[len] != 0; // a torn or an over-long line is none
        h->line[len] = 0;
        if (whole && wanted(h))
            return csv_line(&h->csv, out, cap);
    }
    return FERRY_HTTP_OVER;
}

void ferry_web_history_csv(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                           struct ferry_http_answer *answer)
{
    (void)rest;
    struct history *h = attach(self, request, "text/csv; charset=utf-8", csv_row, answer);
    if (!h)
        return;
    if (h->file)
        rewind(h->file);
    ferry_http_answer_header(answer, "Content-Disposition", "attachment; filename=\"ferry-history.csv\"");
}
