// The settings in ferry.json on the card: read, checked against the program's table, written so that a power cut leaves
// the old ones or the new ones.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "updater/json.h"
#include "updater/path.h"
#include "updater/tree.h"
#include "updater/web_work.h"

#define NEW_FILE ".ferry/ferry.json.new"

struct paths {
    char file[FERRY_CARGO_PATH], fresh[FERRY_CARGO_PATH];
};

static bool name_paths(const struct ferry_web *self, struct paths *out)
{
    const char *dir = self->dir;
    return ferry_path_under(out->file, sizeof out->file, dir, FERRY_CARD_JSON) &&
           ferry_path_under(out->fresh, sizeof out->fresh, dir, NEW_FILE);
}

void ferry_web_settings_recover(const struct ferry_web *self)
{
    struct paths *paths = calloc(1, sizeof *paths);
    struct stat st;
    cJSON *json = NULL;
    if (paths && name_paths(self, paths) && stat(paths->fresh, &st) == 0) {
        bool lost = stat(paths->file, &st) != 0;
        bool good = lost && ferry_json_load(paths->fresh, FERRY_CARD_JSON, &json, NULL) == FERRY_OK;
        if (!good || rename(paths->fresh, paths->file) != 0)
            remove(paths->fresh);
    }
    cJSON_Delete(json);
    free(paths);
}

// *out NULL = there is no file. Else 0 or negative with *fault.
static int load(const struct ferry_web *self, cJSON **out, struct ferry_fault *fault)
{
    char path[FERRY_CARGO_PATH];
    struct stat st;
    *out = NULL;
    if (!ferry_path_under(path, sizeof path, self->dir, FERRY_CARD_JSON) || stat(path, &st) != 0)
        return FERRY_OK;
    int status = ferry_json_load(path, FERRY_CARD_JSON, out, fault);
    if (status < 0 || cJSON_IsObject(*out))
        return status;
    cJSON_Delete(*out);
    *out = NULL;
    return ferry_fault_set(fault, FERRY_ERR_MANIFEST, FERRY_CARD_JSON, "ferry.json is no JSON object");
}

// The object that holds the last member of a dotted name, and that member's name; make: objects on the way that are
// missing. NULL = there is none.
static cJSON *holder(cJSON *json, const char *name, bool make, const char **last)
{
    const char *dot = strchr(name, '.');
    char first[32];
    *last = name;
    if (!dot)
        return json;
    snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
    cJSON *inner = cJSON_GetObjectItemCaseSensitive(json, first);
    if (!cJSON_IsObject(inner) && make) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, first);
        inner = cJSON_AddObjectToObject(json, first);
    }
    *last = dot + 1;
    return cJSON_IsObject(inner) ? inner : NULL;
}

static const cJSON *value_of(cJSON *json, const char *name)
{
    const char *last = NULL;
    cJSON *object = json ? holder(json, name, false, &last) : NULL;
    return object ? cJSON_GetObjectItemCaseSensitive(object, last) : NULL;
}

// ---- GET ----

static const char *const kinds[] = {"", "text", "secret", "number", "bool", "choice", "build"};

static void value_json(struct ferry_web_json *json, const struct ferry_web_setting *row, const cJSON *value)
{
    if (row->kind == FERRY_WEB_SECRET)
        ferry_web_json_bool(json, "set", cJSON_IsString(value) && value->valuestring[0]);
    else if (cJSON_IsString(value))
        ferry_web_json_text(json, "value", value->valuestring);
    else if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= UINT32_MAX)
        ferry_web_json_number(json, "value", (int64_t)value->valuedouble);
    else if (cJSON_IsBool(value))
        ferry_web_json_bool(json, "value", cJSON_IsTrue(value));
    else
        ferry_web_json_text(json, "value", NULL);
}

