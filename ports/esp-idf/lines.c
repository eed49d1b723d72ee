#include "ports/esp-idf/lines.h"

#include "driver/gpio.h"
#include "ferry/base/status.h"

static void put(int pin, bool asserted, bool inverted)
{
    if (pin >= 0)
        (void)gpio_set_level((gpio_num_t)pin, asserted == inverted);
}

// The boot pin first: it has to be there when reset ends.
static int set(void *ctx, bool reset_asserted, bool boot_asserted)
{
    const struct ferry_idf_lines *self = ctx;
    put(self->cfg.boot_pin, boot_asserted, self->cfg.boot_inverted);
    put(self->cfg.reset_pin, reset_asserted, self->cfg.reset_inverted);
    return FERRY_OK;
}

static int open_pin(int pin, bool inverted, const char *name, struct ferry_idf_error *error)
{
    if (pin < 0)
        return FERRY_OK;
    if (!GPIO_IS_VALID_OUTPUT_GPIO(pin))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "take a pin that can be an output",
                              "the %s line cannot be on GPIO%d", name, pin);
    // The level before the direction, so that the target sees no short reset.
    esp_err_t esp = gpio_set_level((gpio_num_t)pin, !inverted);
    gpio_config_t config = {.pin_bit_mask = 1ULL << pin,
                            .mode = inverted ? GPIO_MODE_OUTPUT : GPIO_MODE_OUTPUT_OD,
                            .pull_up_en = GPIO_PULLUP_DISABLE,
                            .pull_down_en = GPIO_PULLDOWN_DISABLE,
                            .intr_type = GPIO_INTR_DISABLE};
    if (esp == ESP_OK)
        esp = gpio_config(&config);
    if (esp != ESP_OK)
        return ferry_idf_fail(error, FERRY_ERR_ARG, esp, "", "the %s line on GPIO%d", name, pin);
    return FERRY_OK;
}

int ferry_idf_lines_open(struct ferry_idf_lines *self, const struct ferry_idf_lines_cfg *cfg, struct ferry_lines *lines,
                         struct ferry_idf_error *error)
{
    self->cfg = (struct ferry_idf_lines_cfg){.reset_pin = -1, .boot_pin = -1};
    int status = open_pin(cfg->boot_pin, cfg->boot_inverted, "boot", error);
    if (status >= 0)
        status = open_pin(cfg->reset_pin, cfg->reset_inverted, "reset", error);
    if (status < 0)
        return status;
    self->cfg = *cfg;
    *lines = (struct ferry_lines){.ctx = self, .set = set};
    return FERRY_OK;
}

void ferry_idf_lines_close(struct ferry_idf_lines *self)
{
    (void)set(self, false, false);
    if (self->cfg.boot_pin >= 0)
        (void)gpio_reset_pin((gpio_num_t)self->cfg.boot_pin);
    if (self->cfg.reset_pin >= 0)
        (void)gpio_reset_pin((gpio_num_t)self->cfg.reset_pin);
    self->cfg = (struct ferry_idf_lines_cfg){.reset_pin = -1, .boot_pin = -1};
}
