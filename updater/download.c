#include "updater/download.h"

#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/download_parts.h"
#include "updater/json.h"
#include "updater/path.h"

#define FILES FERRY_CARGO_MAX_REGIONS
#define DEPOT "depot:"
#define ANSWER ".answer"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool ferry_download_is_url(const char *text)
{
    if (begins(text, DEPOT))
        text += strlen(DEPOT);
    return begins(text, "http://") || begins(text, "https://");
}

int download_key(struct download_work *work, const char *text, char out[17])
{
    const struct ferry_digest *digest = work->cfg->digest;
    uint8_t sum[FERRY_SHA256_SIZE];
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    if (status >= 0)
        status = digest->update(digest->ctx, (const uint8_t *)text, strlen(text));
    if (status >= 0)
        status = digest->finish(digest->ctx, sum, sizeof sum);
    for (size_t i = 0; status >= 0 && i < 8; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return status;
}

static int make_folder(struct download_work *work, const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return FERRY_OK;
    return ferry_fault_set(work->fault, FERRY_ERR_STORAGE_WRITE, path, "%.150s cannot be made: %s", path,
                           strerror(errno));
}

// All folders on the way to a file below `root`.
static int make_folders(struct download_work *work, const char *root, const char *path)
{
    char folder[FERRY_CARGO_PATH];
    int status = FERRY_OK;
    for (const char *at = path + strlen(root) + 1; status >= 0 && (at = strchr(at, '/')) != NULL; at++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(at - path), path);
        status = make_folder(work, folder);
    }
    return status;
}

// The last part of an address as a file name: what is not fit for one becomes '_'.
static void name_of(const char *url, const char *ending, char *out, size_t cap)
{
    const char *host = strstr(url, "//") + 2, *end = host + strcspn(host, "?#"), *name = end;
    while (name > host && name[-1] != '/')
        name--;
    size_t n = 0;
    for (; name < end && name > host && n + 1 < cap; name++)
        out[n++] = strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-@", *name) ? *name : '_';
    out[n] = 0;
    if (n == 0 || out[0] == '.')
        snprintf(out, cap, "firmware");
    if (!ferry_path_ends(out, ending))
        snprintf(out + strlen(out), cap - strlen(out), "%s", ending);
}

// ---- builds: a list of what to fetch ----

struct wanted {
    char url[FERRY_DOWNLOAD_URL];
    char name[FERRY_CARGO_PATH]; // relative to the folder
    uint8_t sha256[FERRY_SHA256_SIZE];
    bool known;
};

struct build {
    struct download_work *work;
    const char *url;
    char folder[FERRY_CARGO_PATH];
    struct wanted files[FILES];
    size_t count;
};

static int unfit(struct build *b, const char *what)
{
    return ferry_fault_set(b->work->fault, FERRY_ERR_MANIFEST, b->url, "%.120s: %s", b->url, what);
}

// A path of a manifest as the end of an address.
static bool add_escaped(char *out, size_t cap, const char *path)
{
    size_t n = strlen(out);
    for (; *path; path++) {
        unsigned char c = (unsigned char)(*path == '\\' ? '/' : *path);
        bool plain = strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-~/@", c) != NULL;
        if (n + 4 > cap)
            return false;
        n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", c);
    }
    return true;
}

// A file that the manifest names: beside it or below, on the server and in the cache alike.
static int want(struct build *b, const char *path)
{
    char joined[FERRY_CARGO_PATH];
    if (b->count == FILES)
        return unfit(b, "it names more files than can be fetched");
    int status = ferry_path_join(joined, sizeof joined, b->folder, "", path, b->work->fault);
    if (status < 0)
        return status;
    struct wanted *w = &b->files[b->count];
    const char *name = joined + strlen(b->folder) + 1;
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->files[i].name, name) == 0)
            return FERRY_OK;
    if (name[0] == '.' || strstr(name, "/."))
        return unfit(b, "it names a hidden file");
    const char *end = b->url + strcspn(b->url, "?#");
    while (end > b->url && end[-1] != '/')
        end--;
    snprintf(w->url, sizeof w->url, "%.*s", (int)(end - b->url), b->url);
    snprintf(w->name, sizeof w->name, "%s", name);
    if (!add_escaped(w->url, sizeof w->url, name))
        return unfit(b, "it names a file whose address is too long");
    b->count++;
    return FERRY_OK;
}

