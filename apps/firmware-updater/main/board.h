// What is connected where: Kconfig's pins as the ports want them.
#ifndef FERRY_FIRMWARE_BOARD_H
#define FERRY_FIRMWARE_BOARD_H

#include "ports/esp-idf/card.h"
#include "ports/esp-idf/lines.h"
#include "ports/esp-idf/uart.h"
#include "sdkconfig.h"

#define BOARD_CARD_PATH "/sdcard"
#if CONFIG_FERRY_UPDATER_TWO_TARGETS
#define BOARD_WIRES 2
#else
#define BOARD_WIRES 1
#endif
#if CONFIG_FERRY_UPDATER_NETWORK
#define BOARD_NET 1 // a receiver on the network, behind the wires
#else
#define BOARD_NET 0
#endif
#if CONFIG_FERRY_UPDATER_TARGET_BLE
#define BOARD_BLE 1
#else
#define BOARD_BLE 0
#endif
#if CONFIG_FERRY_UPDATER_TARGET_ESPNOW
#define BOARD_NOW 1
#else
#define BOARD_NOW 0
#endif
#if CONFIG_FERRY_UPDATER_TARGET_PINS
#define BOARD_PINS 1
#else
#define BOARD_PINS 0
#endif
#define BOARD_LINKS (BOARD_NET + BOARD_BLE + BOARD_NOW + BOARD_PINS)
#define BOARD_TARGETS (BOARD_WIRES + BOARD_LINKS)

#if BOARD_LINKS
enum board_link {
#if BOARD_NET
    BOARD_LINK_NET,
#endif
#if BOARD_BLE
    BOARD_LINK_BLE,
#endif
#if BOARD_NOW
    BOARD_LINK_NOW,
#endif
#if BOARD_PINS
    BOARD_LINK_PINS,
#endif
};
#endif

extern const char *const board_target_names[BOARD_TARGETS]; // "T1", "T2", "NET", "BLE", "NOW", "PINS"
extern const struct ferry_idf_card_cfg board_card;
extern const struct ferry_idf_uart_cfg board_uarts[BOARD_WIRES]; // without a clock
extern const struct ferry_idf_lines_cfg board_lines[BOARD_WIRES];
#if BOARD_PINS
extern const int board_pin_a, board_pin_b; // TX and RX, or clock and data
#endif

#endif
