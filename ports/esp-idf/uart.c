#include "ports/esp-idf/uart.h"

#include "driver/gpio.h"
#include "driver/uart.h"
#include "driver/uart_select.h"
#include "esp_attr.h"
#include "esp_idf_version.h"
#include "esp_intr_alloc.h"
#include "esp_timer.h"
#include "ferry/base/status.h"
#include "sdkconfig.h"
#include "soc/soc_caps.h"
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#include "driver/uart_vfs.h"
#define console_by_driver(port) uart_vfs_dev_use_driver(port)
#define console_by_hand(port) uart_vfs_dev_use_nonblocking(port)
#else
#include "esp_vfs_dev.h"
#define console_by_driver(port) esp_vfs_dev_uart_use_driver(port)
#define console_by_hand(port) esp_vfs_dev_uart_use_nonblocking(port)
#endif

#ifdef CONFIG_ESP_CONSOLE_UART_NUM
#define CONSOLE CONFIG_ESP_CONSOLE_UART_NUM
#else
#define CONSOLE (-1)
#endif

#ifdef SOC_UART_HP_NUM
#define PORTS SOC_UART_HP_NUM
#else
#define PORTS SOC_UART_NUM
#endif

enum { BAUD = 115200, DRAIN_MS = 2000, TX_MIN = 512, RX_MIN = 256, FIFO = 128, FIFO_TIMEOUT = 3, BITS_PER_BYTE = 10 };

// The driver's notification has no context, so the clocks are found by the number of the UART.
static struct ferry_idf_clock *volatile clocks[PORTS];

static void IRAM_ATTR arrived(uart_port_t port, uart_select_notif_t what, BaseType_t *higher)
{
    struct ferry_idf_clock *clock = clocks[port];
    if (what == UART_SELECT_READ_NOTIF && clock && ferry_idf_clock_wake_from_isr(clock))
        *higher = pdTRUE;
}

bool ferry_idf_uart_hears_always(void)
{
#ifdef CONFIG_UART_ISR_IN_IRAM
    return true;
#else
    return false;
#endif
}

// ---- the stream

static int read_bytes(void *ctx, uint8_t *buf, size_t cap)
{
    const struct ferry_idf_uart *self = ctx;
    int n = uart_read_bytes((uart_port_t)self->port, buf, (uint32_t)cap, 0);
    return n < 0 ? FERRY_ERR_WIRE_IO : n;
}

// What has been written and has not left yet, by the line's rate: the driver does not say how much its ring holds
// (before ESP-IDF 6 its "free size" counts the block under way only).
static size_t waiting(struct ferry_idf_uart *self)
{
    int64_t now_us = esp_timer_get_time();
    int64_t gone = (now_us - self->tx_us) * self->baud / (BITS_PER_BYTE * 1000000);
    if (gone > 0) {
        self->tx_waiting = gone < self->tx_waiting ? self->tx_waiting - (uint32_t)gone : 0;
        self->tx_us = now_us;
    }
    return self->tx_waiting;
}

// Writing blocks when the ring is full. It has an overhead per write, and the console's log may lie in it as well: half
// of it is used.
static int write_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
    struct ferry_idf_uart *self = ctx;
    size_t used = waiting(self), most = self->tx_buffer / 2;
    if (used >= most)
        return 0;
    len = len < most - used ? len : most - used;
    if (used == 0)
        self->tx_us = esp_timer_get_time();
    int n = uart_write_bytes((uart_port_t)self->port, bytes, len);
    if (n < 0)
        return FERRY_ERR_WIRE_IO;
    self->tx_waiting += (uint32_t)n;
    return n;
}

static int set_baud(void *ctx, uint32_t baud)
{
    struct ferry_idf_uart *self = ctx;
    (void)uart_wait_tx_done((uart_port_t)self->port, pdMS_TO_TICKS(DRAIN_MS));
    if (uart_set_baudrate((uart_port_t)self->port, baud) != ESP_OK)
        return FERRY_ERR_BAUD;
    self->baud = baud;
    return FERRY_OK;
}

static int pending(void *ctx)
{
    struct ferry_idf_uart *self = ctx;
    size_t n = waiting(self);
    if (n == 0 && uart_wait_tx_done((uart_port_t)self->port, 0) != ESP_OK)
        n = 1; // the last of it, or the log
    return (int)n;
}

// ---- opening

static int check(const struct ferry_idf_uart_cfg *cfg, struct ferry_idf_error *error)
{
    if (cfg->port < 0 || cfg->port >= PORTS)
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK,
                              "the first UART is 0; see the data sheet for how many there are", "there is no UART%d",
                              cfg->port);
    if ((cfg->tx_pin >= 0 && !GPIO_IS_VALID_OUTPUT_GPIO(cfg->tx_pin)) ||
        (cfg->rx_pin >= 0 && !GPIO_IS_VALID_GPIO(cfg->rx_pin)))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "TX needs a pin that can be an output",
                              "UART%d: GPIO%d (TX) or GPIO%d (RX) is no such pin", cfg->port, cfg->tx_pin, cfg->rx_pin);
    if ((cfg->rx_buffer && cfg->rx_buffer < RX_MIN) || (cfg->tx_buffer && cfg->tx_buffer < TX_MIN) ||
        cfg->fifo_full > FIFO - 8)
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "256 and 512 bytes at least",
                              "UART%d: buffers of %u and %u", cfg->port, (unsigned)cfg->rx_buffer,
                              (unsigned)cfg->tx_buffer);
    return FERRY_OK;
}

