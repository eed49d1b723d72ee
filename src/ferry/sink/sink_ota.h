// The OTA slot as a sink: an application image goes into the slot that does not run, and is selected in otadata when
// all of it is right. Formats and rules are those of ESP-IDF's stock bootloader; docs/decisions/0005-sinks.md says why
// each step is as it is, docs/guide/trial-boot.md how a new firmware is tried.
//
//   ferry_sink_ota_init(&ota, &cfg);                          // at every start of the target
//   if (ferry_sink_ota_boot(&ota) == FERRY_SINK_OTA_RESTART)  // looks after a trial; then restart at once
//       restart();
//   struct ferry_sink sink = ferry_sink_ota(&ota);
//
// Nothing is remembered but in flash: init() and boot() find out where things stand.
#ifndef FERRY_SINK_SINK_OTA_H
#define FERRY_SINK_SINK_OTA_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/digest.h"
#include "ferry/io/flash.h"
#include "ferry/io/sink.h"
#include "ferry/sink/sink_flash.h"
#include "ferry/sink/sink_layout.h"
#include "ferry/sink/sink_otadata.h"
#include "ferry/sink/sink_record.h"

#define FERRY_SINK_OTA_RESTART 1
#define FERRY_SINK_OTA_HEAD 256 // bytes withheld until the hash over all the rest is right
#define FERRY_SINK_OTA_POWER 8  // power losses during one trial that do not count as failures

struct ferry_sink_ota_cfg {
    const struct ferry_flash *flash;
    const struct ferry_digest *digest;
    uint32_t table;          // address of the partition table; 0 = 0x8000
    uint32_t running;        // address of the partition that runs (esp_ota_get_running_partition()->address)
    uint16_t chip, revision; // chip id of image headers; major * 100 + minor
    uint8_t mac[6];
    const char *project, *version; // of the running firmware, up to 32 characters; NULL = ""
    // The bootloader is built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE: then a new firmware has one attempt, and a
    // crash, a hang that a watchdog ends, or a firmware without a receiver brings the old one back.
    bool rollback;
    // Failed starts until a new firmware is given up, counted by the sink; 1 .. 8. 0 = the bootloader's one attempt
    // alone (without rollback: as 1).
    uint8_t attempts;
    bool power_on;     // this start followed a loss of power (ESP_RST_POWERON), not a crash or a restart
    uint16_t erase_ms; // what erasing 64 KiB takes at most; 0 = 400
    bool deaf;         // nothing is received while the flash erases
    void *restart_ctx;
    int (*restart)(void *ctx); // NULL: reboot() says 0 and does nothing
};

enum ferry_sink_ota_phase {
    FERRY_SINK_OTA_IDLE = 0, // no update
    FERRY_SINK_OTA_OPEN,     // begun; nothing was changed in flash yet
    FERRY_SINK_OTA_WRITING,  // the running firmware is selected explicitly, the slot is being written
    FERRY_SINK_OTA_DONE,     // selected: starts with the next reboot
};

struct ferry_sink_ota {
    struct ferry_sink_ota_cfg cfg;
    struct ferry_sink_layout layout;
    struct ferry_sink_otadata otadata;
    int8_t running; // slot number as in sink_layout.h
    int8_t target;  // of the update that is open
    int8_t home;    // sector of the running firmware's entry and records; -1 = none yet
    enum ferry_sink_ota_phase phase;
    enum ferry_boot_state boot_state;
    struct ferry_sink_record record; // the last update's, its trial's; address 0 = none
    bool given_up;                   // the running firmware: until the next reboot
    // The update that is open.
    struct ferry_manifest manifest;
    struct ferry_sink_place place;
    uint8_t head[FERRY_SINK_OTA_HEAD];
    uint16_t head_len;             // that have come
    uint32_t ready_from, ready_to; // prepared
    struct ferry_sink_flash_hash hash;
    uint8_t end_step;
    // Of the running image, once asked for.
    bool running_known;
    uint8_t running_sha256[32];
};

// Reads partition table and otadata. 0; FERRY_ERR_ARG; FERRY_ERR_PARTITION_TABLE; FERRY_ERR_NO_PLACE: nothing in the
// table begins at cfg.running; FERRY_ERR_STORAGE_READ. Copies cfg; flash, digest and texts stay the caller's.
int ferry_sink_ota_init(struct ferry_sink_ota *self, const struct ferry_sink_ota_cfg *cfg);
// Once per start of the target, before anything else that may fail: counts an attempt, notes why a firmware was given
// up, gives the next attempt or goes back. 0, FERRY_SINK_OTA_RESTART (what is selected is not what runs: restart the
// target now), FERRY_ERR_STORAGE_READ, FERRY_ERR_WRITE_FAILED.
int ferry_sink_ota_boot(struct ferry_sink_ota *self);
// The interface. self must outlive it. begin() additionally returns FERRY_ERR_NO_PLACE where the table has no otadata
// of two sectors, so that nothing could be selected.
struct ferry_sink ferry_sink_ota(struct ferry_sink_ota *self);
// The slot that an update would go to, -1 = none (see begin()).
int ferry_sink_ota_target(const struct ferry_sink_ota *self);

#endif
