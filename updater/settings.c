#include "updater/settings.h"

#include <cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/json.h"

static void set(struct ferry_settings_value *value, const char *text, enum ferry_settings_origin origin)
{
    snprintf(value->text, sizeof value->text, "%s", text);
    value->origin = (uint8_t)origin;
}

void ferry_settings_init(struct ferry_settings *self)
{
    for (size_t i = 0; i < self->count; i++) {
        set(&self->kept[i], self->initial[i], FERRY_SETTINGS_INITIAL);
        set(&self->card[i], "", FERRY_SETTINGS_INITIAL);
    }
}

size_t ferry_settings_find(const struct ferry_settings *self, const char *name)
{
    size_t i = 0;
    while (i < self->count && strcmp(self->rows[i].name, name) != 0)
        i++;
    return i;
}

// ---- what a setting takes ----

static bool listed(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *p = choices; len > 0 && !strchr(text, '|') && p; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == 0))
            return true;
    }
    return false;
}

static bool is_switch(const char *text, bool *on)
{
    *on = strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *on || strcmp(text, "off") == 0 || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

// Checks text against its row; switches become "on" or "off".
static int check(const struct ferry_web_setting *row, const char **text, const char *where, struct ferry_fault *fault)
{
    uint32_t number = 0;
    bool on = false;
    size_t len = strlen(*text);
    size_t most = row->max && row->max < FERRY_SETTINGS_TEXT ? row->max : FERRY_SETTINGS_TEXT - 1;
    int status = where[0] ? FERRY_ERR_MANIFEST : FERRY_ERR_ARG;
    switch (row->kind) {
    case FERRY_WEB_NUMBER:
        if (ferry_json_number(*text, &number) && number >= row->min && number <= row->max)
            return FERRY_OK;
        return ferry_fault_set(fault, status, where, "%s: \"%.40s\" is no number from %lu to %lu", row->name, *text,
                               (unsigned long)row->min, (unsigned long)row->max);
    case FERRY_WEB_BOOL:
        if (!is_switch(*text, &on))
            return ferry_fault_set(fault, status, where, "%s is on or off, not \"%.40s\"", row->name, *text);
        *text = on ? "on" : "off";
        return FERRY_OK;
    case FERRY_WEB_CHOICE:
        if (listed(row->choices, *text))
            return FERRY_OK;
        return ferry_fault_set(fault, status, where, "%s: \"%.40s\" is none of %s", row->name, *text, row->choices);
    default:
        if (!has_control(*text) && (len == 0 || (len >= row->min && len <= most)))
            return FERRY_OK;
        return ferry_fault_set(fault, status, where, "%s takes %lu to %lu characters, or none", row->name,
                               (unsigned long)row->min, (unsigned long)most);
    }
}

int ferry_settings_keep(struct ferry_settings *self, const char *name, const char *text, struct ferry_fault *fault)
{
    size_t i = ferry_settings_find(self, name);
    if (i == self->count)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "there is no setting \"%.60s\"", name);
    if (!text) {
        set(&self->kept[i], self->initial[i], FERRY_SETTINGS_INITIAL);
        return FERRY_OK;
    }
    int status = check(&self->rows[i], &text, "", fault);
    if (status == FERRY_OK)
        set(&self->kept[i], text, FERRY_SETTINGS_KEPT);
    return status;
}

// ---- the card ----

static const cJSON *member(const cJSON *json, const char *name)
{
    char first[32];
    const char *dot = strchr(name, '.');
    if (!dot)
        return cJSON_GetObjectItemCaseSensitive(json, name);
    snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
    return member(cJSON_GetObjectItemCaseSensitive(json, first), dot + 1);
}

// The value as text; NULL when it is no plain value.
static const char *plain(const cJSON *value, char *buf, size_t cap)
{
    uint32_t number = 0;
    if (cJSON_IsString(value))
        return value->valuestring;
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? "on" : "off";
    if (!ferry_json_address(value, &number))
        return NULL;
    snprintf(buf, cap, "%lu", (unsigned long)number);
    return buf;
}

static int take(struct ferry_settings *self, size_t i, const cJSON *value, const char *shown, struct ferry_fault *fault)
{
    char buf[16];
    const char *text = plain(value, buf, sizeof buf);
    if (!text)
        return ferry_fault_set(fault, FERRY_ERR_MANIFEST, shown, "%s is no plain value", self->rows[i].name);
    int status = check(&self->rows[i], &text, shown, fault);
    if (status == FERRY_OK)
        set(&self->card[i], text, FERRY_SETTINGS_CARD);
    return status;
}

int ferry_settings_card(struct ferry_settings *self, const char *path, struct ferry_fault *fault)
{
    struct stat st;
    cJSON *json = NULL;
    for (size_t i = 0; i < self->count; i++)
        set(&self->card[i], "", FERRY_SETTINGS_INITIAL);
    if (stat(path, &st) != 0)
        return FERRY_OK;
    int first = ferry_json_load(path, "ferry.json", &json, fault);
    for (size_t i = 0; json && i < self->count; i++) {
        const cJSON *value = member(json, self->rows[i].name);
        int status = value ? take(self, i, value, "ferry.json", first < 0 ? NULL : fault) : FERRY_OK;
        first = first < 0 ? first : status;
    }
    cJSON_Delete(json);
    return first;
}

// ---- what counts ----

static const struct ferry_settings_value *at(const struct ferry_settings *self, size_t i)
{
    return self->card[i].origin == FERRY_SETTINGS_CARD ? &self->card[i] : &self->kept[i];
}

const char *ferry_settings_text_at(const struct ferry_settings *self, size_t i)
{
    return at(self, i)->text;
}

enum ferry_settings_origin ferry_settings_origin_at(const struct ferry_settings *self, size_t i)
{
    return at(self, i)->origin;
}

const char *ferry_settings_text(const struct ferry_settings *self, const char *name)
{
    size_t i = ferry_settings_find(self, name);
    return i == self->count ? "" : ferry_settings_text_at(self, i);
}

uint32_t ferry_settings_number(const struct ferry_settings *self, const char *name)
{
    uint32_t number = 0;
    ferry_json_number(ferry_settings_text(self, name), &number);
    return number;
}

bool ferry_settings_on(const struct ferry_settings *self, const char *name)
{
    bool on = false;
    is_switch(ferry_settings_text(self, name), &on);
    return on;
}

const char *ferry_settings_origin_name(enum ferry_settings_origin origin)
{
    static const char *const names[] = {"", "(kept)", "(from ferry.json on the card)"};
    return names[origin];
}
