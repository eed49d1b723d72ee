// The task that talks to the network: one connection, one errand after the other.
#include "depot_parts.h"

#include "sdkconfig.h"

#if CONFIG_FERRY_UPDATER_DEPOT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench_card.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "kept.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/digest.h"
#include "ports/esp-idf/http_client.h"
#include "ports/esp-idf/net.h"
#include "updater/download.h"
#include "updater/path.h"
#include "updater/web.h"

#define STACK 12288       // bytes; see the README for what is used of it
#define PRIORITY 4        // below the bench
#define CERTIFICATES 8192 // bytes of the file with certificates
#define RESTING_MS 10000  // a connection that nobody needs is closed after that
#define NETWORK_MS 30000  // for an address, after switching on
#define SLOW_MS 120000    // for 8 KB: slower than that is no server
#define HINT "the setting depot.token"

struct errand depot_errands[DEPOT_ERRANDS];

static struct {
    SemaphoreHandle_t guard;
    TaskHandle_t task;
    uint64_t limit;
    char url[FERRY_SETTINGS_TEXT], token[FERRY_SETTINGS_TEXT], worker[FERRY_SETTINGS_TEXT];
    char *certificates; // PEM, NULL = the bundle
    struct ferry_idf_http_client idf_client, idf_page;
    struct ferry_http_client client, page;
    struct ferry_web_depot web;
    struct ferry_idf_digest idf_digest;
    struct ferry_digest digest;
    struct ferry_clock clock;
    struct errand *now; // what is being done
    uint32_t moved_ms;  // since when nothing has come
} self;

void depot_lock(void)
{
    xSemaphoreTake(self.guard, portMAX_DELAY);
}

void depot_unlock(void)
{
    xSemaphoreGive(self.guard);
}

void depot_hand_over(unsigned i)
{
    depot_lock();
    depot_errands[i].stop = false;
    depot_errands[i].phase = ERRAND_ASKED;
    depot_unlock();
    xTaskNotifyGive(self.task);
}

const char *depot_url(void)
{
    return self.url;
}

void depot_task_limit(uint64_t cache_limit)
{
    depot_lock();
    self.limit = cache_limit;
    depot_unlock();
}

uint32_t depot_task_stack_left(void)
{
    return self.task ? (uint32_t)uxTaskGetStackHighWaterMark(self.task) : 0;
}

// ---- what the waits ask ----

static bool must_stop(void *ctx)
{
    (void)ctx;
    return !self.now || self.now->stop || ferry_idf_clock_now() - self.moved_ms > SLOW_MS;
}

static void wait(void *ctx, uint32_t ms)
{
    for (uint32_t at = 0; at < ms && !must_stop(ctx); at += 50)
        vTaskDelay(pdMS_TO_TICKS(50));
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return ferry_idf_clock_now();
}

static bool progress(void *ctx, const char *name, uint32_t done, uint32_t size)
{
    struct errand *e = ctx;
    self.moved_ms = ferry_idf_clock_now();
    depot_lock();
    snprintf(e->file, sizeof e->file, "%s", name);
    e->at = done;
    e->size = size;
    depot_unlock();
    return e->stop;
}

// ---- the cache ----

static void hold(void *ctx, const char *folder)
{
    struct errand *e = ctx;
    depot_lock();
    snprintf(e->folder, sizeof e->folder, "%s", folder);
    depot_unlock();
}

static bool in_use(void *ctx, const char *folder)
{
    bool used = false;
    (void)ctx;
    depot_lock();
    for (unsigned i = 0; i < DEPOT_ERRANDS; i++)
        used = used || strcmp(depot_errands[i].folder, folder) == 0;
    depot_unlock();
    return used;
}

static int space(void *ctx, uint64_t *free_bytes)
{
    uint64_t total = 0;
    (void)ctx;
    return bench_card_space(free_bytes, &total);
}

// ---- fetching ----

