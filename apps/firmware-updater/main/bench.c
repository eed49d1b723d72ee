#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_ports.h"
#include "board.h"
#include "depot.h"
#include "esp_heap_caps.h"
#include "esp_system.h"
#include "ferry/base/status.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/task.h"
#include "kept.h"
#include "network.h"
#include "panel_io.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/deflate.h"
#include "ports/esp-idf/digest.h"
#include "tell.h"

#define STACK 16384 // bytes; see the README for what is used of it
#define PRIORITY 5
#define ORDERS 4
#define LONGEST_MS 50 // between looks at the orders
#define REST_MS 1000

struct letter {
    struct bench_order order;
    TaskHandle_t sender; // waits; NULL = does not
};

static struct {
    QueueHandle_t orders;
    struct ferry_idf_clock idf_clock;
    struct ferry_clock clock;
    struct ferry_idf_digest idf_digest;
    struct ferry_digest digest;
    struct ferry_idf_deflate idf_deflate;
    struct ferry_deflate deflate;
    bool can_deflate;
    struct ferry_store_pool *stores;
    struct ferry_updater updater;
    uint32_t log_lost; // as far as it was told
} bench;

static uint32_t now(void)
{
    return ferry_idf_clock_now();
}

static const char *name_of(unsigned port)
{
    return board_target_names[port];
}

// ---- jobs ----

static int choose(void *ctx, unsigned port, const struct ferry_updater_wish *wish, const struct ferry_target *target,
                  struct ferry_cargo *out, struct ferry_fault *fault)
{
    (void)ctx;
    if (depot_names(wish->cargo))
        return depot_choose(port, wish->cargo, target, out, fault);
    return bench_card_choose(wish->cargo, target, out, fault);
}

static void job_ended(void *ctx, unsigned port, struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    (void)ctx;
    bool looks = depot_looks(port);
    depot_ended(port, outcome, now());
    if (job && outcome->fault.status == FERRY_ERR_CANCELLED && !outcome->result.written)
        bench_ports_release(port);
    if (looks) { // nobody has asked for it
        tell_clear(port);
        network_tell_seen(port, job, outcome);
        return;
    }
    if (job) {
        tell_job(port, name_of(port), job);
        network_tell_job(port, job);
    }
    if (!bench.updater.ports[port].wish.probe || outcome->fault.status < 0)
        tell_ended(port, name_of(port), outcome);
    else
        tell_clear(port);
    network_tell_ended(port, job, outcome);
    if (bench.updater.log_lost != bench.log_lost)
        bench_card_owe_line(port, outcome);
    bench.log_lost = bench.updater.log_lost;
}

static void take_events(unsigned port, struct ferry_job *job)
{
    struct ferry_job_event event;
    while (ferry_job_event(job, &event)) {
        tell_event(name_of(port), &event);
        network_tell_event(port, &event);
    }
}

static bool is_writing(const struct ferry_updater_port *port)
{
    return port->job_open && port->state == FERRY_UPDATER_WORKING && ferry_job_result(&port->job)->written &&
           !ferry_job_ended(&port->job);
}

static void show(void)
{
    struct ferry_panel_port ports[BOARD_TARGETS] = {0};
    bool writing = false;
    int status = 0;
    for (unsigned i = 0; i < BOARD_TARGETS; i++) {
        struct ferry_updater_port *port = &bench.updater.ports[i];
        bool works = port->job_open && (!bench.updater.cfg.wait || port->state == FERRY_UPDATER_WORKING);
        bool looks = depot_looks(i);
        if (works && !looks) {
            tell_job(i, name_of(i), &port->job);
            take_events(i, &port->job);
            network_tell_job(i, &port->job);
            depot_job(i, &port->job);
        }
        ports[i] = (struct ferry_panel_port){.running = (!looks && (works || port->wished)) || depot_holds(i),
                                             .connected = works && ferry_job_target(&port->job),
                                             .ended = port->has_last,
                                             .answered = port->has_last && port->last.chip[0],
                                             .status = port->has_last ? port->last.fault.status : 0};
        writing = writing || is_writing(port);
    }
    kept_mark_job(writing);
    enum ferry_panel_state state = ferry_panel_sum(ports, BOARD_TARGETS, bench_card_good(), &status);
    panel_io_set(state, status);
}

static void updater_cfg(struct ferry_updater_cfg *cfg)
{
    const struct ferry_settings *s = kept_settings();
    bool wait = strcmp(ferry_settings_text(s, "auto"), "target") == 0 && !depot_decides();
    *cfg = (struct ferry_updater_cfg){
        .port_count = BOARD_TARGETS,
        .port_names = board_target_names,
        .open = bench_ports_open,
        .close = bench_ports_close,
        .ended = job_ended,
        .choose = choose,
        .wait = wait,
        .hold = !wait,
        .job = {.choose = ferry_card_choose,
                .choose_ctx = bench_card(),
                .deflate = bench.can_deflate ? &bench.deflate : NULL,
                .journal_dir = bench_card_journal(),
                .log = bench_card_log(),
                .stores = bench.stores,
                .cargo = {.digest = &bench.digest}},
    };
}

