#include "apps/ferry/updater_web.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ferry.h"
#include "ferry/base/status.h"
#include "ports/posix/http_client.h"
#include "ports/posix/http_server.h"
#include "ports/posix/number.h"

#define THREADS 2
#define DEPOT "depot:" // begins the name of a build that lies there

// What somebody wants on the page, until its job has begun: the build may have to be fetched, or the port be freed.
struct pending {
    bool on, fetching;
    struct ferry_updater_wish wish;
    struct ferry_cargo *cargo; // out of the depot; kept for choose()
};

struct updater_web {
    struct pending *pending; // one for each port
    struct updater_web_cfg cfg;
    struct ferry_web *web;
    struct ferry_posix_http_server *server;
    struct ferry_posix_http_client *client; // of the depot; NULL: there is none
    struct ferry_http_client io;
    struct ferry_web_depot depot;
    char depot_url[256];
    pthread_mutex_t mutex;
    char dir[FERRY_CARGO_PATH];
    char address[128], name[128], token[64], url[480];
    uint16_t port;
    bool open_to_others;
};

static const struct ferry_web_setting settings[] = {
    {.name = "cargo",
     .kind = FERRY_WEB_BUILD_NAME,
     .label = "Firmware",
     .hint = "which one, when the card holds several for a chip"},
    {.name = "route",
     .kind = FERRY_WEB_CHOICE,
     .label = "Way into the target",
     .hint = "rom: the serial loader; link: a receiver in the running firmware; auto: whichever answers",
     .choices = "auto|link|rom"},
};

static void lock(void *ctx)
{
    struct updater_web *self = ctx;
    pthread_mutex_lock(&self->mutex);
}

static void unlock(void *ctx)
{
    struct updater_web *self = ctx;
    pthread_mutex_unlock(&self->mutex);
}

static int space(void *ctx, uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct updater_web *self = ctx;
    struct statvfs fs;
    if (statvfs(self->dir, &fs) != 0)
        return FERRY_ERR_STORAGE_READ;
    *free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    *total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    return FERRY_OK;
}

// ---- address and token ----

static int take_address(struct updater_web *self, struct ferry_fault *fault)
{
    const char *listen = self->cfg.listen, *colon = strrchr(listen, ':'), *number = colon ? colon + 1 : listen;
    uint32_t port = 0;
    if (!ferry_posix_number_in(number, 0, 65535, &port))
        return ferry_fault_set(fault, FERRY_ERR_ARG, listen, "--web takes [ADDRESS:]PORT, not '%s'", listen);
    self->port = (uint16_t)port;
    snprintf(self->address, sizeof self->address, "%s", "127.0.0.1");
    if (colon == listen)
        snprintf(self->address, sizeof self->address, "%s", "*");
    else if (colon)
        snprintf(self->address, sizeof self->address, "%.*s", (int)(colon - listen), listen);
    size_t len = strlen(self->address);
    if (self->address[0] == '[' && self->address[len - 1] == ']') {
        self->address[len - 1] = 0;
        memmove(self->address, self->address + 1, len - 1);
    }
    self->open_to_others = web_tls_is_open(self->address);
    return FERRY_OK;
}

// Whoever can reach the page can flash: on a network that takes a token, ours when none was given.
static int take_token(struct updater_web *self, struct ferry_fault *fault)
{
    unsigned char noise[12];
    if (self->cfg.token && strlen(self->cfg.token) >= sizeof self->token)
        return ferry_fault_set(fault, FERRY_ERR_ARG, NULL, "the token is longer than 63 characters");
    snprintf(self->token, sizeof self->token, "%s", self->cfg.token ? self->cfg.token : "");
    if (self->token[0] || !self->open_to_others)
        return FERRY_OK;
    if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
        return ferry_fault_set(fault, FERRY_ERR_UNSUPPORTED, NULL, "the system gives no random numbers for a token");
    for (size_t i = 0; i < sizeof noise; i++)
        snprintf(self->token + 2 * i, 3, "%02x", noise[i]);
    return FERRY_OK;
}

// As it may stand in an address.
static void encode(const char *text, char *out, size_t cap)
{
    size_t at = 0;
    for (; *text && at + 4 < cap; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~", c);
        at += (size_t)snprintf(out + at, cap - at, plain ? "%c" : "%%%02X", c);
    }
    out[at] = 0;
}