// {"0x1000": "bootloader.bin", ...}: flasher_args.json, ferry.json.
static int want_members(struct build *b, const cJSON *object)
{
    const cJSON *item;
    int status = FERRY_OK;
    cJSON_ArrayForEach(item, object)
    {
        if (!cJSON_IsString(item))
            return unfit(b, "a file's name is no text");
        status = want(b, item->valuestring);
        if (status < 0)
            return status;
    }
    return status;
}

// ESP Web Tools: builds[].parts[].path.
static int want_parts(struct build *b, const cJSON *builds)
{
    const cJSON *build, *part;
    cJSON_ArrayForEach(build, builds)
    {
        cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(build, "parts"))
        {
            const char *path = ferry_json_text(part, "path");
            int status = path ? want(b, path) : unfit(b, "a part has no path");
            if (status < 0)
                return status;
        }
    }
    return FERRY_OK;
}

static int read_manifest(struct build *b, const cJSON *json)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "flash_files");
    const cJSON *builds = cJSON_GetObjectItemCaseSensitive(json, "builds");
    files = files ? files : cJSON_GetObjectItemCaseSensitive(json, "files");
    int status = cJSON_IsObject(files)   ? want_members(b, files)
                 : cJSON_IsArray(builds) ? want_parts(b, builds)
                                         : unfit(b, "it is no flasher_args.json, ferry.json or ESP Web Tools manifest");
    return status >= 0 && b->count == 0 ? unfit(b, "it names no files") : status;
}

static int fetch_wanted(struct build *b)
{
    char path[FERRY_CARGO_PATH], folder[FERRY_CARGO_PATH];
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < b->count; i++) {
        struct wanted *w = &b->files[i];
        if (!ferry_path_under(path, sizeof path, b->folder, w->name))
            return unfit(b, "a file's path is too long");
        status = make_folders(b->work, b->folder, path);
        ferry_path_folder(folder, sizeof folder, path);
        if (status >= 0)
            status = download_file(b->work, w->url, folder, ferry_path_base(path), w->known ? w->sha256 : NULL, 0);
    }
    return status;
}

static int fetch_manifest(struct build *b)
{
    char name[80], path[FERRY_CARGO_PATH];
    cJSON *json = NULL;
    name_of(b->url, ".json", name, sizeof name);
    int status = download_file(b->work, b->url, b->folder, name, NULL, FERRY_JSON_MAX_SIZE);
    if (status >= 0 && !ferry_path_under(path, sizeof path, b->folder, name))
        status = unfit(b, "its path in the cache is too long");
    if (status >= 0)
        status = ferry_json_load(path, name, &json, b->work->fault);
    if (status >= 0)
        status = read_manifest(b, json);
    cJSON_Delete(json);
    return status < 0 ? status : fetch_wanted(b);
}

// ---- builds of a depot ----

