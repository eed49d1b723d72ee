#include "board.h"

const char *const board_target_names[BOARD_TARGETS] = {
    "T1",
#if BOARD_WIRES > 1
    "T2",
#endif
#if BOARD_NET
    "NET",
#endif
#if BOARD_BLE
    "BLE",
#endif
#if BOARD_NOW
    "NOW",
#endif
#if BOARD_PINS
    "PINS",
#endif
};

const struct ferry_idf_card_cfg board_card = {
    .path = BOARD_CARD_PATH,
#if CONFIG_FERRY_UPDATER_CARD_SDMMC
    .bus = FERRY_IDF_CARD_SDMMC,
    .width = CONFIG_FERRY_UPDATER_CARD_WIDTH,
    .pins = {CONFIG_FERRY_UPDATER_CARD_CLK, CONFIG_FERRY_UPDATER_CARD_CMD, CONFIG_FERRY_UPDATER_CARD_D0,
             CONFIG_FERRY_UPDATER_CARD_D1, CONFIG_FERRY_UPDATER_CARD_D2, CONFIG_FERRY_UPDATER_CARD_D3},
#else
    .bus = FERRY_IDF_CARD_SPI,
    .pins = {CONFIG_FERRY_UPDATER_CARD_CLK, CONFIG_FERRY_UPDATER_CARD_CMD, CONFIG_FERRY_UPDATER_CARD_D0,
             CONFIG_FERRY_UPDATER_CARD_CS},
#endif
    .khz = CONFIG_FERRY_UPDATER_CARD_KHZ,
    .detect = CONFIG_FERRY_UPDATER_CARD_DETECT,
    .files = 20, // the files of two builds, the log, two journals
};

const struct ferry_idf_uart_cfg board_uarts[BOARD_WIRES] = {
    {.port = CONFIG_FERRY_UPDATER_T1_UART,
     .tx_pin = CONFIG_FERRY_UPDATER_T1_TX,
     .rx_pin = CONFIG_FERRY_UPDATER_T1_RX,
     .pull_up_rx = true},
#if BOARD_WIRES > 1
    {.port = CONFIG_FERRY_UPDATER_T2_UART,
     .tx_pin = CONFIG_FERRY_UPDATER_T2_TX,
     .rx_pin = CONFIG_FERRY_UPDATER_T2_RX,
     .pull_up_rx = true},
#endif
};

#if CONFIG_FERRY_UPDATER_LINES_INVERTED
#define INVERTED .reset_inverted = true, .boot_inverted = true
#else
#define INVERTED .reset_inverted = false, .boot_inverted = false
#endif

const struct ferry_idf_lines_cfg board_lines[BOARD_WIRES] = {
    {.reset_pin = CONFIG_FERRY_UPDATER_T1_RESET, .boot_pin = CONFIG_FERRY_UPDATER_T1_BOOT, INVERTED},
#if BOARD_WIRES > 1
    {.reset_pin = CONFIG_FERRY_UPDATER_T2_RESET, .boot_pin = CONFIG_FERRY_UPDATER_T2_BOOT, INVERTED},
#endif
};

#if BOARD_PINS
const int board_pin_a = CONFIG_FERRY_UPDATER_PIN_A, board_pin_b = CONFIG_FERRY_UPDATER_PIN_B;
#endif