static void name_url(struct updater_web *self)
{
    char token[3 * sizeof self->token];
    encode(self->token, token, sizeof token);
    bool all = strcmp(self->address, "*") == 0 || strcmp(self->address, "0.0.0.0") == 0;
    bool six = strchr(self->address, ':') != NULL;
    const char *host = all ? self->name : self->address;
    snprintf(self->url, sizeof self->url, "%s://%s%.120s%s:%u/%s%s",
             self->cfg.tls && self->cfg.tls->cert ? "https" : "http", six ? "[" : "", host, six ? "]" : "",
             (unsigned)self->port, self->token[0] ? "#token=" : "", token);
}

static int open_depot(struct updater_web *self, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    struct ferry_posix_http_client_cfg cfg = {.ca_file = getenv("FERRY_CA"), .connect_ms = 5000, .stall_ms = 5000};
    const char *url = self->cfg.depot;
    if (!url)
        return FERRY_OK;
    size_t len = strlen(url);
    while (len && url[len - 1] == '/')
        len--;
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || len >= sizeof self->depot_url)
        return ferry_fault_set(fault, FERRY_ERR_ARG, url, "--depot takes the address of a ferry depot serve here");
    snprintf(self->depot_url, sizeof self->depot_url, "%.*s", (int)len, url);
    int status = ferry_posix_http_client_new(&self->client, &cfg, &error);
    if (status < 0)
        return ferry_fault_set(fault, status, url, "%s", error.what);
    self->io = ferry_posix_http_client(self->client);
    self->depot = (struct ferry_web_depot){.client = &self->io, .url = self->depot_url, .token = getenv("FERRY_TOKEN")};
    return FERRY_OK;
}

// ---- open and close ----

static struct ferry_web *make_web(struct updater_web *self)
{
    const struct updater_web_cfg *c = &self->cfg;
    struct ferry_web_cfg cfg = {
        .name = c->name ? c->name : self->name,
        .version = FERRY_VERSION,
        .token = self->token,
        .card = c->card,
        .log_path = c->log_path,
        .port_count = c->port_count,
        .port_names = c->port_names,
        .rom = c->rom,
        .link = c->link,
        .start = true,
        .settings = settings,
        .setting_count = sizeof settings / sizeof settings[0],
        .depot = self->client ? &self->depot : NULL,
        .lock = lock,
        .unlock = unlock,
        .space = space,
        .ctx = self,
    };
    if (getrandom(&cfg.boot, sizeof cfg.boot, 0) != (ssize_t)sizeof cfg.boot)
        cfg.boot = 0;
    return ferry_web_new(&cfg);
}

static int start(struct updater_web *self, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    struct ferry_posix_http_server_cfg cfg = {.bind = self->address, .port = self->port, .threads = THREADS};
    if (self->cfg.tls) {
        cfg.tls_cert = self->cfg.tls->cert;
        cfg.tls_key = self->cfg.tls->key;
    }
    struct ferry_http_handler handler = ferry_web_handler(self->web);
    int status = ferry_posix_http_server_start(&self->server, &cfg, &handler, &error);
    if (status < 0) {
        ferry_fault_set(fault, status, error.where, "%s", error.what);
        ferry_fault_hint(fault, "%s", error.hint);
        return status;
    }
    self->port = ferry_posix_http_server_port(self->server);
    ferry_web_set_waker(self->web, ferry_posix_http_server_waker(self->server));
    name_url(self);
    return FERRY_OK;
}

int updater_web_open(struct updater_web **out, const struct updater_web_cfg *cfg, struct ferry_fault *fault)
{
    struct updater_web *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the page");
    self->cfg = *cfg;
    snprintf(self->dir, sizeof self->dir, "%s", cfg->card->dir);
    self->pending = calloc(cfg->port_count, sizeof *self->pending);
    if (!self->pending) {
        free(self);
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the page");
    }
    pthread_mutex_init(&self->mutex, NULL);
    if (gethostname(self->name, sizeof self->name - 1) != 0)
        snprintf(self->name, sizeof self->name, "localhost");
    int status = take_address(self, fault);
    if (status == FERRY_OK)
        status = take_token(self, fault);
    if (status == FERRY_OK && cfg->tls)
        status = web_tls_prepare(cfg->tls, NULL, self->address, fault);
    if (status == FERRY_OK)
        status = open_depot(self, fault);
    if (status == FERRY_OK) {
        self->web = make_web(self);
        status = self->web ? start(self, fault)
                           : ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the page");
    }
    if (status < 0)
        updater_web_close(self);
    else
        *out = self;
    return status;
}

