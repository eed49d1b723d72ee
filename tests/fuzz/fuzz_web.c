// Any requests, one after the other, to the web API of an updater with a card in a temporary folder: what a stranger
// says as method, path, headers, query and body, cut anywhere, the peer gone anywhere. Nothing may come to lie outside
// the card or in a name that a card cannot have, every JSON answer is JSON, and all that was opened is closed again.
#include <cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/http_text.h"
#include "ferry/io/http_answer.h"
#include "updater/tree.h"
#include "updater/web.h"
#include "updater/web_name.h"

static char root[64], dir[80];
static struct ferry_card card;
static struct ferry_web *web;
static const char *const ports[] = {"one", "two"};
static const struct ferry_web_setting settings[] = {
    {.name = "wifi.ssid", .kind = FERRY_WEB_TEXT, .label = "Network", .min = 0, .max = 32},
    {.name = "wifi.key", .kind = FERRY_WEB_SECRET, .label = "Key", .min = 1, .max = 63},
    {.name = "baud", .kind = FERRY_WEB_NUMBER, .label = "Rate", .min = 9600, .max = 2000000},
    {.name = "auto", .kind = FERRY_WEB_BOOL, .label = "By itself"},
    {.name = "route", .kind = FERRY_WEB_CHOICE, .label = "Route", .choices = "rom|link"},
};

struct input {
    const char *at, *end;
    char *texts[12];
    unsigned count;
};

static const char *line(struct input *in)
{
    size_t left = (size_t)(in->end - in->at), len = 0;
    while (len < left && in->at[len] && in->at[len] != '\n')
        len++;
    char *text = strndup(in->at, len);
    in->at += len < left ? len + 1 : len;
    if (in->count == 12)
        abort();
    return in->texts[in->count++] = text;
}

static const char *header(void *ctx, const char *name)
{
    const struct input *in = ctx;
    if (strcmp(name, "Accept") == 0)
        return in->texts[2];
    if (strcmp(name, "Authorization") == 0)
        return in->texts[3];
    return strcmp(name, "If-None-Match") == 0 ? in->texts[2] : NULL;
}

static const char *query(void *ctx, const char *name)
{
    const struct input *in = ctx;
    const char *value = strchr(in->texts[4], '=');
    size_t len = value ? (size_t)(value - in->texts[4]) : 0;
    return value && strlen(name) == len && strncmp(name, in->texts[4], len) == 0 ? value + 1 : NULL;
}

// A depot that holds what it is asked for to RFC 3986, and answers in small pieces.
static unsigned depot_left;