static enum ferry_job_route route(void)
{
    const char *text = ferry_settings_text(kept_settings(), "route");
    return strcmp(text, "link") == 0   ? FERRY_JOB_ROUTE_LINK
           : strcmp(text, "auto") == 0 ? FERRY_JOB_ROUTE_AUTO
                                       : FERRY_JOB_ROUTE_ROM;
}

// ---- orders ----

static void start_one(unsigned port, const struct ferry_updater_wish *wish)
{
    struct ferry_fault fault;
    struct ferry_updater_wish own = *wish;
    if (bench_ports_only_link(port))
        own.route = FERRY_JOB_ROUTE_LINK;
    int status = depot_holds(port) ? FERRY_ERR_BUSY : ferry_updater_start(&bench.updater, port, &own);
    if (status == FERRY_OK) {
        bench.updater.ports[port].has_last = false;
        tell("%s: %s", name_of(port), wish->probe ? "looking who is there" : "connecting");
        return;
    }
    ferry_fault_set(&fault, status, "", "%s",
                    status == FERRY_ERR_BUSY ? "a job runs there already; \"abort\" ends it"
                                             : ferry_status_text(status));
    tell_fault(name_of(port), &fault);
}

// Nobody has named a firmware, and the depot is to say.
static void ask_depot(unsigned which)
{
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if ((which == i || (which == BENCH_ALL && bench_ports_used(i))) && depot_ask(i) != FERRY_OK)
            tell("%s: a job runs there already; \"abort\" ends it", name_of(i));
}

static void start(const struct bench_order *order)
{
    struct ferry_fault fault;
    struct ferry_updater_wish wish = order->wish;
    if (!wish.probe && !wish.cargo[0] && !wish.verify_only && depot_decides()) {
        ask_depot(order->port);
        return;
    }
    if (!wish.probe && !depot_names(wish.cargo) && bench_card_name(wish.cargo, sizeof wish.cargo, &fault) < 0) {
        tell_fault(NULL, &fault);
        panel_io_set(FERRY_PANEL_FAILED, fault.status);
        return;
    }
    if (!wish.set) {
        wish.set = true;
        wish.route = route();
        wish.erase_all = ferry_settings_on(kept_settings(), "erase_all");
    }
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (order->port == i || (order->port == BENCH_ALL && bench_ports_used(i)))
            start_one(i, &wish);
}

#if CONFIG_FERRY_UPDATER_DEPOT
static void fetch(const char *what)
{
    if (!bench_card_there())
        tell("%s", bench_card_text());
    else if (depot_fetch(what) != FERRY_OK)
        tell("something is fetched already; \"abort\" ends it");
}
#else
static void fetch(const char *what)
{
    (void)what;
}
#endif

static void abort_jobs(unsigned which)
{
    unsigned count = depot_abort(which);
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (which == BENCH_ALL || which == i)
            count += ferry_updater_abort(&bench.updater, i, now()) == FERRY_OK;
    if (count == 0)
        tell("nothing to abort");
}

static void tell_status(void)
{
    struct ferry_store_stats stats;
    ferry_store_pool_stats(bench.stores, &stats);
    tell("card: %s", bench_card_text());
    for (unsigned i = 0; i < BOARD_TARGETS; i++) {
        const struct ferry_updater_port *port = &bench.updater.ports[i];
        tell("%s: %s, %" PRIu32 " well, %" PRIu32 " failed", name_of(i),
             port->job_open ? ferry_job_state_name(port->job.state) : "idle", port->ok, port->failed);
    }
    network_tell_status();
    depot_tell_status();
    tell("heap: %" PRIu32 " bytes free, %" PRIu32
         " at least so far, largest piece %u; stack of this task: %u of %u left",
         esp_get_free_heap_size(), esp_get_minimum_free_heap_size(),
         (unsigned)heap_caps_get_largest_free_block(MALLOC_CAP_8BIT), (unsigned)uxTaskGetStackHighWaterMark(NULL),
         (unsigned)STACK);
    tell("kept of the card: %u bytes now, %u at most; a target's job %u bytes, the card's list %u",
         (unsigned)stats.memory, (unsigned)stats.memory_peak, (unsigned)sizeof(struct ferry_updater_port),
         (unsigned)sizeof(struct ferry_card));
}