// The address: "depot:REFERENCE" is one of the depot of the settings.
static int address_of(const struct errand *e, char *out, size_t cap, struct ferry_fault *fault)
{
    int n = ferry_download_is_url(e->reference)
                ? snprintf(out, cap, "%s", e->reference)
                : snprintf(out, cap, "depot:%s/%s", self.url, e->reference + strlen("depot:"));
    if (!self.url[0] && !ferry_download_is_url(e->reference)) {
        ferry_fault_set(fault, FERRY_ERR_ARG, "", "no depot is known here");
        ferry_fault_hint(fault, "set depot.url, and start again");
        return FERRY_ERR_ARG;
    }
    return n > 0 && (size_t)n < cap ? FERRY_OK : ferry_fault_set(fault, FERRY_ERR_ARG, "", "the address is too long");
}

static int take_cargo(struct errand *e, struct ferry_fault *fault)
{
    struct ferry_cargo_list *list = calloc(1, sizeof *list);
    if (!list)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory to look at what was fetched");
    int status = ferry_cargo_scan(e->path, list, fault);
    if (status >= 0 && list->count > 0)
        e->cargo = list->items[0];
    else if (status >= 0 && list->refused_count > 0)
        *fault = list->refused[0];
    else if (status >= 0)
        ferry_fault_set(fault, FERRY_ERR_NO_CARGO, e->path, "nothing that can be flashed was fetched");
    status = status < 0 ? status : list->count > 0 ? FERRY_OK : fault->status;
    free(list);
    return status;
}

// A token goes to the depot that it is for, and nowhere else.
static bool is_ours(const char *url)
{
    const char *address = strncmp(url, "depot:", 6) == 0 ? url + 6 : url;
    size_t len = strlen(self.url);
    return len > 0 && strncmp(address, self.url, len) == 0 && (address[len] == '/' || address[len] == 0);
}

static int fetch(struct errand *e, struct ferry_fault *fault)
{
    char url[FERRY_DOWNLOAD_URL];
    struct ferry_download got;
    int status = address_of(e, url, sizeof url, fault);
    struct ferry_download_cfg cfg = {
        .client = &self.client,
        .digest = &self.digest,
        .clock = &self.clock,
        .folder = DEPOT_CACHE,
        .token = is_ours(url) ? self.token : NULL,
        .chip = e->device.chip,
        .token_name = HINT,
        .ca_name = "the setting depot.ca",
        .cache_limit = self.limit,
        .progress = progress,
        .progress_ctx = e,
        .hold = hold,
        .in_use = in_use,
        .space = space,
        .cache_ctx = e,
    };
    mkdir(BOARD_CARD_PATH "/.ferry", 0777);
    if (status >= 0)
        status = ferry_download(&cfg, url, &got, fault);
    if (status == FERRY_ERR_CANCELLED && !e->stop) {
        status = ferry_fault_set(fault, FERRY_ERR_TIMEOUT, url, "the server sends too slowly: not 8 KB in two minutes");
        ferry_fault_hint(fault, "try again: what has come is kept, and it goes on from there");
    }
    if (status < 0)
        return status;
    snprintf(e->path, sizeof e->path, "%s", got.path);
    e->fetched = got.fetched;
    e->kept = got.kept;
    e->unchanged = got.unchanged;
    ferry_idf_http_client_close(&self.idf_client); // its memory is wanted for what comes now
    return take_cargo(e, fault);
}

// ---- errands ----

static int with_depot(struct errand *e, struct ferry_fault *fault)
{
    struct ferry_depot_client depot;
    struct ferry_depot_client_cfg cfg = {
        .http = &self.client, .url = self.url, .token = self.token, .worker = self.worker, .lease_ms = DEPOT_LEASE_MS};
    int status = ferry_depot_client_init(&depot, &cfg, fault);
    if (status < 0)
        return status;
    if (e->what == ERRAND_CHECK_IN)
        status = ferry_depot_client_checkin(&depot, &e->device, &e->answer, fault);
    else if (e->what == ERRAND_CLAIM)
        status = ferry_depot_client_claim(&depot, e->device.chip, e->device.mac, &e->job, fault);
    else
        status = ferry_depot_client_report(&depot, &e->job, &e->report, fault);
    if (status == FERRY_ERR_STORAGE_READ)
        ferry_fault_hint(fault, "does the token in " HINT " have the scope for that? (ferry depot token)");
    return status;
}

static bool has_network(const struct errand *e)
{
    for (uint32_t at = 0; at < NETWORK_MS && !e->stop; at += 100) {
        if (ferry_idf_net_ready(NULL))
            return true;
        vTaskDelay(pdMS_TO_TICKS(100));
    }
    return false;
}