static int depot_open(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    static const char base[] = "http://depot.local/api/v1/builds";
    const char *rest = fetch->url + sizeof base - 1;
    (void)ctx;
    if (strncmp(fetch->url, base, sizeof base - 1) != 0 ||
        strspn(rest, "?&=%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(rest))
        abort();
    *reply = (struct ferry_http_reply){.status = 200, .length = -1, .total = -1};
    depot_left = 13;
    return 0;
}

static int depot_read(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    if (!depot_left || !cap)
        return 0;
    *buf = (uint8_t) "{\"builds\":[]}"[13 - depot_left--];
    return 1;
}

static void depot_close(void *ctx)
{
    (void)ctx;
}

static const char *depot_reason(void *ctx)
{
    (void)ctx;
    return "";
}

static const struct ferry_http_client client = {NULL, depot_open, depot_read, depot_close, depot_reason};
static const struct ferry_web_depot depot = {.client = &client, .url = "http://depot.local"};

static void setup(void)
{
    snprintf(root, sizeof root, "/dev/shm/ferry-fuzz-web-XXXXXX");
    if (!mkdtemp(root))
        abort();
    snprintf(dir, sizeof dir, "%s/card", root);
    mkdir(dir, 0777);
    struct ferry_fault fault;
    ferry_card_open(&card, dir, NULL, &fault);
    static char log_path[120];
    snprintf(log_path, sizeof log_path, "%s/ferry-log.csv", dir);
    struct ferry_web_cfg cfg = {.token = "t",
                                .card = &card,
                                .log_path = log_path,
                                .port_count = 2,
                                .port_names = ports,
                                .rom = true,
                                .start = true,
                                .settings = settings,
                                .setting_count = 5,
                                .depot = &depot,
                                .upload_limit = 3000};
    web = ferry_web_new(&cfg);
}

static void take_answer(struct ferry_http_answer *answer, bool head)
{
    static char body[1 << 20];
    size_t len = 0;
    unsigned idle = 0;
    if (answer->status < 200 || answer->status > 599)
        abort();
    if (answer->bytes) {
        len = (size_t)answer->length;
        memcpy(body, answer->bytes, len);
    }
    while (!head && !answer->bytes && answer->read && len + 700 < sizeof body) {
        int got = answer->read(answer->ctx, (uint8_t *)body + len, 700);
        if ((got == 0 && ++idle > 10) || got < 0)
            break;
        len += (size_t)got;
    }
    bool json = answer->header_count && strcmp(ferry_http_answer_value(answer, 0), "application/json") == 0;
    if (json && len && !ferry_http_text_utf8(body, len))
        abort();
    cJSON *parsed = json && len ? cJSON_ParseWithLength(body, len) : NULL;
    if (json && len && !parsed)
        abort();
    cJSON_Delete(parsed);
    if (answer->close)
        answer->close(answer->ctx);
}

static void serve(struct input *in)
{
    struct ferry_http_handler handler = ferry_web_handler(web);
    struct ferry_http_answer answer = {0};
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    const char *method = line(in), *target = line(in);
    char path[300];
    line(in), line(in), line(in);
    const char *body = line(in);
    uint8_t how = (uint8_t)method[0];
    if (ferry_http_text_path(target, path, sizeof path) < 0)
        return; // the port answers that
    struct ferry_http_request request = {.method = methods[how % 5],
                                         .path = path,
                                         .length = how & 64 ? -1 : (int64_t)strlen(body),
                                         .peer = "::1",
                                         .header = header,
                                         .query = query,
                                         .ctx = in};
    void *state = NULL;
    size_t len = strlen(body), piece = 1 + how % 97u, gone = how & 128 ? how % 40u : SIZE_MAX;
    bool early = handler.open(handler.ctx, &request, &answer, &state);
    for (size_t at = 0; at < len && at < gone && !early; at += piece)
        early =
            handler.body(handler.ctx, state, (const uint8_t *)body + at, len - at < piece ? len - at : piece, &answer);
    if (early || gone < len)
        handler.abort(handler.ctx, state);
    else
        handler.finish(handler.ctx, state, &answer);
    if (early || gone >= len)
        take_answer(&answer, how % 5 == 4);
}

static void check_names(const char *folder, const char *prefix)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char path[600], name[400];
        struct stat st;
        if (e->d_name[0] == '.' || (!*prefix && strcmp(e->d_name, "ferry.json") == 0))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        snprintf(name, sizeof name, "%s%s", prefix, e->d_name);
        if (ferry_web_name_wrong(name))
            abort();
        strcat(name, "/");
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            check_names(path, name);
    }
    if (d)
        closedir(d);
}

static void check_root(void)
{
    DIR *d = opendir(root);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "card") != 0)
            abort();
    closedir(d);
    check_names(dir, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.at = (const char *)data, .end = (const char *)data + size};
    struct ferry_web_command command;
    setup();
    for (unsigned i = 0; i < 4 && in.at < in.end; i++) {
        in.count = 0;
        serve(&in);
        for (unsigned t = 0; t < in.count; t++)
            free(in.texts[t]);
        while (ferry_web_take(web, &command))
            if (command.wish == FERRY_WEB_LOOK)
                ferry_web_tell_card(web, NULL);
    }
    ferry_web_free(web);
    check_root();
    ferry_tree_remove(root);
    ferry_tree_remove(root); // deeper than one call goes
    return 0;
}