static bool hex_bytes(const char *hex, uint8_t out[FERRY_SHA256_SIZE])
{
    if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
        return false;
    for (size_t i = 0; i < FERRY_SHA256_SIZE; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

// Names in a depot need not differ, and say nothing about addresses: the cache's begin with the address.
static int want_blob(struct build *b, const char *server, const cJSON *file, cJSON *places)
{
    const char *sha256 = ferry_json_text(file, "sha256"), *address = ferry_json_text(file, "address");
    const char *name = ferry_json_text(file, "name");
    char safe[48], shown[80];
    uint32_t at;
    if (b->count == FILES || !name || (address && !ferry_json_number(address, &at)))
        return unfit(b, "the depot's answer has a file that makes no sense");
    struct wanted *w = &b->files[b->count++];
    w->known = hex_bytes(sha256, w->sha256);
    if (!w->known)
        return unfit(b, "the depot's answer has a file without its SHA-256");
    snprintf(shown, sizeof shown, "//x/%.60s", name);
    name_of(shown, ".bin", safe, sizeof safe);
    snprintf(w->name, sizeof w->name, "%s%s%s", address ? address : "", address ? "_" : "", safe);
    if (snprintf(w->url, sizeof w->url, "%s/api/v1/blobs/%s", server, sha256) >= (int)sizeof w->url)
        return unfit(b, "the address is too long");
    if (address)
        cJSON_AddStringToObject(places, address, w->name);
    return FERRY_OK;
}

static bool save_json(const char *folder, const char *name, const cJSON *json)
{
    char path[FERRY_CARGO_PATH];
    char *text = cJSON_Print(json);
    FILE *out = text && ferry_path_under(path, sizeof path, folder, name) ? fopen(path, "w") : NULL;
    bool good = out && fputs(text, out) >= 0;
    good = out && fclose(out) == 0 && good;
    free(text);
    return good;
}

// A build's folder is named after the build: what a channel pointed at before lies elsewhere.
static int own_folder(struct build *b, const cJSON *json)
{
    char text[80], key[17];
    const char *sha256 = ferry_json_text(json, "sha256");
    snprintf(text, sizeof text, "build %.64s", sha256 ? sha256 : "");
    int status = sha256 ? download_key(b->work, text, key) : unfit(b, "the depot's answer has no SHA-256");
    if (status >= 0 && !ferry_path_under(b->folder, sizeof b->folder, b->work->cfg->folder, key))
        return unfit(b, "the cache folder's path is too long");
    if (status >= 0)
        status = make_folder(b->work, b->folder);
    if (status >= 0)
        download_cache_use(b->work, key);
    return status;
}

// The depot's description becomes a ferry.json, which says what goes where. An app alone needs none.
static int take_description(struct build *b, const char *server, const cJSON *json)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "files"), *file;
    cJSON *own = cJSON_CreateObject(), *places = cJSON_AddObjectToObject(own, "files");
    int status = cJSON_IsArray(files) ? own_folder(b, json) : unfit(b, "the depot's answer has no files");
    for (const char *const *name = (const char *const[]){"name", "version", "chip", NULL}; *name; name++)
        if (ferry_json_text(json, *name))
            cJSON_AddStringToObject(own, *name, ferry_json_text(json, *name));
    cJSON_ArrayForEach(file, files)
    {
        if (status >= 0)
            status = want_blob(b, server, file, places);
    }
    if (status >= 0 && b->count == 0)
        status = unfit(b, "the depot's answer has no files");
    if (status >= 0)
        status = fetch_wanted(b);
    if (status >= 0 && cJSON_GetArraySize(places) > 0 && !save_json(b->folder, "ferry.json", own))
        status = ferry_fault_set(b->work->fault, FERRY_ERR_STORAGE_WRITE, b->folder, "the cache cannot be written");
    cJSON_Delete(own);
    return status;
}

// ---- what a depot said, kept for when it cannot be asked ----

// The folder that belongs to this address and chip.
static bool kept_folder(struct build *b, char key[17], char out[FERRY_CARGO_PATH])
{
    char text[FERRY_DOWNLOAD_URL + 40];
    const char *chip = b->work->cfg->chip;
    snprintf(text, sizeof text, "answer %s %.20s", b->url, chip ? chip : "");
    return download_key(b->work, text, key) >= 0 && ferry_path_under(out, FERRY_CARGO_PATH, b->work->cfg->folder, key);
}

// Once all that it describes is there. Not to be able to keep it is no failure; one that was torn is no JSON.
static void keep_answer(struct build *b, const cJSON *json)
{
    char key[17], folder[FERRY_CARGO_PATH];
    if (kept_folder(b, key, folder) && (mkdir(folder, 0777) == 0 || errno == EEXIST) && save_json(folder, ANSWER, json))
        download_cache_touch(b->work, key);
}

