// A UART as a stream, on ESP-IDF's driver, set up so that neither flash writes nor Wi-Fi lose bytes: the interrupt runs
// from IRAM (with CONFIG_UART_ISR_IN_IRAM), takes bytes from the 128-byte FIFO early, and has a large ring behind it.
//
// On the UART of the console (CONFIG_ESP_CONSOLE_UART_NUM) the log goes through the same driver from then on, so that a
// line of the log comes between frames and not into the middle of one. What a panic prints still goes past it.
#ifndef PORTS_ESP_IDF_UART_H
#define PORTS_ESP_IDF_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/stream.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/error.h"

#define FERRY_IDF_UART_RX 10240 // bytes: what comes in 111 ms at 921600 baud, while a 64 KB block is erased
#define FERRY_IDF_UART_TX 4096
#define FERRY_IDF_UART_FIFO 32 // bytes in the FIFO at which the interrupt comes; 96 more fit meanwhile
#define FERRY_IDF_UART_PIN_KEEP (-1)

struct ferry_idf_uart_cfg {
    int port;                      // 0 .. SOC_UART_NUM - 1
    int tx_pin, rx_pin;            // GPIO numbers, FERRY_IDF_UART_PIN_KEEP = as they are (UART0: the chip's own pins)
    uint32_t baud;                 // 0 = 115200
    uint32_t rx_buffer;            // bytes, 0 = FERRY_IDF_UART_RX, at least 256
    uint32_t tx_buffer;            // bytes, 0 = FERRY_IDF_UART_TX, at least 512
    uint8_t fifo_full;             // 0 = FERRY_IDF_UART_FIFO, 1 .. 120
    bool pull_up_rx;               // a target that is switched off or in reset does not look like noise
    struct ferry_idf_clock *clock; // is woken by bytes; NULL = none
};

struct ferry_idf_uart {
    int port; // -1 = closed
    uint32_t tx_buffer, baud;
    uint32_t tx_waiting; // bytes written that have not left, as of tx_us
    int64_t tx_us;
    bool console;
};

// Installs the driver. Fills *stream, whose ctx is self (which has to stay where it is). Heap: both buffers and about
// 1 KB. 0, or FERRY_ERR_ARG (no such UART or pin), FERRY_ERR_WIRE_OPEN (the driver is installed already),
// FERRY_ERR_BAUD, FERRY_ERR_NO_MEMORY with *error. set_baud() waits until what was written has left (at most 2 s).
int ferry_idf_uart_open(struct ferry_idf_uart *self, const struct ferry_idf_uart_cfg *cfg, struct ferry_stream *stream,
                        struct ferry_idf_error *error);
// Closing twice is harmless; so is closing a struct whose port is -1.
void ferry_idf_uart_close(struct ferry_idf_uart *self);
// Bytes go on being received while flash is erased and written (the interrupt is in IRAM). What receivers need to know:
// cfg.deaf is the opposite.
bool ferry_idf_uart_hears_always(void);

#endif
