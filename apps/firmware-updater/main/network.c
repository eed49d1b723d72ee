#include "network.h"

#if CONFIG_FERRY_UPDATER_NETWORK
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench_card.h"
#include "bench_ports.h"
#include "board.h"
#include "depot.h"
#include "esp_app_desc.h"
#include "ferry/base/status.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "kept.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/http_server.h"
#include "ports/esp-idf/net.h"
#include "tell.h"
#include "updater/web.h"

#define PORT 80
#define TLS_STACK 3072 // more, for a list that comes from a depot by https

static struct {
    SemaphoreHandle_t guard;
    struct ferry_web *web;
    struct ferry_idf_http_server *server;
    bool told_address;
    enum network_wifi wifi;
    uint32_t stack;                // of the web server's task
    struct ferry_http_waker waker; // of the server, which is there after the handler
} net;

// ---- joining ----

static const char *text_of(const char *name)
{
    return ferry_settings_text(kept_settings(), name);
}

#if CONFIG_FERRY_WIFI
static bool start_wifi(struct ferry_idf_error *error)
{
    const char *mode = text_of("wifi.mode"), *ssid = text_of("wifi.ssid");
    if (strcmp(mode, "off") == 0)
        return false;
    net.wifi = strcmp(mode, "ap") == 0 ? NETWORK_WIFI_AP : NETWORK_WIFI_STATION;
    if (net.wifi == NETWORK_WIFI_AP)
        return ferry_idf_wifi_serve(ssid[0] ? ssid : text_of("name"), text_of("wifi.password"), 0, error) == FERRY_OK;
    return ferry_idf_wifi_join(ssid, text_of("wifi.password"), error) == FERRY_OK;
}
#else
static bool start_wifi(struct ferry_idf_error *error)
{
    (void)error;
    return false;
}
#endif

#if CONFIG_FERRY_ETHERNET
static bool start_ethernet(struct ferry_idf_error *error)
{
    return ferry_settings_on(kept_settings(), "eth.on") &&
           ferry_idf_net_ethernet(text_of("eth.address"), error) == FERRY_OK;
}
#else
static bool start_ethernet(struct ferry_idf_error *error)
{
    (void)error;
    return false;
}
#endif

enum network_wifi network_wifi(void)
{
    return net.wifi;
}

// ---- the page ----

static void lock(void *ctx)
{
    (void)ctx;
    xSemaphoreTake(net.guard, portMAX_DELAY);
}

static void unlock(void *ctx)
{
    (void)ctx;
    xSemaphoreGive(net.guard);
}

static void wake(void *ctx)
{
    (void)ctx;
    if (net.waker.wake)
        net.waker.wake(net.waker.ctx);
}

static int space(void *ctx, uint64_t *free_bytes, uint64_t *total_bytes)
{
    (void)ctx;
    return bench_card_space(free_bytes, total_bytes);
}

static void start_page(void)
{
    struct ferry_idf_error error = {0};
    const struct ferry_settings *s = kept_settings();
    bool secure = false;
    const struct ferry_web_depot *depot = depot_of_page(&secure);
    net.guard = xSemaphoreCreateMutex();
    struct ferry_web_cfg cfg = {.name = text_of("name"),
                                .version = esp_app_get_description()->version,
                                .token = text_of("web.token"),
                                .card = bench_card(),
                                .log_path = bench_card_log()->path,
                                .port_count = BOARD_TARGETS,
                                .port_names = board_target_names,
                                .rom = true,
                                .link = true,
                                .start = true,
                                .settings = s->rows,
                                .setting_count = s->count,
                                .depot = depot,
                                .waker = {.wake = wake},
                                .lock = lock,
                                .unlock = unlock,
                                .space = space};
    net.web = net.guard ? ferry_web_new(&cfg) : NULL;
    if (!net.web) {
        tell("no memory for the web page");
        return;
    }
    net.stack = FERRY_IDF_HTTP_SERVER_STACK + (secure ? TLS_STACK : 0);
    struct ferry_idf_http_server_cfg server = {.port = PORT, .stack = net.stack, .handler = ferry_web_handler(net.web)};
    net.server = ferry_idf_http_server_start(&server, &error);
    if (net.server)
        net.waker = ferry_idf_http_server_waker(net.server);
    else
        tell("%s", error.what);
}