void updater_web_close(struct updater_web *self)
{
    if (!self)
        return;
    ferry_posix_http_server_stop(self->server, 300);
    ferry_web_free(self->web);
    ferry_posix_http_client_free(self->client);
    pthread_mutex_destroy(&self->mutex);
    for (unsigned i = 0; self->pending && i < self->cfg.port_count; i++)
        free(self->pending[i].cargo);
    free(self->pending);
    free(self);
}

const char *updater_web_url(const struct updater_web *self)
{
    return self->url;
}

void updater_web_tell(const struct updater_web *self, struct cli_display *display)
{
    static const struct web_tls none;
    web_tls_tell(self->cfg.tls ? self->cfg.tls : &none, self->address, display);
}

bool updater_web_is_open_to_others(const struct updater_web *self)
{
    return self->open_to_others;
}

// ---- what people want ----

void updater_web_looking(struct updater_web *self)
{
    ferry_web_lock(self->web);
}

void updater_web_looked(struct updater_web *self, const struct ferry_fault *fault)
{
    ferry_web_unlock(self->web);
    ferry_web_tell_card(self->web, fault);
}

static void look(struct updater_web *self)
{
    struct ferry_fault fault = {0};
    updater_web_looking(self);
    int status = self->cfg.look(self->cfg.ctx, &fault);
    updater_web_looked(self, status < 0 ? &fault : NULL);
}

static void refuse(struct updater_web *self, unsigned port, const struct ferry_fault *fault)
{
    struct ferry_updater_outcome outcome = {.result.status = fault->status, .fault = *fault};
    ferry_web_tell_ended(self->web, port, NULL, &outcome);
}

static void refuse_for(struct updater_web *self, unsigned port, int status, const char *what)
{
    struct ferry_fault fault;
    ferry_fault_set(&fault, status, self->cfg.port_names[port], "%s", what ? what : ferry_status_text(status));
    refuse(self, port, &fault);
}

static bool others_are(struct updater_web *self, bool (*what)(void *ctx, unsigned port), unsigned port)
{
    return what && what(self->cfg.ctx, port);
}

// "depot:SHA256" on the page is a build in the depot, which has it by that name.
static bool begin_fetch(struct updater_web *self, unsigned port, const char *build)
{
    char url[400];
    if (!self->cfg.fetch)
        return false;
    snprintf(url, sizeof url, "depot:%s/%s", self->depot_url, build + strlen(DEPOT));
    updater_fetch_begin(self->cfg.fetch, port, url, FERRY_CHIP_ANY);
    return true;
}

static void begin(struct updater_web *self, const struct ferry_web_command *command)
{
    struct pending *p = &self->pending[command->port];
    p->wish = (struct ferry_updater_wish){
        .probe = command->wish == FERRY_WEB_PROBE,
        .set = command->wish == FERRY_WEB_START,
        .route = command->route,
        .verify_only = command->verify_only,
        .erase_all = command->erase_all,
        .force = command->force,
    };
    snprintf(p->wish.cargo, sizeof p->wish.cargo, "%s", command->build);
    if (others_are(self, self->cfg.busy, command->port)) {
        refuse_for(self, command->port, FERRY_ERR_BUSY, "the depot has just given this target something to do");
        return;
    }
    p->on = true;
    p->fetching = strncmp(command->build, DEPOT, strlen(DEPOT)) == 0;
    if (p->fetching && !begin_fetch(self, command->port, command->build)) {
        p->on = false;
        refuse_for(self, command->port, FERRY_ERR_STATE, "this updater has no depot");
    }
}

static void take_fetched(struct updater_web *self, unsigned port, struct pending *p)
{
    struct ferry_fault fault = {0};
    p->fetching = false;
    if (!p->cargo)
        p->cargo = malloc(sizeof *p->cargo);
    int status = p->cargo ? updater_fetch_take(self->cfg.fetch, port, p->cargo, &fault) : FERRY_ERR_NO_MEMORY;
    ferry_web_tell_fetching(self->web, port, NULL, 0, 0);
    if (status >= 0)
        return;
    p->on = false;
    if (fault.status < 0)
        refuse(self, port, &fault);
    else
        refuse_for(self, port, status, NULL);
}