static void carry_out(struct errand *e)
{
    struct ferry_fault *fault = calloc(1, sizeof *fault);
    int status = FERRY_ERR_NO_MEMORY;
    self.now = e;
    self.moved_ms = ferry_idf_clock_now();
    if (fault && !has_network(e)) {
        status = ferry_fault_set(fault, FERRY_ERR_WIRE_OPEN, "", "there is no network");
        ferry_fault_hint(fault, "is the cable in? see wifi.mode, eth.on and eth.address in the settings");
    } else if (fault)
        status = e->what == ERRAND_FETCH ? fetch(e, fault) : with_depot(e, fault);
    depot_lock();
    e->status = status;
    if (fault)
        e->fault = *fault;
    e->fault.status = status < 0 ? status : FERRY_OK;
    e->file[0] = 0;
    e->phase = e->stop ? ERRAND_REST : ERRAND_DONE;
    e->stop = false;
    depot_unlock();
    self.now = NULL;
    free(fault);
}

static struct errand *next_errand(void)
{
    struct errand *found = NULL;
    depot_lock();
    for (unsigned i = 0; i < DEPOT_ERRANDS && !found; i++)
        if (depot_errands[i].phase == ERRAND_ASKED) {
            found = &depot_errands[i];
            found->phase = ERRAND_AT_WORK;
        }
    depot_unlock();
    return found;
}

static void run(void *arg)
{
    (void)arg;
    for (;;) {
        bool asked = ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(RESTING_MS)) > 0;
        for (struct errand *e; (e = next_errand()) != NULL;)
            carry_out(e);
        if (!asked)
            ferry_idf_http_client_close(&self.idf_client);
    }
}

// ---- starting ----

// The file with certificates, on the card. None by that name: the bundle, unless somebody has named it.
static void load_certificates(void)
{
    char path[FERRY_CARGO_PATH];
    const char *name = ferry_settings_text(kept_settings(), "depot.ca");
    FILE *in = name[0] && ferry_path_under(path, sizeof path, BOARD_CARD_PATH, name) ? fopen(path, "rb") : NULL;
    char *text = in ? calloc(1, CERTIFICATES + 1) : NULL;
    size_t len = text ? fread(text, 1, CERTIFICATES + 1, in) : 0;
    if (in)
        fclose(in);
    if (len > 0 && len <= CERTIFICATES && strstr(text, "-----BEGIN CERTIFICATE-----"))
        self.certificates = text;
    else
        free(text);
    if (in && !self.certificates)
        printf("depot: %s holds no certificate (PEM, at most 8 KB)\n", name);
}

const struct ferry_web_depot *depot_task_page(bool *secure)
{
    *secure = strncmp(self.url, "https://", 8) == 0;
    return self.url[0] ? &self.web : NULL;
}

bool depot_task_start(uint64_t cache_limit)
{
    const struct ferry_settings *s = kept_settings();
    snprintf(self.url, sizeof self.url, "%s", ferry_settings_text(s, "depot.url"));
    for (size_t len = strlen(self.url); len > 0 && self.url[len - 1] == '/'; len--)
        self.url[len - 1] = 0;
    snprintf(self.token, sizeof self.token, "%s", ferry_settings_text(s, "depot.token"));
    snprintf(self.worker, sizeof self.worker, "%s", ferry_settings_text(s, "name"));
    self.limit = cache_limit;
    load_certificates();
    struct ferry_idf_http_client_cfg cfg = {.certificate = self.certificates, .keep = true, .stop = must_stop};
    ferry_idf_http_client_init(&self.idf_client, &cfg, &self.client);
    struct ferry_idf_http_client_cfg page = {.certificate = self.certificates, .timeout_ms = 8000};
    ferry_idf_http_client_init(&self.idf_page, &page, &self.page);
    self.web = (struct ferry_web_depot){.client = &self.page, .url = self.url, .token = self.token};
    self.digest = ferry_idf_digest_init(&self.idf_digest);
    self.clock = (struct ferry_clock){.now_ms = now_ms, .wait = wait};
    self.guard = xSemaphoreCreateMutex();
    return self.guard && xTaskCreate(run, "depot", STACK, NULL, PRIORITY, &self.task) == pdPASS;
}
#endif