static int read_kept(struct build *b, char *text, size_t cap, size_t *len)
{
    char key[17], folder[FERRY_CARGO_PATH], path[FERRY_CARGO_PATH];
    bool named = kept_folder(b, key, folder) && ferry_path_under(path, sizeof path, folder, ANSWER);
    FILE *in = named ? fopen(path, "rb") : NULL;
    if (!in) {
        ferry_fault_set(b->work->fault, FERRY_ERR_STORAGE_MISSING, b->url,
                        "it was not fetched from this depot before, or the cache has let it go");
        ferry_fault_hint(b->work->fault, "it has to be fetched once (without --offline)");
        return FERRY_ERR_STORAGE_MISSING;
    }
    *len = fread(text, 1, cap, in);
    fclose(in);
    return 200;
}

// The description is read whole: it is small, and always asked for anew.
static int read_description(struct build *b, const char *url, char *text, size_t cap, size_t *len)
{
    const struct ferry_http_client *client = b->work->cfg->client;
    struct ferry_http_fetch fetch = {.method = "GET", .url = url, .headers = b->work->headers};
    struct ferry_http_reply reply;
    int status = client->open(client->ctx, &fetch, &reply), n = 0;
    if (status < 0) {
        ferry_fault_set(b->work->fault, status, b->url, "%.230s", client->reason(client->ctx));
        ferry_fault_hint(b->work->fault,
                         "is the server there, and its certificate one that is trusted here? (%s names "
                         "the signer's)",
                         b->work->cfg->ca_name ? b->work->cfg->ca_name : "FERRY_CA=FILE");
        return status;
    }
    *len = 0;
    while (*len < cap && (n = client->read(client->ctx, (uint8_t *)text + *len, cap - *len)) > 0)
        *len += (size_t)n;
    client->close(client->ctx);
    if (n < 0)
        return ferry_fault_set(b->work->fault, n, b->url, "%.200s", client->reason(client->ctx));
    return reply.status;
}

static int explain_depot(struct build *b, int http, const char *text, size_t len)
{
    cJSON *json = NULL;
    int status = http == 404 ? FERRY_ERR_STORAGE_MISSING : http == 409 ? FERRY_ERR_AMBIGUOUS : FERRY_ERR_STORAGE_READ;
    ferry_json_parse(text, len, "answer", &json, NULL);
    const char *what = ferry_json_text(json, "what"), *hint = ferry_json_text(json, "hint");
    ferry_fault_set(b->work->fault, status, b->url, "the depot answers %d%s%.150s", http, what ? ": " : "",
                    what ? what : "");
    if (http == 409)
        ferry_fault_hint(b->work->fault, "name the chip (--chip esp32c3), or the build by its id");
    else if (http == 401 || http == 403)
        ferry_fault_hint(b->work->fault, "put a token with scope read, work or device into %s",
                         b->work->cfg->token_name ? b->work->cfg->token_name : "FERRY_TOKEN");
    else
        ferry_fault_hint(b->work->fault, "%.200s",
                         hint                         ? hint
                         : http >= 500 || http == 429 ? "try again later, or see the depot's log"
                                                      : "is this the address of a ferry depot serve?");
    cJSON_Delete(json);
    return status;
}

