// The SD card: FAT on SDMMC (ESP32, ESP32-S3, ESP32-P4) or over SPI (every chip), mounted into the C library's files.
// Looking whether it is still there, unmounting it, mounting it again.
#ifndef PORTS_ESP_IDF_CARD_H
#define PORTS_ESP_IDF_CARD_H

#include <stdbool.h>
#include <stdint.h>

enum ferry_idf_card_bus { FERRY_IDF_CARD_SPI = 0, FERRY_IDF_CARD_SDMMC };

struct ferry_idf_card_cfg {
    const char *path; // where it is mounted: "/sdcard"; the caller's, as long as the card is in use
    enum ferry_idf_card_bus bus;
    uint8_t width;  // SDMMC: data lines, 1 or 4
    uint32_t khz;   // highest clock; 0 = 20 MHz
    int8_t pins[6]; // SDMMC: CLK, CMD, D0 .. D3 (not looked at on the ESP32, where they are fixed); SPI: SCK, MOSI,
                    // MISO, CS
    int8_t detect;  // pin of the socket's switch, low = a card is in; -1 = none
    uint8_t files;  // open at the same time; 0 = 8
};

// All zero: not mounted.
struct ferry_idf_card {
    struct ferry_idf_card_cfg cfg;
    void *card; // sdmmc_card_t, NULL = not mounted
    bool bus_ready;
    char name[16];      // what the card calls itself
    uint32_t megabytes; // of the card
    const char *reason; // of the last failure, for people; static text
};

// Copies cfg, touches nothing.
void ferry_idf_card_init(struct ferry_idf_card *self, const struct ferry_idf_card_cfg *cfg);
// Powers the bus up and mounts. 0; FERRY_ERR_STORAGE_MISSING (no card answers), FERRY_ERR_STORAGE_READ (a card, but no
// FAT that can be read), FERRY_ERR_NO_MEMORY, FERRY_ERR_UNSUPPORTED (SDMMC on a chip that has none), FERRY_ERR_ARG (the
// bus refuses the pins). Takes up to a second. Nothing to do when it is mounted already.
int ferry_idf_card_mount(struct ferry_idf_card *self);
// Asks the card for its status: false = it is out (or dead). Not while a file operation runs in another task.
bool ferry_idf_card_present(const struct ferry_idf_card *self);
// All files must be closed. Safe when it is not mounted, or the card has gone.
void ferry_idf_card_unmount(struct ferry_idf_card *self);
// Bytes; 0 or FERRY_ERR_STORAGE_READ. The first call may have to read the whole FAT.
int ferry_idf_card_space(const struct ferry_idf_card *self, uint64_t *free_bytes, uint64_t *total_bytes);

#endif