static void watch_fetch(struct updater_web *self, unsigned port, struct pending *p)
{
    struct updater_fetch_progress progress;
    enum updater_fetch_phase phase = updater_fetch_look(self->cfg.fetch, port, &progress);
    if (phase == UPDATER_FETCH_READY || phase == UPDATER_FETCH_FAILED)
        take_fetched(self, port, p);
    else
        ferry_web_tell_fetching(self->web, port, progress.file, progress.done, progress.size);
}

// A look at who is there is waited for.
static void start_pending(struct updater_web *self, unsigned port, struct pending *p)
{
    int status = ferry_updater_start(self->cfg.updater, port, &p->wish);
    if (status == FERRY_ERR_BUSY && others_are(self, self->cfg.looks, port))
        return;
    p->on = false;
    if (status < 0)
        refuse_for(self, port, status, NULL);
}

static void go_on(struct updater_web *self, unsigned port)
{
    struct pending *p = &self->pending[port];
    if (p->on && p->fetching)
        watch_fetch(self, port, p);
    if (p->on && !p->fetching)
        start_pending(self, port, p);
}

static void stop(struct updater_web *self, unsigned port, uint32_t now_ms)
{
    struct pending *p = &self->pending[port];
    bool waited = p->on;
    if (waited && p->fetching)
        updater_fetch_stop(self->cfg.fetch, port);
    p->on = false;
    if (!waited)
        waited = others_are(self, self->cfg.stop, port);
    if (waited)
        refuse_for(self, port, FERRY_ERR_CANCELLED, "stopped before it began");
    else if (ferry_updater_abort(self->cfg.updater, port, now_ms) == FERRY_ERR_STATE)
        refuse_for(self, port, FERRY_ERR_CANCELLED, NULL);
}

static void carry_out(struct updater_web *self, const struct ferry_web_command *command, uint32_t now_ms)
{
    switch (command->wish) {
    case FERRY_WEB_START:
    case FERRY_WEB_PROBE:
        begin(self, command);
        break;
    case FERRY_WEB_ABORT:
        stop(self, command->port, now_ms);
        break;
    case FERRY_WEB_LOOK:
        look(self);
        break;
    default:
        break; // the settings are the card's: LOOK has them
    }
}

void updater_web_poll(struct updater_web *self, uint32_t now_ms)
{
    struct ferry_web_command command;
    while (ferry_web_take(self->web, &command))
        carry_out(self, &command, now_ms);
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        const struct ferry_updater_port *port = &self->cfg.updater->ports[i];
        go_on(self, i);
        if (others_are(self, self->cfg.looks, i))
            continue;
        if (port->job_open && port->state == FERRY_UPDATER_WORKING)
            ferry_web_tell_job(self->web, i, &port->job);
        else if (self->cfg.updater->cfg.wait && !port->staying && !port->wished && !port->job_open)
            ferry_web_tell_gone(self->web, i);
    }
}

void updater_web_event(struct updater_web *self, unsigned port, const struct ferry_job_event *event)
{
    ferry_web_tell_event(self->web, port, event);
}

void updater_web_ended(struct updater_web *self, unsigned port, const struct ferry_job *job,
                       const struct ferry_updater_outcome *outcome)
{
    ferry_web_tell_ended(self->web, port, job, outcome);
}

void updater_web_fetching(struct updater_web *self, unsigned port, const char *file, uint32_t done, uint32_t size)
{
    ferry_web_tell_fetching(self->web, port, file, done, size);
}

void updater_web_seen(struct updater_web *self, unsigned port, const struct ferry_job *job,
                      const struct ferry_running *running)
{
    if (job)
        ferry_web_tell_seen(self->web, port, job, running);
    else
        ferry_web_tell_gone(self->web, port);
}

int updater_web_choose(struct updater_web *self, unsigned port, const struct ferry_updater_wish *wish,
                       struct ferry_cargo *out, struct ferry_fault *fault)
{
    if (!wish->cargo[0])
        return 0;
    if (strncmp(wish->cargo, DEPOT, strlen(DEPOT)) == 0) {
        *out = *self->pending[port].cargo;
        return 1;
    }
    const struct ferry_cargo *cargo = ferry_web_build(self->web, wish->cargo);
    if (!cargo)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, NULL, "this firmware is not on the card any more");
    *out = *cargo;
    return 1;
}