void network_start(void)
{
    struct ferry_idf_error error = {0};
    if (ferry_idf_net_init(&error) < 0) {
        tell("network: %s", error.what);
        return;
    }
    bool joined = start_ethernet(&error);
    joined = start_wifi(&error) || joined;
    if (error.status < 0)
        tell("network: %s", error.what);
    if (!joined)
        return;
    start_page();
    if (ferry_idf_net_name(text_of("name"), PORT, &error) == FERRY_OK)
        tell("network: http://%s.local/", text_of("name"));
}

// ---- what the page asks for ----

static void refuse(unsigned port, int status)
{
    struct ferry_updater_outcome outcome = {0};
    ferry_fault_set(&outcome.fault, status, board_target_names[port], "%s", ferry_status_text(status));
    ferry_web_tell_ended(net.web, port, NULL, &outcome);
}

static void start(struct ferry_updater *updater, const struct ferry_web_command *command)
{
    struct ferry_updater_wish wish = {.probe = command->wish == FERRY_WEB_PROBE,
                                      .set = true,
                                      .route = command->route,
                                      .verify_only = command->verify_only,
                                      .erase_all = command->erase_all,
                                      .force = command->force};
    if (bench_ports_only_link(command->port))
        wish.route = FERRY_JOB_ROUTE_LINK;
    snprintf(wish.cargo, sizeof wish.cargo, "%s", command->build);
    int status = ferry_updater_start(updater, command->port, &wish);
    if (status < 0)
        refuse(command->port, status);
    else
        tell("%s: %s, as the page asks", board_target_names[command->port],
             wish.probe ? "looking who is there" : "connecting");
}

void network_poll(struct ferry_updater *updater)
{
    struct ferry_web_command command;
    char address[16];
    if (!net.told_address && net.server && ferry_idf_net_ready(address)) {
        net.told_address = true;
        tell("network: http://%s/", address);
    }
    while (net.web && ferry_web_take(net.web, &command)) {
        if (command.wish == FERRY_WEB_START || command.wish == FERRY_WEB_PROBE)
            start(updater, &command);
        else if (command.wish == FERRY_WEB_ABORT && !depot_abort(command.port))
            ferry_updater_abort(updater, command.port, ferry_idf_clock_now());
        else if (command.wish == FERRY_WEB_LOOK)
            bench_card_look(ferry_idf_clock_now());
    }
}

// ---- what the bench tells ----

void network_lock(void)
{
    if (net.web)
        ferry_web_lock(net.web);
}

void network_unlock(void)
{
    if (net.web)
        ferry_web_unlock(net.web);
}

void network_tell_card(const struct ferry_fault *fault)
{
    if (net.web)
        ferry_web_tell_card(net.web, fault);
}

void network_tell_job(unsigned port, const struct ferry_job *job)
{
    if (net.web)
        ferry_web_tell_job(net.web, port, job);
}

void network_tell_fetching(unsigned port, const char *file, uint64_t done, uint64_t size)
{
    if (net.web)
        ferry_web_tell_fetching(net.web, port, file, done, size);
}

void network_tell_seen(unsigned port, const struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    if (net.web && job && outcome->fault.status >= 0)
        ferry_web_tell_seen(net.web, port, job, &outcome->running);
    else if (net.web)
        ferry_web_tell_gone(net.web, port);
}

void network_tell_event(unsigned port, const struct ferry_job_event *event)
{
    if (net.web)
        ferry_web_tell_event(net.web, port, event);
}

void network_tell_ended(unsigned port, const struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    if (net.web)
        ferry_web_tell_ended(net.web, port, job, outcome);
}

void network_tell_status(void)
{
    char address[16] = "";
    ferry_idf_net_ready(address);
    tell("network: %s%s", address[0] ? "http://" : "no address", address);
    if (net.server)
        tell("stack of the web server: %" PRIu32 " of %u left", ferry_idf_http_server_stack_left(net.server),
             (unsigned)net.stack);
}

const struct ferry_cargo *network_build(const char *id)
{
    return net.web ? ferry_web_build(net.web, id) : NULL;
}
#endif
