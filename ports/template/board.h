// What a port needs from a board, in the board's own terms: replace these declarations by your HAL's. A port is port.c
// over this; nothing else of Ferry has to know the board.
#ifndef PORTS_TEMPLATE_BOARD_H
#define PORTS_TEMPLATE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A UART with a receive buffer filled by interrupt or DMA, of 4 KB or more.
size_t board_uart_read(uint8_t *buf, size_t cap);          // what has arrived; does not wait
size_t board_uart_write(const uint8_t *bytes, size_t len); // what there is room for; does not wait
size_t board_uart_unsent(void);                            // bytes that have not left yet
bool board_uart_set_baud(uint32_t baud);                   // false: this rate is not possible
void board_pin_low(bool reset, bool boot);                 // pull low, or let go: open drain
uint32_t board_millis(void);                               // may wrap
void board_sleep(uint32_t ms);                             // until an interrupt or so long
// Only on a target (a receiver): its own flash.
bool board_flash_read(uint32_t address, void *bytes, size_t len);
bool board_flash_write(uint32_t address, const void *bytes, size_t len); // only clears bits
bool board_flash_erase(uint32_t address, size_t len);                    // 4096 or 65536 bytes

#endif
