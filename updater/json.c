#include "updater/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/codec/json_scan.h"
#include "updater/cargo_file.h"

struct cursor {
    const char *text;
    size_t len;
    const char *shown;
    struct ferry_fault *fault;
};

static int wrong(const struct cursor *c, size_t at, const char *what)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at && i < c->len; i++) {
        column++;
        if (c->text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    char where[200];
    snprintf(where, sizeof where, "%.150s:%u:%u", c->shown, line, column);
    return ferry_fault_set(c->fault, FERRY_ERR_MANIFEST, where, "%.100s: %s (line %u, column %u)", c->shown, what, line,
                           column);
}

// Before anything is built: cJSON recurses and allocates as deep and as much as the text says, and cuts a text off at a
// zero character.
static int check_bounds(const struct cursor *c)
{
    static const struct ferry_json_scan_limits limits = {FERRY_JSON_MAX_DEPTH, FERRY_JSON_MAX_VALUES};
    char what[64];
    size_t at;
    switch (ferry_json_scan(c->text, c->len, &limits, &at)) {
    case FERRY_JSON_SCAN_ZERO:
        return wrong(c, at, "a zero byte; this is no JSON text");
    case FERRY_JSON_SCAN_ESCAPED:
        return wrong(c, at, "a zero character (\\u0000) in a text");
    case FERRY_JSON_SCAN_DEEP:
        snprintf(what, sizeof what, "nested too deeply (%d levels are the limit)", FERRY_JSON_MAX_DEPTH);
        return wrong(c, at, what);
    case FERRY_JSON_SCAN_MANY:
        snprintf(what, sizeof what, "too many values (%d are the limit)", FERRY_JSON_MAX_VALUES);
        return wrong(c, at, what);
    default:
        return FERRY_OK;
    }
}

// Two members of one name: parsers disagree which one counts, so neither does. The position is that of the object's
// name, which cJSON does not keep: the name tells it.
static const char *find_double(const cJSON *item)
{
    for (const cJSON *a = item ? item->child : NULL; a; a = a->next) {
        for (const cJSON *b = a->next; a->string && b; b = b->next)
            if (b->string && strcmp(a->string, b->string) == 0)
                return a->string;
        const char *deeper = find_double(a);
        if (deeper)
            return deeper;
    }
    return NULL;
}

// Where the name stands for the last time as a member, for the message.
static size_t last_position(const struct cursor *c, const char *name)
{
    size_t len = strlen(name), found = 0;
    for (size_t at = 0; at + len + 2 <= c->len; at++)
        if (c->text[at] == '"' && memcmp(c->text + at + 1, name, len) == 0 && c->text[at + 1 + len] == '"')
            found = at;
    return found;
}

static int check_doubles(const struct cursor *c, const cJSON *root)
{
    const char *name = find_double(root);
    if (!name)
        return FERRY_OK;
    char what[160], safe[80];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof safe; n++)
        safe[n] = (char)((unsigned char)name[n] < 0x20 ? '?' : name[n]);
    safe[n] = 0;
    snprintf(what, sizeof what, "\"%s\" stands there twice in one object", safe);
    return wrong(c, last_position(c, name), what);
}

int ferry_json_parse(const char *text, size_t len, const char *shown, cJSON **out, struct ferry_fault *fault)
{
    struct cursor c = {.text = text, .len = len, .shown = shown, .fault = fault};
    *out = NULL;
    if (len == 0)
        return wrong(&c, 0, "the file is empty");
    int status = check_bounds(&c);
    if (status < 0)
        return status;
    const char *end = text;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    size_t at = (size_t)(end - text);
    if (!root)
        return at + 1 < len ? wrong(&c, at, "not JSON from here on")
                            : wrong(&c, len, "no complete JSON: it ends too early");
    while (at < len && strchr(" \t\r\n", text[at]))
        at++;
    status = at < len ? wrong(&c, at, "more text behind the end") : check_doubles(&c, root);
    if (status < 0)
        cJSON_Delete(root);
    else
        *out = root;
    return status;
}

int ferry_json_load(const char *path, const char *shown, cJSON **out, struct ferry_fault *fault)
{
    struct ferry_cargo_file file;
    *out = NULL;
    int status = ferry_cargo_file_open(&file, path, shown, fault);
    if (status < 0)
        return status;
    if (file.size > FERRY_JSON_MAX_SIZE) {
        status = ferry_fault_set(fault, FERRY_ERR_MANIFEST, shown,
                                 "%.100s is too large for a manifest: %u bytes (limit "
                                 "%u)",
                                 shown, (unsigned)file.size, FERRY_JSON_MAX_SIZE);
        ferry_cargo_file_close(&file);
        return status;
    }
    char *text = malloc(file.size + 1u);
    if (!text)
        status = ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, shown, "no memory to read %.100s", shown);
    else
        status = ferry_cargo_file_read(&file, 0, (uint8_t *)text, file.size);
    if (text && status < 0)
        ferry_fault_set(fault, status, shown, "%.100s: reading failed", shown);
    if (status >= 0)
        status = ferry_json_parse(text, file.size, shown, out, fault);
    free(text);
    ferry_cargo_file_close(&file);
    return status;
}

const char *ferry_json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool ferry_json_number(const char *text, uint32_t *out)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    size_t len = strlen(digits);
    if (len == 0 || len > 10 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != len)
        return false;
    unsigned long long value = strtoull(digits, NULL, hex ? 16 : 10);
    if (value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

bool ferry_json_address(const cJSON *value, uint32_t *out)
{
    if (cJSON_IsString(value))
        return ferry_json_number(value->valuestring, out);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0) || value->valuedouble > 4294967295.0)
        return false;
    *out = (uint32_t)value->valuedouble;
    return (double)*out == value->valuedouble;
}
