// The smallest firmware that can be updated: it counts seconds, and takes its successor over the wire that menuconfig
// names while it does so.
#include <stdbool.h>
#include <stdlib.h>

#include "esp_app_desc.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "ferry_receiver.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "ports/esp-idf/net.h"
#include "ports/esp-idf/settings.h"
#include "sdkconfig.h"

static const char tag[] = "app";

enum { SECOND_MS = 1000, MEASURE_S = 10, CRASH_S = 2 };

static void on_event(void *ctx, enum ferry_receiver_event event)
{
    static const char *const texts[] = {"",
                                        "on trial: confirm me, or the old firmware comes back",
                                        "the last update was given up",
                                        "an update has begun",
                                        "an update is complete; it starts with the next reboot",
                                        "the update was aborted",
                                        "confirmed: here to stay",
                                        "given up: the old firmware is next",
                                        "restarting"};
    (void)ctx;
    ESP_LOGI(tag, "%s", texts[event]);
}

// What the chosen wire needs before it can be used. false: the log says why not.
static bool bring_up(void)
{
#if defined CONFIG_RECEIVER_WIRE_ETHERNET
    return ferry_idf_net_ethernet(CONFIG_RECEIVER_ADDRESS, NULL) >= 0;
#elif defined CONFIG_RECEIVER_WIRE_WIFI
    return ferry_idf_settings_init(NULL) >= 0 &&
           ferry_idf_wifi_join(CONFIG_RECEIVER_SSID, CONFIG_RECEIVER_PASSWORD, NULL) >= 0;
#elif defined CONFIG_RECEIVER_WIRE_ESPNOW
    return ferry_idf_settings_init(NULL) >= 0 && ferry_idf_wifi_radio(CONFIG_RECEIVER_ESPNOW_CHANNEL, NULL) >= 0;
#elif defined CONFIG_RECEIVER_WIRE_BLE
    return ferry_idf_settings_init(NULL) >= 0;
#else
    return true;
#endif
}

static struct ferry_receiver_config configuration(void)
{
    return (struct ferry_receiver_config)
    {
#if defined CONFIG_RECEIVER_WIRE_ETHERNET || defined CONFIG_RECEIVER_WIRE_WIFI
        .wire = FERRY_RECEIVER_TCP,
#elif defined CONFIG_RECEIVER_WIRE_BLE
        .wire = FERRY_RECEIVER_BLE,
#elif defined CONFIG_RECEIVER_WIRE_ESPNOW
        .wire = FERRY_RECEIVER_ESPNOW,
#elif defined CONFIG_RECEIVER_WIRE_SOFT_UART
        .wire = FERRY_RECEIVER_SOFT_UART, .tx_pin = CONFIG_RECEIVER_PIN_A, .rx_pin = CONFIG_RECEIVER_PIN_B,
#elif defined CONFIG_RECEIVER_WIRE_TWO_WIRE
        .wire = FERRY_RECEIVER_TWO_WIRE, .clock_pin = CONFIG_RECEIVER_PIN_A, .data_pin = CONFIG_RECEIVER_PIN_B,
#else
        .wire = FERRY_RECEIVER_UART, .uart = CONFIG_RECEIVER_UART, .tx_pin = CONFIG_RECEIVER_UART_TX,
        .rx_pin = CONFIG_RECEIVER_UART_RX, .baud = CONFIG_RECEIVER_UART_BAUD, .max_baud = CONFIG_RECEIVER_UART_MAX_BAUD,
#endif
        .confirm_ms = CONFIG_RECEIVER_CONFIRM_S * SECOND_MS, .event = on_event,
    };
}

static void measure(unsigned seconds)
{
    struct ferry_receiver_figures figures;
    if (ferry_receiver_measure(&figures) != ESP_OK)
        return;
    ESP_LOGI(tag, "%u s; receiver: stack %lu of %u bytes never used, heap %lu bytes", seconds,
             (unsigned long)figures.stack_free, FERRY_RECEIVER_STACK, (unsigned long)figures.heap);
}

void app_main(void)
{
    const esp_app_desc_t *app = esp_app_get_description();
    const esp_partition_t *running = esp_ota_get_running_partition();
    struct ferry_receiver_config config = configuration();
    ESP_LOGI(tag, "%s %s runs from %s", app->project_name, app->version, running->label);
    if (bring_up() && ferry_receiver_start(&config) == ESP_OK)
        ESP_LOGI(tag, "waiting for updates%s", ferry_receiver_on_trial() ? "; on trial" : "");
    for (unsigned seconds = 1;; seconds++) { // the application
        vTaskDelay(pdMS_TO_TICKS(SECOND_MS));
#ifdef CONFIG_RECEIVER_BROKEN
        if (seconds == CRASH_S)
            abort();
#endif
        if (seconds % MEASURE_S == 0)
            measure(seconds);
    }
}
