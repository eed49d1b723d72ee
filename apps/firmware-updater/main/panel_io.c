#include "panel_io.h"

#include "driver/gpio.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "ports/esp-idf/clock.h"
#include "sdkconfig.h"

#define EVERY_US 10000
#if CONFIG_FERRY_UPDATER_LED_LOW
#define LIT 0
#else
#define LIT 1
#endif

static struct ferry_panel panel;
static portMUX_TYPE guard = portMUX_INITIALIZER_UNLOCKED;
static void (*on_action)(enum ferry_panel_action action);

void panel_io_set(enum ferry_panel_state state, int status)
{
    portENTER_CRITICAL(&guard);
    ferry_panel_set(&panel, state, status, ferry_idf_clock_now());
    portEXIT_CRITICAL(&guard);
}

void panel_io_choose(uint32_t number)
{
    portENTER_CRITICAL(&guard);
    ferry_panel_choose(&panel, number, ferry_idf_clock_now());
    portEXIT_CRITICAL(&guard);
}

static bool is_pressed(void)
{
    return CONFIG_FERRY_UPDATER_BUTTON >= 0 && gpio_get_level((gpio_num_t)CONFIG_FERRY_UPDATER_BUTTON) == 0;
}

static void look(void *arg)
{
    (void)arg;
    uint32_t now = ferry_idf_clock_now();
    bool pressed = is_pressed();
    portENTER_CRITICAL(&guard);
    enum ferry_panel_action action = ferry_panel_button(&panel, pressed, now);
    bool led = ferry_panel_led(&panel, now);
    portEXIT_CRITICAL(&guard);
    if (CONFIG_FERRY_UPDATER_LED >= 0)
        gpio_set_level((gpio_num_t)CONFIG_FERRY_UPDATER_LED, led ? LIT : !LIT);
    if (action != FERRY_PANEL_NOTHING)
        on_action(action);
}

void panel_io_start(void (*action)(enum ferry_panel_action action))
{
    esp_timer_handle_t timer;
    const esp_timer_create_args_t cfg = {.callback = look, .name = "ferry_panel"};
    on_action = action;
    if (CONFIG_FERRY_UPDATER_BUTTON >= 0) {
        gpio_config_t pin = {.pin_bit_mask = 1ULL << (CONFIG_FERRY_UPDATER_BUTTON & 63),
                             .mode = GPIO_MODE_INPUT,
                             .pull_up_en = GPIO_PULLUP_ENABLE};
        gpio_config(&pin);
    }
    if (CONFIG_FERRY_UPDATER_LED >= 0) {
        gpio_config_t pin = {.pin_bit_mask = 1ULL << (CONFIG_FERRY_UPDATER_LED & 63), .mode = GPIO_MODE_OUTPUT};
        gpio_config(&pin);
    }
    if (esp_timer_create(&cfg, &timer) == ESP_OK)
        esp_timer_start_periodic(timer, EVERY_US);
}
