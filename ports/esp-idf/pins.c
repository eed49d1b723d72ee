#include "ports/esp-idf/pins.h"

#include "driver/gpio.h"
#include "driver/gptimer.h"
#include "ferry/base/status.h"

enum { TIMER_HZ = 10000000, TICK_MIN = 100, TICK_MAX = 100000 };

static bool read_pin(void *ctx)
{
    const struct ferry_idf_pin *self = ctx;
    return gpio_get_level((gpio_num_t)self->gpio) != 0;
}

static void write_pin(void *ctx, bool level)
{
    const struct ferry_idf_pin *self = ctx;
    (void)gpio_set_level((gpio_num_t)self->gpio, level);
}

int ferry_idf_pin_open(struct ferry_idf_pin *self, int gpio, enum ferry_idf_pin_kind kind, struct ferry_pin *pin,
                       struct ferry_idf_error *error)
{
    static const gpio_mode_t modes[] = {GPIO_MODE_INPUT, GPIO_MODE_INPUT_OUTPUT, GPIO_MODE_INPUT_OUTPUT_OD};
    if (!GPIO_IS_VALID_GPIO(gpio) || (kind != FERRY_IDF_PIN_INPUT && !GPIO_IS_VALID_OUTPUT_GPIO(gpio)))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "see the data sheet for pins that can do this",
                              "GPIO%d cannot be used here", gpio);
    gpio_config_t config = {.pin_bit_mask = 1ULL << gpio,
                            .mode = modes[kind],
                            .pull_up_en = kind == FERRY_IDF_PIN_OUTPUT ? GPIO_PULLUP_DISABLE : GPIO_PULLUP_ENABLE,
                            .pull_down_en = GPIO_PULLDOWN_DISABLE,
                            .intr_type = GPIO_INTR_DISABLE};
    if (kind != FERRY_IDF_PIN_INPUT)
        (void)gpio_set_level((gpio_num_t)gpio, 1);
    esp_err_t esp = gpio_config(&config);
    if (esp != ESP_OK)
        return ferry_idf_fail(error, FERRY_ERR_ARG, esp, "", "GPIO%d", gpio);
    self->gpio = gpio;
    *pin = (struct ferry_pin){.ctx = self, .read = read_pin, .write = kind == FERRY_IDF_PIN_INPUT ? NULL : write_pin};
    return FERRY_OK;
}

static bool on_alarm(gptimer_handle_t timer, const gptimer_alarm_event_data_t *event, void *ctx)
{
    struct ferry_idf_ticker *self = ctx;
    (void)timer;
    (void)event;
    self->tick(self->ctx);
    return false;
}

static esp_err_t run(gptimer_handle_t timer, struct ferry_idf_ticker *self, uint32_t hz)
{
    gptimer_event_callbacks_t callbacks = {.on_alarm = on_alarm};
    gptimer_alarm_config_t alarm = {.alarm_count = TIMER_HZ / hz, .flags.auto_reload_on_alarm = true};
    esp_err_t esp = gptimer_register_event_callbacks(timer, &callbacks, self);
    if (esp == ESP_OK)
        esp = gptimer_set_alarm_action(timer, &alarm);
    if (esp == ESP_OK)
        esp = gptimer_enable(timer);
    return esp == ESP_OK ? gptimer_start(timer) : esp;
}

int ferry_idf_ticker_start(struct ferry_idf_ticker *self, uint32_t hz, void (*tick)(void *ctx), void *ctx,
                           struct ferry_idf_error *error)
{
    gptimer_handle_t timer = NULL;
    gptimer_config_t config = {
        .clk_src = GPTIMER_CLK_SRC_DEFAULT, .direction = GPTIMER_COUNT_UP, .resolution_hz = TIMER_HZ};
    *self = (struct ferry_idf_ticker){.tick = tick, .ctx = ctx};
    if (hz < TICK_MIN || hz > TICK_MAX)
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "100 to 100000 ticks a second", "%u ticks a second",
                              (unsigned)hz);
    esp_err_t esp = gptimer_new_timer(&config, &timer);
    if (esp == ESP_OK) {
        self->timer = timer;
        esp = run(timer, self, hz);
    }
    if (esp == ESP_OK)
        return FERRY_OK;
    ferry_idf_ticker_stop(self);
    return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, esp, "are all general purpose timers in use?",
                          "no timer for %u ticks a second", (unsigned)hz);
}

void ferry_idf_ticker_stop(struct ferry_idf_ticker *self)
{
    gptimer_handle_t timer = self->timer;
    if (!timer)
        return;
    (void)gptimer_stop(timer); // fails harmlessly where it was not started
    (void)gptimer_disable(timer);
    (void)gptimer_del_timer(timer);
    self->timer = NULL;
}