static int fetch_depot(struct build *b)
{
    char server[FERRY_DOWNLOAD_URL], url[FERRY_DOWNLOAD_URL] = "";
    const char *chip = b->work->cfg->chip, *reference = strrchr(b->url, '/');
    size_t len = reference ? (size_t)(reference - b->url) : 0;
    if (!reference || len + 80 > sizeof url || reference[-1] == '/' || !reference[1])
        return ferry_fault_set(b->work->fault, FERRY_ERR_ARG, b->url, "depot:https://HOST/PROJECT@CHANNEL is wanted");
    snprintf(server, sizeof server, "%.*s", (int)len, b->url);
    snprintf(url, sizeof url, "%.*s/api/v1/builds/", (int)len, b->url);
    bool fits = add_escaped(url, sizeof url - 40, reference + 1);
    if (!fits)
        return unfit(b, "the address is too long");
    if (chip && *chip)
        snprintf(url + strlen(url), sizeof url - strlen(url), "?chip=%.20s", chip);
    char *text = malloc(FERRY_JSON_MAX_SIZE);
    cJSON *json = NULL;
    int status = !text                   ? ferry_fault_set(b->work->fault, FERRY_ERR_NO_MEMORY, "", "out of memory")
                 : b->work->cfg->offline ? read_kept(b, text, FERRY_JSON_MAX_SIZE, &len)
                                         : read_description(b, url, text, FERRY_JSON_MAX_SIZE, &len);
    if (status == 200)
        status = ferry_json_parse(text, len, "the depot's answer", &json, b->work->fault);
    else if (status > 0)
        status = explain_depot(b, status, text, len);
    free(text);
    if (status >= 0)
        status = take_description(b, server, json);
    if (status >= 0 && !b->work->cfg->offline)
        keep_answer(b, json);
    cJSON_Delete(json);
    return status;
}

// ---- all together ----

static int fetch_build(struct download_work *work, const char *url, const char *folder, bool depot)
{
    struct build *b = calloc(1, sizeof *b);
    if (!b)
        return ferry_fault_set(work->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    b->work = work;
    b->url = url;
    snprintf(b->folder, sizeof b->folder, "%s", folder);
    int status = depot ? fetch_depot(b) : fetch_manifest(b);
    work->out->folder = true;
    snprintf(work->out->path, sizeof work->out->path, "%s", b->folder);
    free(b);
    return status;
}

static int fetch_image(struct download_work *work, const char *url, const char *folder)
{
    char name[80];
    name_of(url, ".bin", name, sizeof name);
    int status = download_file(work, url, folder, name, NULL, 0);
    if (status >= 0 && !ferry_path_under(work->out->path, sizeof work->out->path, folder, name))
        status = ferry_fault_set(work->fault, FERRY_ERR_STORAGE_PATH, name, "its path in the cache is too long");
    return status;
}

static bool is_manifest(const char *url)
{
    size_t len = strcspn(url, "?#");
    return len > 5 && strncmp(url + len - 5, ".json", 5) == 0;
}

int ferry_download(const struct ferry_download_cfg *cfg, const char *url, struct ferry_download *out,
                   struct ferry_fault *fault)
{
    struct download_work work = {.cfg = cfg, .out = out, .fault = fault};
    bool depot = begins(url, DEPOT);
    const char *address = depot ? url + strlen(DEPOT) : url;
    char key[17], folder[FERRY_CARGO_PATH];
    memset(out, 0, sizeof *out);
    if (!ferry_download_is_url(url) || strlen(url) >= FERRY_DOWNLOAD_URL)
        return ferry_fault_set(fault, FERRY_ERR_ARG, url, "an address of at most %d characters is wanted",
                               FERRY_DOWNLOAD_URL - 1);
    if (cfg->token && cfg->token[0]) {
        snprintf(work.bearer, sizeof work.bearer, "Authorization: Bearer %.250s", cfg->token);
        work.headers[0] = work.bearer;
    }
    int status = download_key(&work, url, key);
    if (status >= 0)
        status = make_folder(&work, cfg->folder);
    if (status >= 0 && !ferry_path_under(folder, sizeof folder, cfg->folder, key))
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, cfg->folder, "the cache folder's path is too long");
    if (status >= 0 && !depot)
        status = make_folder(&work, folder);
    if (status < 0)
        return status;
    if (!depot)
        download_cache_use(&work, key);
    if (depot || is_manifest(address))
        return fetch_build(&work, address, folder, depot);
    return fetch_image(&work, address, folder);
}