static int install(struct ferry_idf_uart *self, const struct ferry_idf_uart_cfg *cfg, struct ferry_idf_error *error)
{
    int rx = cfg->rx_buffer ? (int)cfg->rx_buffer : FERRY_IDF_UART_RX;
    int flags = 0;
#ifdef CONFIG_UART_ISR_IN_IRAM
    flags = ESP_INTR_FLAG_IRAM;
#endif
    self->tx_buffer = cfg->tx_buffer ? cfg->tx_buffer : FERRY_IDF_UART_TX;
    if (uart_is_driver_installed((uart_port_t)cfg->port))
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_ERR_INVALID_STATE,
                              "something else in this program uses it: take another UART",
                              "UART%d has a driver already", cfg->port);
    esp_err_t esp = uart_driver_install((uart_port_t)cfg->port, rx, (int)self->tx_buffer, 0, NULL, flags);
    if (esp != ESP_OK)
        return ferry_idf_fail(error,
                              esp == ESP_ERR_NO_MEM || esp == ESP_FAIL ? FERRY_ERR_NO_MEMORY : FERRY_ERR_WIRE_OPEN, esp,
                              "", "UART%d with %d + %u bytes of buffer", cfg->port, rx, (unsigned)self->tx_buffer);
    self->port = cfg->port;
    return FERRY_OK;
}

static esp_err_t set_up(const struct ferry_idf_uart_cfg *cfg)
{
    uart_port_t port = (uart_port_t)cfg->port;
    uart_config_t config = {.baud_rate = cfg->baud ? (int)cfg->baud : BAUD,
                            .data_bits = UART_DATA_8_BITS,
                            .parity = UART_PARITY_DISABLE,
                            .stop_bits = UART_STOP_BITS_1,
                            .flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
                            .source_clk = UART_SCLK_DEFAULT};
    esp_err_t esp = uart_param_config(port, &config);
    if (esp == ESP_OK)
        esp = uart_set_pin(port, cfg->tx_pin >= 0 ? cfg->tx_pin : UART_PIN_NO_CHANGE,
                           cfg->rx_pin >= 0 ? cfg->rx_pin : UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE);
    if (esp == ESP_OK)
        esp = uart_set_rx_full_threshold(port, cfg->fifo_full ? cfg->fifo_full : FERRY_IDF_UART_FIFO);
    if (esp == ESP_OK)
        esp = uart_set_rx_timeout(port, FIFO_TIMEOUT);
    if (esp == ESP_OK && cfg->pull_up_rx && cfg->rx_pin >= 0)
        esp = gpio_pullup_en((gpio_num_t)cfg->rx_pin);
    return esp;
}

int ferry_idf_uart_open(struct ferry_idf_uart *self, const struct ferry_idf_uart_cfg *cfg, struct ferry_stream *stream,
                        struct ferry_idf_error *error)
{
    *self = (struct ferry_idf_uart){.port = -1};
    int status = check(cfg, error);
    if (status >= 0)
        status = install(self, cfg, error);
    if (status < 0)
        return status;
    esp_err_t esp = set_up(cfg);
    if (esp != ESP_OK) {
        ferry_idf_uart_close(self);
        return ferry_idf_fail(error, FERRY_ERR_BAUD, esp, "see the data sheet for rates and pins",
                              "UART%d cannot be set to %u baud", cfg->port, (unsigned)cfg->baud);
    }
    self->baud = cfg->baud ? cfg->baud : BAUD;
    self->console = cfg->port == CONSOLE;
    if (self->console)
        console_by_driver(cfg->port);
    clocks[cfg->port] = cfg->clock;
    if (cfg->clock) {
        cfg->clock->woken = true;
        uart_set_select_notif_callback((uart_port_t)cfg->port, arrived);
    }
    *stream = (struct ferry_stream){
        .ctx = self, .read = read_bytes, .write = write_bytes, .set_baud = set_baud, .pending = pending};
    return FERRY_OK;
}

void ferry_idf_uart_close(struct ferry_idf_uart *self)
{
    if (self->port < 0)
        return;
    uart_set_select_notif_callback((uart_port_t)self->port, NULL);
    clocks[self->port] = NULL;
    if (self->console)
        console_by_hand(self->port);
    (void)uart_wait_tx_done((uart_port_t)self->port, pdMS_TO_TICKS(DRAIN_MS));
    (void)uart_driver_delete((uart_port_t)self->port);
    self->port = -1;
}