static void configure(char *text)
{
    struct ferry_fault fault;
    char *value = strchr(text, '=');
    if (value)
        *value++ = 0;
    if (text[0] && ferry_settings_find(kept_settings(), text) == kept_settings()->count)
        tell("there is no setting \"%s\"; \"config\" shows them all", text);
    else if (value && kept_set(text, value[0] ? value : NULL, &fault) < 0)
        tell("%s", fault.what);
    else
        tell_settings(kept_settings(), text[0] ? text : NULL);
    memset(text, 0, strlen(text)); // it may have been a password
}

static void carry_out(struct bench_order *order)
{
    switch (order->what) {
    case BENCH_LOOK:
        bench_card_look(now());
        break;
    case BENCH_LIST:
        bench_card_list();
        break;
    case BENCH_START:
    case BENCH_PROBE:
        start(order);
        break;
    case BENCH_ABORT:
        abort_jobs(order->port);
        break;
    case BENCH_FETCH:
        fetch(order->wish.cargo);
        break;
    case BENCH_NEXT:
        panel_io_choose(bench_card_next());
        break;
    case BENCH_FORGET:
        bench_card_forget(now());
        break;
    case BENCH_LOG:
        tell_log(bench_card_log()->path, order->number);
        break;
    case BENCH_CONFIG:
        configure(order->wish.cargo);
        break;
    case BENCH_STATUS:
        tell_status();
        break;
    }
}

static void take_orders(void)
{
    struct letter letter;
    while (xQueueReceive(bench.orders, &letter, 0)) {
        carry_out(&letter.order);
        if (letter.sender)
            xTaskNotifyGive(letter.sender);
    }
}

bool bench_order(const struct bench_order *order, bool wait)
{
    struct letter letter = {.order = *order, .sender = wait ? xTaskGetCurrentTaskHandle() : NULL};
    if (!xQueueSend(bench.orders, &letter, 0))
        return false;
    ferry_idf_clock_wake(&bench.idf_clock);
    if (wait)
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    return true;
}

// ---- the loop ----

static bool idle(void)
{
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (bench.updater.ports[i].job_open && bench.updater.ports[i].state == FERRY_UPDATER_WORKING)
            return false;
    return !depot_busy();
}

static void begin_by_itself(void)
{
    if (strcmp(ferry_settings_text(kept_settings(), "auto"), "power-on") != 0)
        return;
    struct bench_order order = {.what = BENCH_START, .port = BENCH_ALL};
    start(&order);
}

static bool make_updater(void)
{
    struct ferry_updater_cfg cfg;
    struct ferry_store_cfg store = {.digest = &bench.digest, .deflate = bench.can_deflate ? &bench.deflate : NULL};
    store.memory_limit = bench.can_deflate ? 512u << 10 : FERRY_STORE_MEMORY_MIN;
    bench.stores = ferry_store_pool_new(&store);
    updater_cfg(&cfg);
    return bench.stores && ferry_updater_init(&bench.updater, &cfg) == FERRY_OK;
}

static void run(void *arg)
{
    bool begun = false;
    uint32_t rested_ms = now();
    (void)arg;
    bench_ports_init(&bench.idf_clock);
    bench_card_init();
    bench_card_watch(now()); // the card may have settings for the network
    depot_start(&bench.updater);
    network_start();
    if (!make_updater()) {
        tell("no memory for the updater: %" PRIu32 " bytes free", esp_get_free_heap_size());
        panel_io_set(FERRY_PANEL_FAILED, FERRY_ERR_NO_MEMORY);
        vTaskDelete(NULL);
    }
    for (;;) {
        uint32_t wait_ms = 0;
        take_orders();
        if (idle() && bench_card_watch(now()) && !begun) {
            begun = true;
            begin_by_itself();
        }
        network_poll(&bench.updater);
        depot_poll(bench_card_there(), now());
        ferry_updater_step(&bench.updater, now(), &wait_ms);
        show();
        if (wait_ms)
            bench.clock.wait(bench.clock.ctx, wait_ms < LONGEST_MS ? wait_ms : LONGEST_MS);
        else if (now() - rested_ms > REST_MS) // the idle task has to run now and then: it feeds the watchdog
            vTaskDelay(1);
        rested_ms = wait_ms || now() - rested_ms > REST_MS ? now() : rested_ms;
    }
}

void bench_start(void)
{
    bench.clock = ferry_idf_clock_init(&bench.idf_clock);
    bench.digest = ferry_idf_digest_init(&bench.idf_digest);
    bench.can_deflate = ferry_idf_deflate_init(&bench.idf_deflate, &bench.deflate);
    bench.orders = xQueueCreate(ORDERS, sizeof(struct letter));
    if (!bench.orders || xTaskCreate(run, "bench", STACK, NULL, PRIORITY, NULL) != pdPASS)
        tell("no memory for the bench");
}