static void row_json(struct ferry_web_json *json, const struct ferry_web_setting *row, const cJSON *value)
{
    ferry_web_json_open(json, NULL, '{');
    ferry_web_json_text(json, "name", row->name);
    ferry_web_json_text(json, "kind", kinds[row->kind]);
    ferry_web_json_text(json, "label", row->label);
    ferry_web_json_text(json, "hint", row->hint ? row->hint : "");
    ferry_web_json_text(json, "choices", row->choices ? row->choices : "");
    ferry_web_json_text(json, "unit", row->unit ? row->unit : "");
    ferry_web_json_number(json, "min", row->min);
    ferry_web_json_number(json, "max", row->max);
    ferry_web_json_bool(json, "restart", row->restart);
    value_json(json, row, value);
    ferry_web_json_close(json, '}');
}

static int settings_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    const struct ferry_web_cfg *cfg = &self->web->cfg;
    if (self->phase == 2)
        return FERRY_HTTP_OVER;
    if (self->phase == 0) {
        self->phase = 1;
        return snprintf(out, cap, "{\"settings\":[");
    }
    if (self->index < cfg->setting_count) {
        const struct ferry_web_setting *row = &cfg->settings[self->index];
        json.comma = self->index++ > 0;
        row_json(&json, row, value_of(self->extra, row->name));
        return json.full ? -1 : (int)json.len;
    }
    self->phase = 2;
    return snprintf(out, cap, "]}");
}

static void settings_end(struct ferry_web_stream *self)
{
    cJSON_Delete(self->extra);
}

static void answer_settings(struct ferry_web *self, cJSON *json, struct ferry_http_answer *answer)
{
    struct ferry_web_stream *stream = ferry_web_stream(self, "application/json", settings_row, answer);
    if (!stream) {
        cJSON_Delete(json);
        return;
    }
    stream->extra = json;
    stream->end = settings_end;
}

void ferry_web_settings(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                        struct ferry_http_answer *answer)
{
    struct ferry_fault fault;
    cJSON *json = NULL;
    (void)request, (void)rest;
    if (load(self, &json, &fault) < 0)
        ferry_web_answer_fault(answer, &fault);
    else
        answer_settings(self, json, answer);
}

// ---- PUT ----

static bool is_listed(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; at && *at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == len && strncmp(at, text, len) == 0)
            return true;
    return false;
}

static bool is_text(const cJSON *value, uint32_t min, uint32_t max)
{
    size_t len = cJSON_IsString(value) ? strlen(value->valuestring) : 0;
    if (!cJSON_IsString(value) || len < min || len > max || !ferry_http_text_utf8(value->valuestring, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value->valuestring[i] < 0x20 || value->valuestring[i] == 0x7F)
            return false;
    return true;
}

static bool stays_on_card(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        size_t len = strcspn(at, "/");
        if (len == 2 && memcmp(at, "..", 2) == 0)
            return false;
    }
    return name[0] != '/';
}

// NULL = good; null always is: it takes the setting out of the file.
static const char *value_wrong(const struct ferry_web_setting *row, const cJSON *value)
{
    if (cJSON_IsNull(value))
        return NULL;
    switch (row->kind) {
    case FERRY_WEB_TEXT:
    case FERRY_WEB_SECRET:
        return is_text(value, row->min, row->max) ? NULL : "is not a text of the right length";
    case FERRY_WEB_BUILD_NAME:
        return is_text(value, 1, FERRY_CARGO_PATH - 1) && stays_on_card(value->valuestring)
                   ? NULL
                   : "is no name of a firmware on the card";
    case FERRY_WEB_NUMBER:
        return cJSON_IsNumber(value) && value->valuedouble >= row->min && value->valuedouble <= row->max &&
                       value->valuedouble == (double)(uint32_t)value->valuedouble
                   ? NULL
                   : "is not a whole number within its bounds";
    case FERRY_WEB_BOOL:
        return cJSON_IsBool(value) ? NULL : "is neither true nor false";
    case FERRY_WEB_CHOICE:
        return cJSON_IsString(value) && is_listed(row->choices, value->valuestring) ? NULL : "is none of its choices";
    }
    return "cannot be set";
}

