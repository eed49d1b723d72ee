// The updater: settings, then the panel, the network, the bench and the console. All decisions are in updater/.
#include "bench.h"
#include "commands.h"
#include "esp_app_desc.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "kept.h"
#include "panel_io.h"
#include "tell.h"

// From the timer's task.
static void on_panel(enum ferry_panel_action action)
{
    static const enum bench_do orders[] = {[FERRY_PANEL_START] = BENCH_START,
                                           [FERRY_PANEL_NEXT] = BENCH_NEXT,
                                           [FERRY_PANEL_FORGET] = BENCH_FORGET,
                                           [FERRY_PANEL_ABORT] = BENCH_ABORT};
    struct bench_order order = {.what = orders[action], .port = BENCH_ALL};
    bench_order(&order, false);
}

void app_main(void)
{
    esp_log_level_set("*", ESP_LOG_WARN);
    const esp_app_desc_t *app = esp_app_get_description();
    tell("\nFerry updater %s", app->version);
    kept_init();
    bench_start();
    panel_io_start(on_panel);
    commands_start();
    esp_ota_mark_app_valid_cancel_rollback(); // it runs: the updater's own update is there to stay
}