static const struct ferry_web_setting *find_row(const struct ferry_web *self, const char *name)
{
    for (size_t i = 0; i < self->cfg.setting_count; i++)
        if (strcmp(self->cfg.settings[i].name, name) == 0)
            return &self->cfg.settings[i];
    return NULL;
}

static int check(const struct ferry_web *self, const cJSON *wishes, struct ferry_fault *fault)
{
    if (!cJSON_IsObject(wishes))
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "settings are a JSON object");
    for (const cJSON *item = wishes->child; item; item = item->next) {
        const struct ferry_web_setting *row = find_row(self, item->string);
        const char *wrong = row ? value_wrong(row, item) : "is no setting of this updater";
        if (wrong)
            return ferry_fault_set(fault, FERRY_ERR_ARG, item->string, "%.60s %s", row ? row->label : item->string,
                                   wrong);
    }
    return FERRY_OK;
}

static bool set_one(cJSON *json, const cJSON *wish)
{
    const char *last = NULL;
    cJSON *object = holder(json, wish->string, !cJSON_IsNull(wish), &last);
    if (!object)
        return cJSON_IsNull(wish);
    cJSON_DeleteItemFromObjectCaseSensitive(object, last);
    if (cJSON_IsNull(wish))
        return true;
    cJSON *copy = cJSON_Duplicate(wish, true);
    if (copy && cJSON_AddItemToObject(object, last, copy))
        return true;
    cJSON_Delete(copy);
    return false;
}

static bool write_all(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    bool good = fputs(text, file) >= 0 && fputc('\n', file) != EOF && fflush(file) == 0 && fsync(fileno(file)) == 0;
    good = fclose(file) == 0 && good;
    if (!good)
        remove(path);
    return good;
}

static int save(const struct ferry_web *self, const cJSON *json, struct ferry_fault *fault)
{
    struct paths *paths = calloc(1, sizeof *paths);
    char *text = cJSON_Print(json);
    int status = FERRY_OK;
    if (!paths || !text)
        status = ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the settings");
    else if (!name_paths(self, paths))
        status = ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "the card's path is too long");
    if (status == FERRY_OK)
        status = ferry_tree_folders(self->dir, paths->fresh, fault);
    if (status == FERRY_OK && (!write_all(paths->fresh, text) || ferry_web_replace(paths->fresh, paths->file) < 0))
        status = ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, FERRY_CARD_JSON, "ferry.json cannot be written");
    cJSON_free(text);
    free(paths);
    return status;
}

// Loads, changes, saves; *out is what is in the file then. Under lock: two at once must not undo each other.
static int change(struct ferry_web *self, const cJSON *wishes, cJSON **out, struct ferry_fault *fault)
{
    int status = load(self, out, fault);
    if (status < 0)
        return status;
    if (!*out)
        *out = cJSON_CreateObject();
    bool good = *out != NULL;
    for (const cJSON *item = wishes->child; item && good; item = item->next)
        good = set_one(*out, item);
    if (!good)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the settings");
    status = save(self, *out, fault);
    if (status == FERRY_OK) {
        self->apply = true;
        ferry_web_touched(self);
        ferry_web_changed(self, &self->settings_seq);
    }
    return status;
}

void ferry_web_settings_put(struct ferry_web_request *request, struct ferry_http_answer *answer)
{
    struct ferry_web *self = request->web;
    struct ferry_fault fault;
    cJSON *wishes = NULL, *json = NULL;
    int status = ferry_json_parse(request->body, request->len, "the settings", &wishes, &fault);
    if (status == FERRY_OK)
        status = check(self, wishes, &fault);
    if (status == FERRY_OK) {
        ferry_web_lock(self);
        status = change(self, wishes, &json, &fault);
        ferry_web_unlock(self);
    }
    cJSON_Delete(wishes);
    if (status < 0) {
        cJSON_Delete(json);
        ferry_web_answer_fault(answer, &fault);
        return;
    }
    ferry_web_wake(self);
    answer_settings(self, json, answer);
}
